"""Finds DynamoDB's endpoint in a Region without botocore's list of all services' endpoints.

Parsing that list (1.2 MB of JSON) takes a twentieth of the first request. botocore has separate
rules for each service's endpoints, and uses the list only for a Region's partition and signature
version.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.regions import EndpointResolver

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from botocore.session import Session

#: Files that override botocore's own endpoints if a user puts them on its search path.
_FILES = ("endpoints.json", "endpoints.json.gz", "partitions.json", "partitions.json.gz")


def use_known_regions(session: Session) -> None:
    """Make a session use `KnownRegions`, unless the user overrides botocore's endpoints."""
    loader = session.get_component("data_loader")
    components = getattr(session, "_internal_components", None)
    folders = [Path(path) for path in loader.search_paths if not loader.is_builtin_path(path)]
    overridden = any((folder / name).exists() for folder in folders for name in _FILES)
    if components is not None and not overridden:
        components.register_component("endpoint_resolver", KnownRegions(loader))


class KnownRegions(EndpointResolver):
    """A resolver like botocore's that parses the list only when needed."""

    uses_builtin_data = True

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def construct_endpoint(
        self, service_name: str, region_name: str | None = None, *args: Any, **variants: Any
    ) -> Any:
        """Return the endpoint of a service in a Region."""
        partition = self._partitions.get(region_name)
        if service_name != "dynamodb" or partition is None or args or any(variants.values()):
            return super().construct_endpoint(service_name, region_name, *args, **variants)
        suffix = partition["outputs"]["dnsSuffix"]
        return {
            "partition": partition["id"],
            "dnsSuffix": suffix,
            "endpointName": region_name,
            "hostname": f"dynamodb.{region_name}.{suffix}",
            "protocols": ["https"],
            "signatureVersions": ["v4"],
        }

    @cached_property
    def _partitions(self) -> dict[str | None, dict[str, Any]]:
        """The partition of each Region."""
        partitions = self._loader.load_data("partitions")["partitions"]
        return {
            region: partition
            for partition in partitions
            for region in partition["regions"]
            if not region.endswith("-global")
        }

    @cached_property
    def _endpoint_data(self) -> Any:  # read by the base class
        return self._loader.load_data("endpoints")

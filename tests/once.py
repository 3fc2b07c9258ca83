"""Save work that every test would repeat: parsing botocore's models, collecting garbage."""

from __future__ import annotations

import gc
from typing import Any

from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader, Loader

#: New container objects after which Python collects garbage; its default is 700.
GARBAGE_THRESHOLD = 50_000


def cache_botocore_models() -> None:
    """Keep what botocore reads and derives for each session or client.

    That is its parsed JSON files (2 MB), which the clients of one session already share and never
    change, its list of services, and the names of its events.
    """
    real = JSONFileLoader.load_file
    parsed: dict[str, Any] = {}

    def load_file(loader: JSONFileLoader, file_path: str) -> Any:
        if file_path not in parsed:
            parsed[file_path] = real(loader, file_path)
        return parsed[file_path]

    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010

    real_list: Any = Loader.list_available_services
    listed: dict[tuple[str, ...], list[str]] = {}

    def list_available_services(loader: Loader, type_name: str) -> list[str]:
        where = (type_name, *loader.search_paths)
        if where not in listed:
            listed[where] = real_list(loader, type_name)
        return listed[where]

    setattr(Loader, "list_available_services", list_available_services)  # noqa: B010

    real_init: Any = EventAliaser.__init__
    names: dict[str, str] = {}

    def init(aliaser: Any, *arguments: Any) -> None:
        real_init(aliaser, *arguments)
        aliaser._alias_name_cache = names

    setattr(EventAliaser, "__init__", init)  # noqa: B010


def collect_garbage_less_often() -> None:
    """Exclude modules that are loaded before the first test: they stay until the end."""
    if not gc.get_freeze_count():  # a fork inherits frozen objects
        gc.collect()
        gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)

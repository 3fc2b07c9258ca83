"""Replace AWS with the embedded DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.beaker import aws_is, own_caches
from tests.servers.endpoint import Endpoint


@pytest.fixture
def aws(moto_endpoint: Endpoint) -> Iterator[Endpoint]:
    """Use the embedded DynamoDB instead of AWS, and start with empty caches."""
    with own_caches(), aws_is(moto_endpoint):
        yield moto_endpoint

"""Answers that are not whole: seen by the client that is made here and by one that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from tests.chaos import faults
from tests.chaos.proxy import Fault, FaultProxy, Plan

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


@pytest.mark.parametrize("fault", [faults.cut, faults.garble])
@pytest.mark.parametrize("given", [False, True], ids=["our client", "the option client"])
@pytest.mark.parametrize("mode", ["standard", "legacy", "adaptive"])
def test_half_an_item_is_no_answer(
    proxy: FaultProxy,
    through: dict[str, object],
    endpoint: Endpoint,
    table_name: str,
    fault: Fault,
    given: bool,
    mode: str,
) -> None:
    """Neither "there is none" nor half a value; the second try gets the whole one."""
    retries: Any = {"total_max_attempts": 2, "mode": mode}
    options: dict[str, object] = {
        **through,
        "max_attempts": 2,
        "config": Config(retries=retries),
    }
    if given:
        session = boto3.session.Session()
        client = session.client("dynamodb", **{**endpoint.options, "endpoint_url": proxy.url})
        options = {"table_name": table_name, "client": client}
    manager = DynamoDBNamespaceManager("pages", **options)
    manager[b"k"] = "value"
    proxy.inject(Plan(fault))
    # The second is what old versions of urllib3 make of a body that ends too soon.
    with pytest.raises(StoreUnavailable, match=r"ChecksumError|ConnectionClosedError"):
        manager[b"k"]
    proxy.inject(Plan(fault, first=1))
    assert "value" == manager[b"k"]
    manager.client.close()

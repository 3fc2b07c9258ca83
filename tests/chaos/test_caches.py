"""Under every fault: a cache gives the value or one of our errors, and no lock stays behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from beaker.cache import Cache, CacheManager

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.exceptions import DynamoDBError
from tests.chaos.faults import KINDS
from tests.chaos.load import short_pauses
from tests.chaos.proxy import FaultProxy, Plan
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

KEYS = [f"page {number}" for number in range(5)]
READERS = 4
ERROR = "an error of ours"


def look(cache: Cache, key: str) -> str:
    """Ask for a value, which is made if it is not there; give it or `ERROR`."""
    try:
        value: str = cache.get(key, createfunc=lambda: f"made for {key}")
    except DynamoDBError as error:
        return ERROR if error.operation else repr(error)
    return value


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_a_fault_makes_no_wrong_value(local_endpoint: Endpoint, table_name: str, name: str) -> None:
    """With half of the calls faulted; and when they are not any more, every value can be had."""
    kind = KINDS[name]
    create_table(local_endpoint.client, table_name)
    with FaultProxy(local_endpoint.url) as proxy, short_pauses():
        options = {
            **local_endpoint.options,
            "endpoint_url": proxy.url,
            "table_name": table_name,
            "read_timeout": kind.read_timeout,
            "lock_timeout": 4,
        }
        cache = CacheManager(type="ext:dynamodb", **options).get_cache(table_name, expire=600)
        plan = proxy.inject(Plan(kind.fault, 0.5))
        with ThreadPoolExecutor(READERS) as threads:
            read = list(threads.map(lambda key: (key, look(cache, key)), KEYS * READERS))
        proxy.heal()
        afterwards = {key: look(cache, key) for key in KEYS}
        DynamoDBNamespaceManager("any", **options).client.close()
    assert plan.faults > 0
    assert set(read) <= {(key, said) for key in KEYS for said in (f"made for {key}", ERROR)}
    assert {key: f"made for {key}" for key in KEYS} == afterwards

"""A cache under every fault: a correct value or a package error, and no lock left behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.exceptions import DynamoDBError, LockTimeout
from tests.chaos.faults import KINDS
from tests.chaos.load import short_pauses, wait_for_answers
from tests.chaos.proxy import FaultProxy, Plan
from tests.servers.endpoint import Endpoint, create_table

KEYS = [f"page {number}" for number in range(5)]
READERS = 4
ERROR = "a package error"


def get(cache: Cache, key: str) -> str:
    """Return the value, which is computed if it is missing, or `ERROR`."""
    try:
        value: str = cache.get(key, createfunc=lambda: f"value of {key}")
    except DynamoDBError as error:
        expected = error.operation or isinstance(error, LockTimeout)
        return ERROR if expected else repr(error)
    return value


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_faults_cause_no_wrong_value(endpoint: Endpoint, table_name: str, name: str) -> None:
    kind = KINDS[name]
    create_table(endpoint.client, table_name)
    with FaultProxy(endpoint.url) as proxy, short_pauses():
        options = {
            **endpoint.options,
            "endpoint_url": proxy.url,
            "table_name": table_name,
            "read_timeout": kind.read_timeout,
            "lock_timeout": 2,
        }
        cache = Cache(table_name, "ext:dynamodb", expire=600, **options)
        plan = proxy.inject(Plan(kind.fault, 0.5))
        with ThreadPoolExecutor(READERS) as threads:
            during = list(threads.map(lambda key: (key, get(cache, key)), KEYS * READERS))
        proxy.heal()
        wait_for_answers(options)
        after = {key: get(cache, key) for key in KEYS}
        DynamoDBNamespaceManager("any", **options).client.close()
    assert plan.faults > 0
    assert set(during) <= {(key, said) for key in KEYS for said in (f"value of {key}", ERROR)}
    assert after == {key: f"value of {key}" for key in KEYS}

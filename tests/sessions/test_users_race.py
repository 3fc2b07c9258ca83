"""Racing log-ins of several processes, on Amazon's DynamoDB Local."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession
from tests.servers.endpoint import Endpoint
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.log_ins import USER, listed

PROCESSES, LOG_INS = 4, 25


def log_in(options: dict[str, Any], times: int) -> None:
    for _ in range(times):
        visitor = Visitor(options, DynamoDBSession)
        visitor.starts(csrf="token")
        session = visitor.request()
        session["userId"] = 42
        session.regenerate_id()
        session.save()
        session["n"] = 1
        session.save()


@pytest.mark.owasp("7.1.2")
@pytest.mark.full
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_racing_log_ins_of_four_processes_leave_as_many_sessions_as_allowed(
    endpoint: Endpoint, table_name: str
) -> None:
    options = {"table_name": table_name, **endpoint.options, **USER, "max_sessions": 3}
    log_in(options, 1)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=log_in, args=(options, LOG_INS)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [0] * PROCESSES == [process.exitcode for process in processes]
    stored = stored_sessions(endpoint.client, table_name)
    of_user = {str(item["id"]["S"]) for item in stored if "userId" in item}
    assert 3 == len(of_user)
    assert of_user == set(listed(endpoint.client, options))

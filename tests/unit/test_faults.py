"""Faults: every one of AWS's and botocore's is an error of ours, and none reads as "no session"."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    DynamoDBNamespaceManager,
    ItemTooLarge,
    StoreUnavailable,
)
from beaker_dynamodb.dynamodb.error_mapping import translate
from tests.stubbed import TABLE, Script

UNAVAILABLE = [
    ("ProvisionedThroughputExceededException", 400),
    ("ThrottlingException", 400),
    ("Throttling", 400),
    ("RequestLimitExceeded", 400),
    ("LimitExceededException", 400),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
    ("SomethingNew", 502),
    ("", 500),
    ("ExpiredTokenException", 400),
    ("UnrecognizedClientException", 400),
    ("InvalidSignatureException", 400),
    ("MissingAuthenticationTokenException", 400),
]
VERBS: list[tuple[str, str, Callable[[DynamoDBNamespaceManager], Any]]] = [
    ("get_item", "GetItem", lambda manager: manager["session"]),
    ("get_item", "GetItem", lambda manager: manager[b"k"]),
    ("get_item", "GetItem", lambda manager: b"k" in manager),
    ("put_item", "PutItem", lambda manager: manager.set_value("session", "gAJ9")),
    ("put_item", "PutItem", lambda manager: manager.set_value(b"k", 1)),
    ("put_item", "PutItem", lambda manager: manager.__delitem__("session")),
    ("put_item", "PutItem", lambda manager: manager.__delitem__(b"k")),
    ("scan", "Scan", lambda manager: manager.keys()),
    ("scan", "Scan", lambda manager: manager.remove()),
]
VERB_IDS = [f"{operation}-{number}" for number, (_, operation, _) in enumerate(VERBS)]
every_verb = pytest.mark.parametrize(("method", "operation", "use"), VERBS, ids=VERB_IDS)

NO_ANSWER = [
    botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    botocore.exceptions.ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"),
    botocore.exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    botocore.exceptions.ConnectionClosedError(endpoint_url="http://127.0.0.1:1"),
    botocore.exceptions.NoCredentialsError(),
    botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="expired"),
]


def catch(script: Script, use: Callable[[DynamoDBNamespaceManager], Any]) -> DynamoDBError:
    """Use a manager, and give what that raises."""
    with script, pytest.raises(DynamoDBError) as caught:
        use(script.manager())
    # Beaker reads these two as "a new session".
    assert not isinstance(caught.value, (KeyError, TypeError))
    return caught.value


@pytest.mark.parametrize(("code", "status"), UNAVAILABLE)
def test_no_service_is_store_unavailable(code: str, status: int) -> None:
    """Throttling, credentials and every 5xx: the store could not answer."""
    script = Script().refuse("get_item", code, "busy", status)
    error = catch(script, lambda manager: manager["session"])
    assert StoreUnavailable is type(error)
    assert ("GetItem", TABLE, code or None) == (error.operation, error.table, error.aws_code)
    assert isinstance(error.__cause__, botocore.exceptions.ClientError)


def test_another_ones_transaction_is_waited_for() -> None:
    """A write that met a transaction on the same item, which botocore gives up, is sent again."""
    pauses: list[float] = []
    script = Script().refuse("put_item", "TransactionConflictException")
    with script.answer("put_item", None, {}):
        script.calls(pauses.append).call("put_item", Item={})
    assert 1 == len(pauses)


@every_verb
def test_throttling_of_any_verb_is_store_unavailable(
    method: str, operation: str, use: Callable[[DynamoDBNamespaceManager], Any]
) -> None:
    """Whichever verb meets it, and the operation is named."""
    error = catch(Script().refuse(method, "ThrottlingException"), use)
    assert StoreUnavailable is type(error)
    assert operation == error.operation


@every_verb
def test_a_missing_permission_names_the_action(
    method: str, operation: str, use: Callable[[DynamoDBNamespaceManager], Any]
) -> None:
    """The message names what to allow, and on which table."""
    message = f"User: u is not authorized to perform: dynamodb:{operation}"
    error = catch(Script().refuse(method, "AccessDeniedException", message), use)
    assert AccessDenied is type(error)
    assert f"dynamodb:{operation} on table '{TABLE}'" in str(error)
    assert "AccessDeniedException" == error.aws_code


def test_a_transaction_has_no_permission_of_its_own() -> None:
    """Where AWS does not say which action is missing, both of its parts are named."""
    answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    refusal = botocore.exceptions.ClientError(answer, "TransactWriteItems")
    error = translate(refusal, "TransactWriteItems", TABLE)
    assert "the action dynamodb:PutItem or dynamodb:DeleteItem on table" in str(error)


def test_a_table_that_may_not_be_created_says_what_to_run() -> None:
    """AccessDenied of CreateTable has the action and the AWS CLI's command."""
    script = Script().refuse("get_item", "ResourceNotFoundException")
    script.refuse("create_table", "AccessDeniedException", "no")
    error = catch(script, lambda manager: manager["session"])
    assert AccessDenied is type(error)
    assert "dynamodb:CreateTable" in str(error)
    assert f"aws dynamodb create-table --table-name {TABLE}" in str(error)


def test_a_missing_table_without_create_table_is_a_configuration_error() -> None:
    """Nothing is created where that is not wanted."""
    script = Script().refuse("get_item", "ResourceNotFoundException")
    with script, pytest.raises(ConfigurationError, match="create-table --table-name sessions"):
        script.manager(create_table=False)["session"]


def test_an_unknown_code_keeps_code_and_status() -> None:
    """What nobody has foreseen is told as AWS told it."""
    script = Script().refuse("get_item", "BrandNewException", "what it says", 418)
    error = catch(script, lambda manager: manager[b"k"])
    assert DynamoDBError is type(error)
    assert "BrandNewException" == error.aws_code
    for part in ("BrandNewException", "418", "what it says", "GetItem", TABLE):
        assert part in str(error)


def test_an_item_that_only_dynamodb_finds_too_large_is_item_too_large() -> None:
    """Should our own count be wrong, the error is the same."""
    message = "Item size has exceeded the maximum allowed size"
    script = Script().refuse("put_item", "ValidationException", message)
    error = catch(script, lambda manager: manager.set_value(b"k", 1))
    assert isinstance(error, ItemTooLarge)
    assert 409_600 == error.limit


def test_a_key_mismatch_that_may_not_be_looked_at_is_still_one() -> None:
    """Without the permission for DescribeTable the error says so, and what the options say."""
    message = "The provided key element does not match the schema"
    script = Script().refuse("get_item", "ValidationException", message)
    script.refuse("describe_table", "AccessDeniedException")
    error = catch(script, lambda manager: manager["session"])
    assert isinstance(error, ConfigurationError)
    assert "DescribeTable" in str(error)
    assert "partition key 'id' (S)" in str(error)


@every_verb
@pytest.mark.parametrize("raised", NO_ANSWER, ids=lambda raised: type(raised).__name__)
def test_no_answer_is_store_unavailable(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    operation: str,
    use: Callable[[DynamoDBNamespaceManager], Any],
    raised: Exception,
) -> None:
    """No network, no time and no credentials: the store could not answer."""

    def fail(**_: object) -> None:
        raise raised

    script = Script()
    monkeypatch.setattr(script.client, method, fail)
    error = catch(script, use)
    assert StoreUnavailable is type(error)
    assert raised is error.__cause__
    assert (operation, TABLE, None) == (error.operation, error.table, error.aws_code)
    assert type(raised).__name__ in str(error)


def test_no_output_of_a_credentials_helper_is_in_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> None:
        raise botocore.exceptions.CredentialRetrievalError(
            provider="custom-process", error_msg="hunter2"
        )

    script = Script()
    monkeypatch.setattr(script.client, "get_item", fail)
    error = catch(script, lambda manager: manager["session"])
    assert StoreUnavailable is type(error)
    assert "custom-process" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("raised", [KeyError("x"), TypeError("x"), OSError(2, "x"), RuntimeError()])
def test_no_error_inside_the_client_reads_as_a_new_session(
    monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def fail(**_: object) -> None:
        raise raised

    script = Script()
    monkeypatch.setattr(script.client, "get_item", fail)
    error = catch(script, lambda manager: manager["session"])
    assert StoreUnavailable is type(error)
    assert type(raised).__name__ in str(error)


def test_no_id_and_no_payload_is_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore says of parameters may hold the item, and is not repeated."""

    def fail(**params: object) -> None:
        raise botocore.exceptions.ParamValidationError(report=repr(params))

    script = Script()
    monkeypatch.setattr(script.client, "put_item", fail)
    with script, pytest.raises(DynamoDBError) as caught:
        script.manager("secret-id")["session"] = "secret-payload"
    assert "secret" not in str(caught.value)

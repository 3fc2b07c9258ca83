"""AWS and botocore errors become this package's exceptions, without secrets."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions as botocore_exceptions
from botocore.exceptions import ClientError

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    DynamoDBNamespaceManager,
    ItemTooLarge,
    StoreUnavailable,
)
from beaker_dynamodb.dynamodb.calls import CONTENDED_RETRIES
from beaker_dynamodb.dynamodb.error_mapping import (
    ConditionFailed,
    Contended,
    MissingTable,
    NoTransactions,
    translate,
)
from tests.stubbed import TABLE, Script


def translated(
    code: str, message: str = "the message", status: int = 400, operation: str = "PutItem"
) -> Any:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return translate(ClientError(response, operation), operation, TABLE)


@pytest.mark.parametrize(
    ("code", "status"),
    [
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
    ],
)
def test_store_unavailable(code: str, status: int) -> None:
    error = translated(code, status=status)
    assert StoreUnavailable is type(error)
    assert ("PutItem", TABLE, code or None) == (error.operation, error.table, error.aws_code)
    assert "the message" in str(error)


@pytest.mark.parametrize(
    ("code", "message", "operation", "cls"),
    [
        ("ConditionalCheckFailedException", "", "PutItem", ConditionFailed),
        ("ResourceNotFoundException", "", "PutItem", MissingTable),
        ("TransactionConflictException", "", "PutItem", Contended),
        ("ReplicatedWriteConflictException", "", "PutItem", Contended),
        ("UnknownOperationException", "", "TransactWriteItems", NoTransactions),
        ("ValidationException", "does not support Transact", "TransactWriteItems", NoTransactions),
        ("ValidationException", "Transactions are not supported", "PutItem", DynamoDBError),
        ("ValidationException", "another", "TransactWriteItems", DynamoDBError),
        ("UnknownOperationException", "", "PutItem", DynamoDBError),
    ],
)
def test_other_codes(code: str, message: str, operation: str, cls: type[Exception]) -> None:
    assert cls is type(translated(code, message, operation=operation))


@pytest.mark.parametrize(
    ("codes", "cls"),
    [
        (["None", "ConditionalCheckFailed"], ConditionFailed),
        (["TransactionConflict", "None"], Contended),
        (["TransactionConflict", "ThrottlingError"], StoreUnavailable),
    ],
)
def test_canceled_transactions(codes: list[str], cls: type[Exception]) -> None:
    item = {"id": {"S": "a"}}
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": code, "Item": item} for code in codes],
    }
    error = translate(ClientError(response, "TransactWriteItems"), "TransactWriteItems", TABLE)
    assert cls is type(error)
    if isinstance(error, ConditionFailed):
        assert (item, 1) == (error.attributes, error.action)


def test_errors_without_a_class_and_of_large_items() -> None:
    error = translated("BrandNewException", status=418)
    assert DynamoDBError is type(error)
    assert "PutItem on table 'sessions': BrandNewException (418): the message" == str(error)
    error = translated("ValidationException", "Item size has exceeded the maximum allowed size")
    assert isinstance(error, ItemTooLarge)
    assert 409_600 == error.limit


@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied", "NotAuthorized"])
@pytest.mark.parametrize(
    ("operation", "message", "action"),
    [
        ("GetItem", "User: u is not authorized to perform: kms:Decrypt on", "kms:Decrypt"),
        ("GetItem", "no", "dynamodb:GetItem"),
        ("TransactWriteItems", "no", "dynamodb:PutItem or dynamodb:DeleteItem"),
    ],
)
def test_a_missing_permission_is_named(
    code: str, operation: str, message: str, action: str
) -> None:
    error = translated(code, message, operation=operation)
    assert AccessDenied is type(error)
    assert f"the action {action} on table 'sessions' is not allowed: {message}" == str(error)


URL = "http://127.0.0.1:1"


def catch(script: Script, use: Callable[[DynamoDBNamespaceManager], Any]) -> DynamoDBError:
    with script, pytest.raises(DynamoDBError) as caught:
        use(script.manager())
    return caught.value


@pytest.mark.parametrize(
    "raised",
    [
        botocore_exceptions.EndpointConnectionError(endpoint_url=URL),
        botocore_exceptions.ConnectTimeoutError(endpoint_url=URL),
        botocore_exceptions.ReadTimeoutError(endpoint_url=URL),
        botocore_exceptions.ConnectionClosedError(endpoint_url=URL),
        botocore_exceptions.NoCredentialsError(),
        botocore_exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET"),
        botocore_exceptions.TokenRetrievalError(provider="sso", error_msg="expired"),
        KeyError("x"),
        TypeError("x"),
        OSError(2, "x"),
        RuntimeError(),
    ],
    ids=lambda raised: type(raised).__name__,
)
def test_an_exception_of_the_client_is_store_unavailable(
    monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    script = Script()
    monkeypatch.setattr(script.client, "get_item", raising(raised))
    error = catch(script, lambda manager: manager["session"])
    # Beaker would treat KeyError and TypeError as a new session.
    assert StoreUnavailable is type(error)
    assert error.__cause__ in (raised, None)
    assert ("GetItem", TABLE, None) == (error.operation, error.table, error.aws_code)


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        (
            botocore_exceptions.CredentialRetrievalError(provider="helper", error_msg="hunter2"),
            "helper returned no credentials",
        ),
        (botocore_exceptions.ParamValidationError(report="hunter2"), "refused the parameters"),
        (botocore_exceptions.MetadataRetrievalError(error_msg="hunter2"), "not sent"),
        (ValueError("hunter2"), "ValueError"),
        (botocore_exceptions.EndpointConnectionError(endpoint_url="http://u:hunter2@h"), "at h:80"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch, raised: Exception, shown: str) -> None:
    script = Script()
    monkeypatch.setattr(script.client, "put_item", raising(raised))
    error = catch(script, lambda manager: manager.set_value("session", "gAJ9"))
    assert shown in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


def raising(error: Exception) -> Callable[..., None]:
    def call(**_: object) -> None:
        raise error

    return call


def test_a_contended_write_is_retried_with_backoff() -> None:
    pauses: list[float] = []
    script = Script().refuse("put_item", "TransactionConflictException")
    with script.answer("put_item", None, {}):
        script.calls(pauses.append).call("put_item", Item={})
    assert 1 == len(pauses)


def test_a_write_that_stays_contended_is_an_outage() -> None:
    pauses: list[float] = []
    script = Script()
    for _ in range(CONTENDED_RETRIES + 1):
        script.refuse("put_item", "ReplicatedWriteConflictException")
    with script, pytest.raises(StoreUnavailable):
        script.calls(pauses.append).call("put_item", Item={})
    assert CONTENDED_RETRIES == len(pauses)
    assert 0 <= min(pauses)
    assert max(pauses) <= 0.02 * 2**CONTENDED_RETRIES


def test_a_table_that_must_not_be_created_names_the_command() -> None:
    script = Script().refuse("get_item", "ResourceNotFoundException")
    script.refuse("create_table", "AccessDeniedException", "no")
    error = catch(script, lambda manager: manager["session"])
    assert AccessDenied is type(error)
    assert "dynamodb:CreateTable" in str(error)
    assert f"aws dynamodb create-table --table-name {TABLE}" in str(error)


def test_a_key_mismatch_without_permission_to_describe_the_table() -> None:
    message = "The provided key element does not match the schema"
    script = Script().refuse("get_item", "ValidationException", message)
    script.refuse("describe_table", "AccessDeniedException")
    error = catch(script, lambda manager: manager["session"])
    assert isinstance(error, ConfigurationError)
    assert "DescribeTable" in str(error)
    assert "partition key 'id' (S)" in str(error)

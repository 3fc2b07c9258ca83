"""The watch finds secrets in logs, warnings and errors."""

from __future__ import annotations

import logging
import warnings

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import DynamoDBError
from tests.chaos.watch import Watch, all_is_seen, secret, texts, whole_run


def test_the_watch_finds_secrets_in_records_warnings_and_causes() -> None:
    watch = Watch()
    record = logging.LogRecord("any", logging.DEBUG, "", 1, "%s", (secret("record"),), None)
    watch.emit(record)
    with all_is_seen() as seen:
        warnings.warn(secret("warning"), UserWarning, stacklevel=1)
    watch.look(*seen.shown)
    error = ValueError("no")  # the watch of the run would find it in a package exception
    error.__cause__ = KeyError(secret("cause"))
    watch.look(*texts(error))
    for name in ("record", "warning", "cause"):
        assert any(secret(name) in text for text in watch.found)


def test_the_watch_of_the_run_finds_ids_in_logs_package_warnings_and_errors() -> None:
    watch, ids = Watch(), [f"{number:032x}" for number in range(7)]
    watch.ids.update(ids)

    def fail() -> None:
        try:
            raise KeyError(ids[5])
        except KeyError as error:
            raise DynamoDBError(ids[6]) from error

    with whole_run(watch):
        logging.getLogger().warning(ids[0])
        logging.getLogger("boto3").info("%s", ids[1])
        logging.getLogger("urllib3.util").info("%s", ids[2])
        logging.getLogger("beaker_dynamodb.dynamodb").debug("%s", ids[3])
        package = {"__name__": "beaker_dynamodb.session", "warnings": warnings}
        with pytest.warns(BeakerWarning):
            exec("warnings.warn(shown, kind)", {**package, "shown": ids[4], "kind": BeakerWarning})
        with pytest.raises(DynamoDBError):
            fail()
    assert [] == [id for id in ids if not any(id in text for text in watch.found)]

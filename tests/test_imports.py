"""What importing the package does: nothing that could fail, and boto3 stays out."""

from __future__ import annotations

import subprocess
import sys

LAZY = """
import sys
import beaker_dynamodb
from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.middleware import SessionMiddleware

def imported(*names):
    return sorted({*names} & set(sys.modules))

beaker_dynamodb.register()
manager = DynamoDBNamespaceManager("id", region_name="eu-west-1")
assert [] == imported("boto3", "botocore", "moto")
manager.client, manager.session
unneeded = ["caches.creation_lock", "sessions.session_store", "sessions.merging_save"]
assert [] == imported("boto3", *(f"beaker_dynamodb.{name}" for name in unneeded))
print(beaker_dynamodb.SessionStore.__name__, beaker_dynamodb.StoredSession.__name__)
try:
    beaker_dynamodb.Nothing
except AttributeError as error:
    print(error)
"""
WITHOUT_BOTO3 = """
import sys
sys.modules.update(boto3=None, botocore=None)  # importing them raises ModuleNotFoundError
import beaker_dynamodb
manager = beaker_dynamodb.DynamoDBNamespaceManager("id", table_name="mine")
for use in (lambda: manager["session"], lambda: manager.set_value(b"k", 1), manager.keys):
    try:
        use()
    except beaker_dynamodb.ConfigurationError as error:
        print(error)
"""


def run(program: str) -> list[str]:
    """Run a program in another process, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


def test_modules_are_imported_when_they_are_needed() -> None:
    """Importing boto3 takes 90 ms."""
    missing = "module 'beaker_dynamodb' has no attribute 'Nothing'"
    assert ["SessionStore StoredSession", missing] == run(LAZY)


def test_without_boto3_the_first_use_says_what_to_install() -> None:
    lines = run(WITHOUT_BOTO3)
    assert 3 == len(lines)
    for line in lines:
        assert "boto3 is missing" in line
        assert "pip install boto3" in line

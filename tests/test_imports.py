"""What importing the package does: nothing that could fail, and boto3 stays out."""

from __future__ import annotations

import subprocess
import sys

BLOCK = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("boto3", "botocore"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run(program: str) -> str:
    """Run a program in a Python of its own, and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_importing_and_opening_import_no_boto3() -> None:
    """Neither the import nor a manager, before it is used, costs boto3's 90 ms."""
    said = run(
        """
import sys
import beaker_dynamodb
beaker_dynamodb.register()
beaker_dynamodb.DynamoDBNamespaceManager("id", table_name="mine")
print(sorted({name.partition(".")[0] for name in sys.modules} & {"boto3", "botocore", "moto"}))
"""
    )
    assert "[]\n" == said


def test_a_session_imports_what_it_needs() -> None:
    """A client and a session load no boto3 beside botocore, and nothing of caches and locks."""
    said = run(
        """
import sys
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb import DynamoDBNamespaceManager
manager = DynamoDBNamespaceManager("id", region_name="eu-west-1")
manager.client, manager.session
unneeded = {
    "boto3", "beaker_dynamodb.caches.creation_lock", "beaker_dynamodb.sessions.session_store"
}
print(sorted(unneeded & set(sys.modules)))
import beaker_dynamodb
print(beaker_dynamodb.SessionStore.__name__, beaker_dynamodb.StoredSession.__name__)
try:
    beaker_dynamodb.Nothing
except AttributeError as error:
    print(error)
"""
    )
    assert [
        "[]",
        "SessionStore StoredSession",
        "module 'beaker_dynamodb' has no attribute 'Nothing'",
    ] == said.splitlines()


def test_without_boto3_the_error_says_what_to_install() -> None:
    """Importing and opening work; the first use is a ConfigurationError with the command."""
    said = run(
        BLOCK
        + """
import beaker_dynamodb
manager = beaker_dynamodb.DynamoDBNamespaceManager("id", table_name="mine")
for use in (lambda: manager["session"], lambda: manager.set_value(b"k", 1), manager.keys):
    try:
        use()
    except beaker_dynamodb.ConfigurationError as error:
        print(error)
"""
    )
    lines = said.splitlines()
    assert 3 == len(lines)
    for line in lines:
        assert "boto3 is missing" in line
        assert "pip install boto3" in line


def test_beaker_finds_the_backend_by_both_names() -> None:
    """`ext:dynamodb` and `dynamodb` are the same manager, once registered."""
    said = run(
        """
import beaker_dynamodb
from beaker.cache import clsmap
beaker_dynamodb.register()
beaker_dynamodb.register()
for name in ("ext:dynamodb", "dynamodb"):
    print(clsmap[name] is beaker_dynamodb.DynamoDBNamespaceManager)
"""
    )
    assert "True\nTrue\n" == said

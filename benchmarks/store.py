"""Where a candidate stores its sessions."""

from __future__ import annotations

from dataclasses import dataclass

REGION = "eu-west-1"
# Letters and digits only: DynamoDB Local rejects other key ids.
ACCESS_KEY_ID = "benchmark"
SECRET_ACCESS_KEY = "benchmark"


@dataclass(frozen=True)
class Store:
    """A store that runs on this machine.

    :param name: name in the tables.
    :param kind: ``dynamodb`` (DynamoDB Local or canned answers), ``redis``, ``sqlite``,
        ``http`` (the whole application runs behind this address) or ``none``.
    :param url: its address.
    :param table: a table other than the candidate's own.
    :param ca_bundle: file with the certificate authority of an https URL.
    """

    name: str
    kind: str
    url: str
    table: str = ""
    ca_bundle: str = ""


def table_name(candidate: str) -> str:
    """Return the name of a candidate's own table."""
    return f"sessions-{candidate}"

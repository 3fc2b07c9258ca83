"""The candidates. Each one is imported only in its own process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """One way to store sessions.

    :param name: name on the command line.
    :param title: name in the tables.
    :param made_by: ``module.function`` in this package. It takes a `Store` and returns the WSGI
        application, or for express the running server.
    :param kind: kind of store, see `Store`.
    :param packages: required packages; the result contains their versions.
    :param hash_key: partition key of its table.
    :param hash_key_type: type of the partition key.
    :param role: ``ours`` (this package), ``peer``, or ``limit`` (does less than a session store).
    :param slow: takes tens of milliseconds per request, so it gets a tenth of the requests.
    :param only_first: measured only for the first request of a process.
    """

    name: str
    title: str
    made_by: str
    kind: str = "dynamodb"
    role: str = "peer"
    packages: tuple[str, ...] = ()
    hash_key: str = "id"
    hash_key_type: str = "S"
    slow: bool = False
    only_first: bool = False


CANDIDATES = (
    Candidate(
        "ours", "beaker_dynamodb, our SessionMiddleware", "beaker_sessions.ours", role="ours"
    ),
    Candidate(
        "ours-auto",
        "beaker_dynamodb, consistent_read = auto",
        "beaker_sessions.ours_auto",
        role="ours",
    ),
    Candidate(
        "ours-boto3",
        "beaker_dynamodb, transport = boto3",
        "beaker_sessions.ours_boto3",
        role="ours",
    ),
    Candidate(
        "beaker",
        "beaker_dynamodb, Beaker's SessionMiddleware",
        "beaker_sessions.plain",
        role="ours",
    ),
    Candidate(
        "flask-session",
        "flask-session (DynamoDB)",
        "flask_sessions.flask_session",
        packages=("Flask-Session", "Flask", "msgspec"),
    ),
    Candidate(
        "cachelib",
        "cachelib DynamoDbCache (flask-session)",
        "flask_sessions.cachelib_session",
        packages=("cachelib", "Flask-Session", "Flask", "msgspec"),
        hash_key="cache_key",
    ),
    Candidate(
        "dynamodb-session-flask",
        "dynamodb-session-flask",
        "flask_sessions.dynamodb_session_flask",
        packages=("dynamodb-session-flask", "Flask"),
        slow=True,
    ),
    Candidate(
        "pyramid",
        "pyramid-dynamodb-sessions",
        "pyramid_session.app",
        packages=("pyramid-dynamodb-sessions", "pyramid"),
        hash_key="sid",
        hash_key_type="B",
    ),
    Candidate("express", "connect-dynamodb (express-session, over HTTP)", "express.server"),
    Candidate(
        "redis", "Beaker ext:redis", "beaker_sessions.redis", kind="redis", packages=("redis",)
    ),
    Candidate(
        "sqlite",
        "Beaker ext:database (SQLite)",
        "beaker_sessions.sqlite",
        kind="sqlite",
        packages=("SQLAlchemy",),
    ),
    Candidate("boto3", "the limit: bare boto3 calls", "bare.boto3_calls", role="limit"),
    Candidate(
        "boto3-beaker",
        "bare boto3 calls, and a Beaker session in memory",
        "bare.boto3_calls_beside_beaker",
        role="limit",
        only_first=True,
    ),
    Candidate("signed", "the limit: signed by hand, one connection", "signed.app", role="limit"),
    Candidate(
        "nothing", "no session at all (the harness)", "bare.nothing", kind="none", role="limit"
    ),
)
#: The baseline of all ratios.
OURS = "ours"
REDIS = "redis"
BY_NAME = {candidate.name: candidate for candidate in CANDIDATES}

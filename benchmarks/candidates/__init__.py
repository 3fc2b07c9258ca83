"""Who takes part. Each is imported in the process of its own that runs it, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """One way to keep sessions.

    :param name: for the command line.
    :param title: for the tables.
    :param made_by: ``module.function`` in this package; takes a `Store`, gives the WSGI
        application (or, of express, the address of its server).
    :param kind: of the store, see `Store`.
    :param packages: whose versions belong to the result; without one of them it cannot run.
    :param hash_key: partition key of its table.
    :param hash_key_type: type of that.
    :param slow: it takes tens of milliseconds a request, and part in fewer rounds.
    :param only_first: of interest for the first request of a process alone.
    """

    name: str
    title: str
    made_by: str
    kind: str = "dynamodb"
    packages: tuple[str, ...] = ()
    hash_key: str = "id"
    hash_key_type: str = "S"
    slow: bool = False
    only_first: bool = False


CANDIDATES = (
    Candidate("ours", "beaker_dynamodb, our SessionMiddleware", "beaker_sessions.ours"),
    Candidate("beaker", "beaker_dynamodb, Beaker's SessionMiddleware", "beaker_sessions.plain"),
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
    Candidate("boto3", "the limit: bare boto3 calls", "bare.boto3_calls"),
    Candidate(
        "boto3-beaker",
        "bare boto3 calls, and Beaker imported",
        "bare.boto3_calls_beside_beaker",
        only_first=True,
    ),
    Candidate("signed", "the limit: signed by hand, one connection", "signed.app"),
    Candidate("nothing", "no session at all (the harness)", "bare.nothing", kind="none"),
)
#: Everything is also given as a ratio to this one.
OURS = "ours"
BY_NAME = {candidate.name: candidate for candidate in CANDIDATES}

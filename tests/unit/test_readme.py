"""The README: its option table is the code's, and every code block in it works."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import replace
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import beaker.middleware
import pytest
from beaker.cache import CacheManager, cache_region
from beaker.util import parse_cache_config_options
from paste.deploy import loadapp
from webtest import TestApp

from beaker_dynamodb import DynamoDBSession, SessionStore, exceptions
from beaker_dynamodb.cli.iam_policy import Place, policy_document
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.config.reference import option_rows
from beaker_dynamodb.dynamodb import table
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.sessions.merge_values import merge_value
from tests.beaker import aws_is, items, own_caches, used_client
from tests.servers.recorder import CallRecorder
from tests.wsgi.outage import Outage

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
#: (heading, language, code) of every code block.
BLOCKS = [
    (heading.strip(), language, code)
    for heading, body in re.findall(r"^#+ (.*)\n((?:(?!#+ [A-Z]).*\n)*)", README, re.MULTILINE)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
]


def blocks(language: str, heading: str | None = None) -> list[str]:
    """Give the code blocks in a language, of one section or of all."""
    return [
        code
        for title, written_in, code in BLOCKS
        if written_in == language and heading in (None, title)
    ]


def settings(ini: str) -> dict[str, str]:
    """Read lines of an INI file's section."""
    parser = ConfigParser(interpolation=None)
    parser.read_string("[app:main]\n" + ini)
    return dict(parser["app:main"])


@pytest.fixture
def aws(moto_endpoint: Endpoint) -> Iterator[Endpoint]:
    """The embedded DynamoDB in AWS's place, and caches of the test's own."""
    with own_caches(), aws_is(moto_endpoint):
        yield moto_endpoint


def run(code: str) -> dict[str, Any]:
    """Run a program of the README and give its names."""
    # Pyramid looks its caller up among the modules.
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(code, "README.md", "exec"), names)
    return names


def count_visits(application: Any) -> list[str]:
    """Visit an application twice, with cookies, and give what it says."""
    browser = TestApp(application)
    return [browser.get("/").text, browser.get("/").text]


def test_every_block_is_known() -> None:
    """No code block is outside a section, or in a language that nothing here tries."""
    assert README.count("```") == 2 * len(BLOCKS)
    assert {"ini", "json", "python", "sh", "text"} == {language for _, language, _ in BLOCKS}


def test_option_table() -> None:
    """The option table is the one that the code gives."""
    lines = ["| option | default | what it does |", "|---|---|---|"]
    lines += [f"| {name} | {default} | {what} |" for name, default, what in option_rows()]
    expected = "\n".join(lines)
    written = README.split("<!-- options -->\n")[1].split("\n<!-- /options -->")[0]
    assert expected == written, f"README.md should say:\n\n{expected}\n"


def test_merge_table() -> None:
    section = README.split("<!-- merges -->\n")[1].split("\n<!-- /merges -->")[0]
    rows = [re.findall(r"`(.*?)`", line) for line in section.splitlines()[2:]]
    for row in rows:
        loaded, earlier, later, stored = map(ast.literal_eval, row)
        assert stored == merge_value(loaded, later, earlier), row
    assert 6 == len(rows)


def test_error_table() -> None:
    """The error table has every error but the root of the tree."""
    section = README.split("## When DynamoDB does not answer")[1].split("\n#")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(set(exceptions.__all__) - {"DynamoDBError"}) == sorted(named)


def visits(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Count visits: an application that needs nothing but a session."""
    session = environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(session["visits"]).encode()]


def visits_factory(global_conf: dict[str, str]) -> Any:
    """Give Paste the application."""
    return visits


@pytest.mark.parametrize("middleware", [beaker.middleware.SessionMiddleware, SessionMiddleware])
@pytest.mark.parametrize(
    "ini", [ini for ini in blocks("ini") if "session.type" in ini and "[" not in ini]
)
def test_session_ini(ini: str, middleware: Any, aws: Endpoint) -> None:
    """The INI lines make sessions survive, in the table that they name."""
    given = settings(ini)
    assert ["1", "2"] == count_visits(middleware(visits, given))
    (key,) = items(aws.client, given["session.table_name"])
    assert key.startswith(given.get("session.prefix", "sess") + ":")


@pytest.mark.parametrize("ini", [ini for ini in blocks("ini") if "cache.url" in ini])
def test_cache_ini(ini: str, aws: Endpoint) -> None:
    """The INI lines make a cache, in the table of the sessions."""
    given = settings(ini)
    cache = CacheManager(**parse_cache_config_options(given)).get_cache("news")
    cache.put("key", "value")
    assert "value" == cache.get("key")
    assert 1 == len(items(aws.client, given["session.table_name"]))


@pytest.mark.parametrize("ini", [ini for ini in blocks("ini") if "cache.regions" in ini])
def test_regions_ini(ini: str, aws: Endpoint) -> None:
    """The INI lines make regions that keep values apart from each other."""
    CacheManager(**parse_cache_config_options(settings(ini)))
    made: list[int] = []

    def slow(number: int) -> int:
        made.append(number)
        return number

    short = cache_region("short_term", "short")(slow)
    long = cache_region("long_term", "long")(slow)

    assert [1, 1, 2, 2] == [short(1), short(1), long(2), long(2)]
    assert [1, 2] == made


def test_pyramid(aws: Endpoint) -> None:
    """The Pyramid application counts visits with the INI lines of the section before."""
    (code,) = blocks("python", "Pyramid")
    (ini,) = blocks("ini", "Configuration")
    application = run(code)["main"]({}, **settings(ini))
    assert ["visits: 1", "visits: 2"] == count_visits(application)
    assert 1 == len(items(aws.client, "myapp-sessions"))


@pytest.mark.parametrize("heading", ["Bottle", "Flask", "Plain WSGI"])
def test_application(heading: str, aws: Endpoint) -> None:
    """The other applications count visits too."""
    (code,) = blocks("python", heading)
    names = run(code)
    said = count_visits(names.get("application") or names["app"])
    assert ["visits: 1", "visits: 2"] == [text.split(",")[0] for text in said]
    assert "sess:" in " ".join(items(aws.client, "myapp-sessions"))


def test_a_session_that_cannot_be_saved(aws: Endpoint) -> None:
    """The error handler of the program answers while DynamoDB does not."""
    (code,) = blocks("python", "A session that cannot be saved")
    browser = TestApp(run(code)["app"])
    assert "1 in the cart" == browser.post("/cart", {"item": "book"}).text
    given = {"table_name": "myapp-sessions", "region_name": "eu-west-1"}
    with Outage(used_client(given)).of("PutItem"):
        response = browser.post("/cart", {"item": "pen"}, status=503)
    assert ("5", "Please try again in a few seconds.") == (
        response.headers["Retry-After"],
        response.text,
    )
    assert "2 in the cart" == browser.post("/cart", {"item": "pen"}).text


def test_a_request_that_does_not_count_as_use(aws: Endpoint) -> None:
    """Whenever it comes, it reads and writes nothing."""
    (code,) = blocks("python", "Requests that do not count as use")
    given = {"table_name": "myapp-sessions", "region_name": "eu-west-1", "touch_interval": 0}
    config = {f"session.{name}": value for name, value in given.items()}
    cookies = CookieJar()
    browser = TestApp(SessionMiddleware(log_in, config), cookiejar=cookies)
    browser.get("/")
    with CallRecorder(used_client(given)) as calls:
        polling = TestApp(SessionMiddleware(run(code)["poll"], config), cookiejar=cookies)
        assert "Ada" == polling.get("/").text
    assert ["GetItem"] == calls.operations


def log_in(environ: Any, start_response: Any) -> list[bytes]:
    """Save a session."""
    environ["beaker.session"].update(user="Ada")
    environ["beaker.session"].save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b""]


def test_paste(aws: Endpoint, tmp_path: Path) -> None:
    """The Paste filter, in front of an application, counts visits."""
    (ini,) = blocks("ini", "Paste")
    app = f"[app:visits]\npaste.app_factory = {__name__}:visits_factory\n"
    (tmp_path / "paste.ini").write_text(f"{ini}{app}[pipeline:main]\npipeline = session visits\n")
    application = loadapp(f"config:{tmp_path / 'paste.ini'}")
    assert isinstance(application, SessionMiddleware)
    assert ["1", "2"] == count_visits(application)


def test_lines_of_python() -> None:
    """The lines that name our middleware, and those that register the backend, run."""
    middleware, register = blocks("python", "Configuration")
    assert run(middleware)["SessionMiddleware"] is SessionMiddleware
    assert "beaker_dynamodb" in run(register)


def test_create_command() -> None:
    """The command that creates the table is the one that error messages give."""
    (command,) = blocks("sh", "The table")
    expected = table.aws_command(Options(table_name="myapp-sessions"))
    assert expected == " ".join(command.split())


def test_policies() -> None:
    """The two policies are those that `beaker-dynamodb policy` prints."""
    requests, everything = map(json.loads, blocks("json", "IAM permissions"))
    options = Options(table_name="myapp-sessions", region_name="eu-west-1")
    indexed = replace(options, special_keys=(("userId", "S"),), index_keys=("userId",))
    uses = ["sessions", "cache", "large-values", "clear", "create", "session-store"]
    place = Place("123456789012")
    assert policy_document(options, ["sessions", "cache"], place) == requests
    assert policy_document(indexed, uses, place) == everything


def test_policy_table() -> None:
    """Each row of the table of permissions has what the policy for that use allows."""
    sorted_, unsorted = (
        Options(sort_key=key, special_keys=(("u", "S"),), index_keys=("u",))
        for key in ("part", None)
    )
    section = README.split("### IAM permissions")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `(\w[\w-]*)` \| .* \| (.*) \|$", section, re.MULTILINE)
    for use, actions in rows:
        documents = [policy_document(options, [use]) for options in (sorted_, unsorted)]
        expected = {
            action
            for document in documents
            for statement in document["Statement"]
            for action in statement["Action"]
        }
        assert expected == set(re.findall(r"dynamodb:\w+", actions)), use
    assert {"large-values", "clear", "keys", "create"} <= {use for use, _ in rows}


def test_two_commands() -> None:
    """The two commands that a newcomer needs are one line each."""
    start, test = blocks("sh", "beaker_dynamodb")
    assert [1, 1] == [start.count("\n"), test.count("\n")]
    assert ".[example]" in start
    assert start.strip().endswith("example_wsgi.py")
    assert test.strip().endswith("tox")


def test_all_sessions_of_a_user(aws: Endpoint) -> None:
    """The program of the section, with the INI lines before it, logs a user out elsewhere."""
    (ini,) = blocks("ini", "Special keys")
    (code,) = blocks("python", "All sessions of a user")
    names = run(code)
    given = {
        name.removeprefix("session."): value
        for name, value in settings(ini).items()
        if name != "session.type"
    }
    here, there, other = (DynamoDBSession({}, use_cookies=False, **given) for _ in range(3))
    for session, user in ((here, 42), (there, 42), (other, 43)):
        session["userId"] = user
        session.save()

    assert 2 == len(names["where_logged_in"](here))
    assert 1 == names["password_changed"](here)
    assert 1 == len(names["where_logged_in"](here)) == len(names["where_logged_in"](other))
    found = SessionStore.from_settings(settings(ini)).sessions(userId=42)
    assert [here.id] == [session.id for session in found]

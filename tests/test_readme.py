"""README.md: its tables match the code, and its code blocks work."""

from __future__ import annotations

import ast
import json
import re
import shlex
from base64 import b64encode
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import replace
from http.cookiejar import CookieJar
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import beaker.middleware
import pytest
from beaker.cache import CacheManager, cache_region
from beaker.util import PickleSerializer, parse_cache_config_options
from click.testing import CliRunner
from paste.deploy import loadapp
from webtest import TestApp

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, SessionStore, exceptions
from beaker_dynamodb.cli.capacity import WRITE_UNIT_BYTES
from beaker_dynamodb.cli.iam_policy import Place, policy_document
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.config.converters import SpecialKey
from beaker_dynamodb.config.parse import Options, parse
from beaker_dynamodb.config.reference import option_rows
from beaker_dynamodb.dynamodb import table
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.item import SESSION, Item, item_size
from beaker_dynamodb.items.keys import Keys
from beaker_dynamodb.items.layout import Layout
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.sessions.merge_values import merge_value
from benchmarks.workload import basket_line, shop_session
from tests.beaker import aws_is, items, own_caches, used_client
from tests.opening import payload
from tests.servers.recorder import CallRecorder
from tests.wsgi.outage import Outage

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
#: Heading, language and code of every code block.
BLOCKS = [
    (heading.strip(), language, code)
    for heading, body in re.findall(r"^#+ (.*)\n((?:(?!#+ [A-Z]).*\n)*)", README, re.MULTILINE)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
]


def blocks(language: str, heading: str | None = None) -> list[str]:
    return [code for title, kind, code in BLOCKS if kind == language and heading in (None, title)]


def between(comment: str) -> str:
    """Return the text between <!-- comment --> and <!-- /comment -->."""
    return README.split(f"<!-- {comment} -->\n")[1].split(f"\n<!-- /{comment} -->")[0]


def settings(ini: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.read_string("[app:main]\n" + ini)
    return dict(parser["app:main"])


@pytest.fixture
def aws(moto_endpoint: Endpoint) -> Iterator[Endpoint]:
    """The embedded DynamoDB in AWS's place, and empty caches."""
    with own_caches(), aws_is(moto_endpoint):
        yield moto_endpoint


def run(code: str) -> dict[str, Any]:
    """Run a program of the README and return its names."""
    names: dict[str, Any] = {"__name__": __name__}  # Pyramid looks for the caller's module
    exec(compile(code, "README.md", "exec"), names)
    return names


def count_visits(application: Any) -> list[str]:
    browser = TestApp(application)
    return [browser.get("/").text for _ in range(2)]


def visits(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(session["visits"]).encode()]


def visits_factory(global_conf: dict[str, str]) -> Any:
    return visits


def test_every_code_block_has_a_tested_language() -> None:
    assert README.count("```") == 2 * len(BLOCKS)
    assert {"ini", "json", "python", "sh", "text"} == {language for _, language, _ in BLOCKS}


# -- tables ---------------------------------------------------------------------------------------


def test_every_file_that_a_page_names_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    named = {
        name
        for page in pages
        for name in re.findall(
            r"`((?:tests|beaker_dynamodb|benchmarks)/[\w/.]+)`", page.read_text()
        )
    }
    assert [] == [name for name in sorted(named) if not (ROOT / name).exists()]


def test_the_option_table_is_generated_from_the_code() -> None:
    lines = ["| option | default | what it does |", "|---|---|---|"]
    lines += [f"| {name} | {default} | {what} |" for name, default, what in option_rows()]
    expected = "\n".join(lines)
    assert expected == between("options"), f"README.md should say:\n\n{expected}\n"


def test_the_merge_table() -> None:
    rows = [re.findall(r"`(.*?)`", line) for line in between("merges").splitlines()[2:]]
    for row in rows:
        loaded, earlier, later, stored = map(ast.literal_eval, row)
        assert stored == merge_value(loaded, later, earlier, (), rebased=False), row
    assert 6 == len(rows)


def test_the_error_table_has_every_error() -> None:
    section = README.split("## When DynamoDB does not answer")[1].split("\n#")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(set(exceptions.__all__) - {"DynamoDBError"}) == sorted(named)


def test_the_table_of_session_sizes() -> None:
    rows = ["| lines in the basket | `off` | `auto` | `auto`, signed |", "|---|---|---|---|"]
    for lines in (1, 10, 20, 200):
        cells = []
        for options in (
            {"compression": "off"},
            {},
            {"signing_keys": "a key of sixteen bytes and more"},
        ):
            size = stored_size(lines, **options)
            units = -(-size // WRITE_UNIT_BYTES)
            cells.append(f"{size / 1024:.1f} KB, {units} unit{'s' if units > 1 else ''}")
        rows.append(f"| {lines} | {' | '.join(cells)} |")
    expected = "\n".join(rows)
    assert expected == between("sizes"), f"README.md should say:\n\n{expected}\n"


def stored_size(lines: int, **options: Any) -> int:
    """Return the size of a shop's session in bytes, as DynamoDB counts it."""
    random = Random(lines)
    times = {"_accessed_time": 1_700_000_123.456789, "_creation_time": 1_700_000_000.123456}
    data = {**times, **shop_session(random)}
    data["basket"] = [basket_line(random) for _ in range(lines)]
    parsed = parse(options)
    used = Codec(parsed)
    item = Item(
        Keys(parsed).session("0123456789abcdef" * 2),
        SESSION,
        *used.encode_session(b64encode(PickleSerializer().dumps(data)).decode()),
        created_ms=1_700_000_000_123,
        deadline_ms=1_700_003_600_123,
        accessed_ms=1_700_000_123_456,
        version=7,
        writer="0123456789ab",
    )
    used.sign(item)
    return item_size(Layout(parsed).attributes(item))


# -- configuration and applications ---------------------------------------------------------------


@pytest.mark.parametrize("middleware", [beaker.middleware.SessionMiddleware, SessionMiddleware])
@pytest.mark.parametrize(
    "ini", [ini for ini in blocks("ini") if "session.type" in ini and "[" not in ini]
)
def test_session_settings(ini: str, middleware: Any, aws: Endpoint) -> None:
    given = settings(ini)
    assert ["1", "2"] == count_visits(middleware(visits, given))
    (key,) = items(aws.client, given["session.table_name"])
    assert key.startswith(given.get("session.prefix", "sess") + ":")


@pytest.mark.parametrize("ini", [ini for ini in blocks("ini") if "cache.url" in ini])
def test_cache_settings(ini: str, aws: Endpoint) -> None:
    given = settings(ini)
    cache = CacheManager(**parse_cache_config_options(given)).get_cache("news")
    cache.put("key", "value")
    assert "value" == cache.get("key")
    assert 1 == len(items(aws.client, given["session.table_name"]))


@pytest.mark.parametrize("ini", [ini for ini in blocks("ini") if "cache.regions" in ini])
def test_region_settings(ini: str, aws: Endpoint) -> None:
    CacheManager(**parse_cache_config_options(settings(ini)))
    computed: list[int] = []

    def slow(number: int) -> int:
        computed.append(number)
        return number

    short = cache_region("short_term", "short")(slow)
    long = cache_region("long_term", "long")(slow)
    assert [1, 1, 2, 2] == [short(1), short(1), long(2), long(2)]
    assert [1, 2] == computed


def test_pyramid(aws: Endpoint) -> None:
    (code,) = blocks("python", "Pyramid")
    (ini,) = blocks("ini", "Configuration")
    application = run(code)["main"]({}, **settings(ini))
    assert ["visits: 1", "visits: 2"] == count_visits(application)
    assert 1 == len(items(aws.client, "myapp-sessions"))


@pytest.mark.parametrize("heading", ["Bottle", "Flask", "Plain WSGI"])
def test_other_frameworks(heading: str, aws: Endpoint) -> None:
    (code,) = blocks("python", heading)
    names = run(code)
    said = count_visits(names.get("application") or names["app"])
    assert ["visits: 1", "visits: 2"] == [line.split(",")[0] for line in said]
    assert "sess:" in " ".join(items(aws.client, "myapp-sessions"))


def test_paste(aws: Endpoint, tmp_path: Path) -> None:
    (ini,) = blocks("ini", "Paste")
    app = f"[app:visits]\npaste.app_factory = {__name__}:visits_factory\n"
    (tmp_path / "paste.ini").write_text(f"{ini}{app}[pipeline:main]\npipeline = session visits\n")
    application = loadapp(f"config:{tmp_path / 'paste.ini'}")
    assert isinstance(application, SessionMiddleware)
    assert ["1", "2"] == count_visits(application)


def test_a_session_that_cannot_be_saved(aws: Endpoint) -> None:
    (code,) = blocks("python", "A session that cannot be saved")
    browser = TestApp(run(code)["app"])
    assert "1 in the cart" == browser.post("/cart", {"item": "book"}).text
    given = {"table_name": "myapp-sessions", "region_name": "eu-west-1"}
    with Outage(used_client(given)).of("PutItem"):
        response = browser.post("/cart", {"item": "pen"}, status=503)
    said = response.headers["Retry-After"], response.text
    assert ("5", "Please try again in a few seconds.") == said
    assert "2 in the cart" == browser.post("/cart", {"item": "pen"}).text


def test_a_request_that_does_not_count_as_use_writes_nothing(aws: Endpoint) -> None:
    (code,) = blocks("python", "Requests that do not count as use")
    given = {"table_name": "myapp-sessions", "region_name": "eu-west-1", "touch_interval": 0}
    config = {f"session.{name}": value for name, value in given.items()}
    cookies = CookieJar()

    def log_in(environ: Any, start_response: Any) -> list[bytes]:
        environ["beaker.session"]["user"] = "Ada"
        return visits(environ, start_response)

    TestApp(SessionMiddleware(log_in, config), cookiejar=cookies).get("/")
    with CallRecorder(used_client(given)) as calls:
        polling = TestApp(SessionMiddleware(run(code)["poll"], config), cookiejar=cookies)
        assert "Ada" == polling.get("/").text
    assert ["GetItem"] == calls.operations


def test_all_sessions_of_a_user(aws: Endpoint) -> None:
    (ini,) = blocks("ini", "Special keys")
    (code,) = blocks("python", "All sessions of a user")
    names = run(code)
    given = {name.removeprefix("session."): value for name, value in settings(ini).items()}
    del given["type"]
    here, there, other = (DynamoDBSession({}, use_cookies=False, **given) for _ in range(3))
    for session, user in ((here, 42), (there, 42), (other, 43)):
        session["userId"] = user
        session.save()
    assert 2 == len(names["where_logged_in"](here))
    assert 1 == names["password_changed"](here)
    assert 1 == len(names["where_logged_in"](here)) == len(names["where_logged_in"](other))
    found = SessionStore.from_settings(settings(ini)).sessions(userId=42)
    assert [here.id] == [session.id for session in found]


def test_the_lines_of_python_in_the_configuration() -> None:
    middleware, register = blocks("python", "Configuration")
    assert run(middleware)["SessionMiddleware"] is SessionMiddleware
    assert "beaker_dynamodb" in run(register)


# -- commands and policies ------------------------------------------------------------------------


def test_the_aws_command_is_that_of_error_messages() -> None:
    (command,) = blocks("sh", "The table")
    expected = table.aws_command(Options(table_name="myapp-sessions"))
    assert expected == " ".join(command.split())


def test_the_first_commands_are_one_line_each() -> None:
    start, test = blocks("sh", "beaker_dynamodb")
    assert [1, 1] == [start.count("\n"), test.count("\n")]
    assert ".[example]" in start
    assert start.strip().endswith("example_wsgi.py")
    assert test.strip().endswith("tox")


def test_the_policies() -> None:
    requests, everything = map(json.loads, blocks("json", "IAM permissions"))
    options = Options(table_name="myapp-sessions", region_name="eu-west-1")
    indexed = replace(options, special_keys=(SpecialKey("userId", "S", indexed=True),))
    uses = ["sessions", "cache", "large-values", "clear", "create", "session-store"]
    place = Place("123456789012")
    assert policy_document(options, ["sessions", "cache"], place) == requests
    assert policy_document(indexed, uses, place) == everything


def test_the_table_of_permissions() -> None:
    shapes = [
        Options(sort_key=key, special_keys=(SpecialKey("u", "S", indexed=True),))
        for key in ("part", None)
    ]
    section = README.split("### IAM permissions")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `(\w[\w-]*)` \| .* \| (.*) \|$", section, re.MULTILINE)
    for use, actions in rows:
        expected = {
            action
            for options in shapes
            for statement in policy_document(options, [use])["Statement"]
            for action in statement["Action"]
        }
        assert expected == set(re.findall(r"dynamodb:\w+", actions)), use
    assert {"large-values", "clear", "keys", "create"} <= {use for use, _ in rows}


def test_the_worked_examples_of_the_command(
    aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command prints what the README shows, apart from digests, times and units."""
    options = {"special_keys": "userId:S:index"}
    ini = {"type": "ext:dynamodb", "table_name": "myapp-sessions", "timeout": 1800, **options}
    lines = [f"session.{name} = {value}\n" for name, value in ini.items()]
    (tmp_path / "production.ini").write_text("[app:main]\n" + "".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    examples = re.findall(
        r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks("text", "The command")), re.MULTILINE
    )
    digest = ""
    for command, expected in examples:
        if "sessions list" in command:
            place = {"table_name": "myapp-sessions", "region_name": "eu-west-1", "timeout": 1920}
            for n in range(3):
                session = DynamoDBNamespaceManager(f"id-{n}", **place, **options)
                session["session"] = payload(userId="42")
        _, *arguments = shlex.split(re.sub("@[0-9a-f]{16}", digest, command) if digest else command)
        result = CliRunner().invoke(cli, arguments)
        assert 0 == result.exit_code
        assert settled(expected) == settled(result.stdout + result.stderr)
        if found := re.search("@[0-9a-f]{16}", result.stdout):
            digest = found[0]
    assert 4 == len(examples)


def settled(output: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "9", re.sub(r"@[0-9a-f]{16}", "@digest", output))

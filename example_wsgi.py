"""A demonstration: what Beaker's sessions and caches look like in DynamoDB.

    python example_wsgi.py                                        an embedded DynamoDB
    python example_wsgi.py --endpoint-url http://127.0.0.1:8000   DynamoDB Local
    python example_wsgi.py --aws --region eu-west-1               Amazon DynamoDB itself

All that makes it use DynamoDB is the configuration in `main`; the rest is an ordinary WebOb
application, and a page that shows what happens behind it.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import socket
import sys
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import sha256
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

import waitress
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options
from webob import Request, Response
from webob.exc import HTTPBadRequest, HTTPNotFound, HTTPSeeOther, HTTPServiceUnavailable

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager
from beaker_dynamodb.items.item import item_size
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from beaker_dynamodb.testing.meter import Call, CallMeter, count_text, units_text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SESSION_SECONDS = 1800
SLOW_SECONDS = 1
LONGEST_NAME, LONGEST_VALUE = 40, 100_000  # characters


class Markup(str):
    """Text that is HTML already."""


PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>Beaker in DynamoDB</title>
<style>
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem; background: #f4f5f7; color: #1c2430;
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
h1, h2, p { margin: 0 0 .5rem } h1 { font-size: 1.6rem } h2 { font-size: 1.15rem }
main, main > div { display: grid; gap: 1rem; align-items: start; min-width: 0 }
main { margin-top: 1rem }
section { background: #fff; border: 1px solid #dde1e7; border-radius: .6rem; padding: 1.1rem;
  min-width: 0 }
@media (min-width: 56rem) { main { grid-template-columns: 5fr 6fr } }
.big { font-size: 2.2rem; line-height: 1.2; font-weight: 700; color: #1d5fbf }
.note { color: #5b6675; font-size: .875rem } .any { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; margin: .25rem 0 .75rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .4rem; font-weight: inherit;
  border-top: 1px solid #e8ebef }
thead th { border: 0; color: #5b6675; font-size: .8rem; font-weight: 600 }
code { font: .875rem/1.4 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.now { background: #eaf2fe; font-weight: 600 }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 } td form { display: inline }
.try { display: flex; gap: .75rem; align-items: center; margin-top: .5rem }
.try form { flex: 0 0 7.5rem } .try button { width: 100% }
input, button { font: inherit; padding: .35rem .7rem; border: 1px solid #b4bcc8;
  border-radius: .4rem } input { flex: 1 1 7rem; min-width: 0 }
button { background: #eef1f5; cursor: pointer } button:hover { background: #dfe5ec }
.main { background: #1d5fbf; border-color: #1d5fbf; color: #fff }
.main:hover { background: #174d9c } [hidden] { display: none }
</style>
<h1>Beaker sessions and caches in DynamoDB</h1>
<p class="note">Stored in $where, table <code>$table</code>. Reload the page, or press a button.</p>
<main><div>
<section><h2>Your session</h2>
<p><span class="big" id="visits">$visits</span> visits of this page, counted in the session</p>
<table><thead><tr><th>Name<th>Value<th></thead><tbody id="values">
$values</table>
<form method="post"><input name="name" placeholder="name" aria-label="name" required
maxlength="$longest_name"><input name="value" placeholder="value" aria-label="value"
maxlength="$longest_value"><button class="main" name="action" value="set">Set value</button></form>
$buttons
<div class="try" id="race" hidden><form><button type="button">20 at once</button></form>
<span class="note" role="status">20 requests at a time, each of which sets another value.</span>
</div></section>
<section><h2>A cached slow function</h2>
<p><span class="big" id="number">$number</span> <span class="note">drawn at random</span></p>
<p>Drawn <b>$age s ago</b>, and kept for $kept s by Beaker's cache. To draw it takes
$slow_seconds s; this page got it in <b>$took ms</b>.</p></section>
</div><div>
<section><h2>What this page cost</h2><p class="big" id="cost">$count</p>
<p>Capacity units: <b id="units">$units</b></p><p class="note">$how</p>
<table><thead><tr><th>Request<th>Session<th>Cache<th>Units</thead>$requests</table>
<p class="note">The first row is this very request, its save included: the page is made after Beaker
has saved the session. Not counted is one more read, which shows you the item below.</p></section>
<section><h2>Your session's item in the table</h2>
<p>Primary key <code id="key" class="any">$key</code></p>
<p><b><span id="size">$size</span> bytes</b> of at most 409,600. Expires: $expiry.</p>
<table><thead><tr><th>Attribute<th>Type<th>Value</thead>$item</table></section>
</div></main><script>$script</script></html>
"""
# For the button "20 at once", which stays hidden where scripts do not run. A browser may hold some
# of the requests back: Chromium has six under way at a time.
SCRIPT = """
const race = document.getElementById("race"), button = race.querySelector("button");
const told = race.querySelector(".note");
const names = Array.from({length: 20}, (_, n) => `race-${`${n + 1}`.padStart(2, "0")}`);
race.hidden = false;
button.onclick = async () => {
  button.disabled = true;
  try {
    await fetch("/");  // a session that has ended begins anew here, and not in each of the 20
    const at = new Date().toISOString().slice(11, 23);  // tells this click's values from older ones
    await Promise.all(names.map(name => fetch("/", {method: "POST", redirect: "manual",
      body: new URLSearchParams({action: "set", name, value: `${name} at ${at}`})})));
    const text = await (await fetch("/")).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const cells = Array.from(page.querySelectorAll("#values td"), cell => cell.textContent);
    const kept = names.filter(name => cells.includes(`${name} at ${at}`));
    page.getElementById("race").replaceWith(race);
    document.querySelector("main").replaceWith(page.querySelector("main"));
    told.className = "now";
    told.textContent = `${kept.length} of 20 kept`;
  } catch (error) {
    told.textContent = `That did not work: ${error}`;
  }
  button.disabled = false;
};
"""
VALUE = """<tr><td class="any"><code>$name</code><td class="any">$value<td><form method="post">
<input type="hidden" name="name" value="$name">
<button name="action" value="remove">Remove</button></form>"""
NO_VALUES = Markup('<tr><td class="note" colspan="3">None yet.')
BUTTON = """<div class="try"><form method="post"><button name="action"
value="$action">$label</button></form><span class="note">$about</span></div>"""
BUTTONS = [
    ("new-id", "New id", "Same values under another session id, as after a log-in."),
    ("log-out", "Log out", "Deletes the session and its cookie."),
    ("clear", "Clear", "Empties the session."),
]
COST = '<tr class="$mark"><td>$label<td>$session<td>$cache<td>$units'
ATTRIBUTE = """<tr><th><code>$name</code><td>$kind<td class="any"><code>$value</code>
<div class="note">$about</div>"""
ABOUT = {
    "id": "partition key: a prefix and the session's id",
    "type": "what kind of item this is",
    "data": "the session itself",
    "codec": "how data is encoded",
    "created": "first written",
    "accessed": "last used",
    "deadline": "exact expiry, to the millisecond: what reads go by",
    "expires": "DynamoDB's time to live, rounded up: what its sweeper goes by",
    "version": "goes up with every change",
    "writer": "a token of the last write",
}
COMPUTED = (
    "Computed from the items' sizes by AWS's rule, because the embedded server reports wrong "
    "units: a read costs one per started 4 KB, a write one per started KB."
)
REPORTED = "As DynamoDB itself reported them (ReturnConsumedCapacity)."
REFUSAL = (
    f"There is no such button, or the name is not one of 1 to {LONGEST_NAME} characters other than "
    f"'visits' and without a leading underscore, or the value has over {LONGEST_VALUE} characters."
)
HEADERS = [
    ("Content-Type", "text/html; charset=UTF-8"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
        f"script-src 'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
]


def fill(template: str, **values: object) -> Markup:
    """Fill a template; whatever is not Markup is escaped."""
    safe = {n: v if isinstance(v, Markup) else escape(str(v)) for n, v in values.items()}
    return Markup(Template(template).substitute(safe))


def joined(parts: Iterable[Markup]) -> Markup:
    """Put pieces of HTML one after the other."""
    return Markup("\n".join(parts))


def cost_row(label: str, calls: list[Call], mark: str = "") -> Markup:
    """Give the line of one request."""
    session = [call for call in calls if call.target.get("id", {}).get("S", "").startswith("sess:")]
    cache = [call for call in calls if call not in session]
    each = {"session": count_text(session), "cache": count_text(cache), "units": units_text(calls)}
    return fill(COST, mark=mark, label=label, **each)


def attribute_row(name: str, kind: str, content: Any) -> Markup:
    """Give the line of one attribute of the item."""
    about = ABOUT.get(name, "")
    if kind == "B":
        content = f"{len(content)} bytes: {content[:16].hex(' ')} …"
    elif name in ("created", "accessed", "deadline", "expires"):
        about = f"{moment(content)}: {about}"
    return fill(ATTRIBUTE, name=name, kind=kind, value=content, about=about)


def moment(seconds: str) -> str:
    """Give a moment, in seconds since the epoch, as people read it."""
    return datetime.fromtimestamp(float(seconds), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclass
class Demo:
    """The application.

    :param manager: one of Beaker's managers in the same configuration, to look at the table with.
    :param meter: counts the calls of its client.
    :param draw: the cached slow function.
    :param words: what the page says about this run: see `main`.
    """

    manager: DynamoDBNamespaceManager
    meter: CallMeter
    draw: Callable[[], dict[str, float]]
    words: dict[str, str]
    #: What the last buttons cost, newest first: each of them redirects to the page that shows it.
    buttons: deque[tuple[str, list[Call]]] = field(default_factory=lambda: deque(maxlen=4))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            # Beaker saves the session when the response starts.
            return self.answer(Request(environ))(environ, start_response)
        except DynamoDBError as error:
            return HTTPServiceUnavailable(str(error))(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Give the page, or do what a button says."""
        if request.path_info != "/" or request.method not in ("GET", "POST"):
            return HTTPNotFound()
        session = request.environ["beaker.session"]
        calls = self.meter.begin()
        if request.method == "POST":
            form = {name: str(value) for name, value in request.POST.items()}
            self.buttons.appendleft((form.get("action", "")[:10], calls))
            return self.change(session, form)
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        started = time.perf_counter()
        drawn = self.draw()
        took = time.perf_counter() - started
        # A generator: the page is made after the response has started, and with that after the
        # session was saved. It can therefore show what the whole request cost.
        return Response(app_iter=self.page(session, calls, drawn, took), headerlist=HEADERS)

    def change(self, session: Any, form: dict[str, str]) -> Response:
        """Do what a button says and lead back to the page, so that a reload repeats nothing."""
        action, name, value = (form.get(part, "") for part in ("action", "name", "value"))
        if action == "log-out":
            session.delete()
            return HTTPSeeOther(location="/")
        if action == "set" and name_is_free(name) and len(value) <= LONGEST_VALUE:
            session[name] = value
        elif action == "remove" and name_is_free(name):
            session.pop(name, None)
        elif action == "new-id":
            session.regenerate_id()
        elif action == "clear":
            session.clear()
        else:
            return HTTPBadRequest(REFUSAL)
        session.save()
        return HTTPSeeOther(location="/")

    def page(
        self, session: Any, calls: list[Call], drawn: dict[str, float], took: float
    ) -> Iterator[bytes]:
        """Give the page, in one piece, after the session has been saved.

        :param took: seconds that it took to get what was drawn.
        """
        rows = [cost_row("This page", calls, mark="now")]
        rows += [cost_row(f"Button: {label}", earlier) for label, earlier in self.buttons.copy()]
        cost = {"count": count_text(calls), "units": units_text(calls), "requests": joined(rows)}
        # Not part of the cost: an application has no reason to do this.
        self.meter.begin()
        store = self.manager.backend
        key, table = store.keys.session(session.id).partition, store.options.table_name
        item = self.manager.client.get_item(
            TableName=table, Key={"id": {"S": key}}, ConsistentRead=True
        ).get("Item", {})
        values = sorted((name, value) for name, value in session.items() if name_is_free(name))
        yield fill(
            PAGE,
            **cost,
            **self.words,
            script=Markup(SCRIPT),
            table=table,
            visits=session["visits"],
            values=joined(fill(VALUE, name=n, value=v) for n, v in values) or NO_VALUES,
            buttons=joined(fill(BUTTON, action=a, label=b, about=c) for a, b, c in BUTTONS),
            longest_name=LONGEST_NAME,
            longest_value=LONGEST_VALUE,
            number=f"{drawn['number']:,.0f}",
            age=f"{max(0.0, time.time() - drawn['at']):.0f}",
            slow_seconds=SLOW_SECONDS,
            took=f"{took * 1000:,.0f}",
            key=key,
            size=f"{item_size(item):,}",
            expiry=moment(item["deadline"]["N"]) if "deadline" in item else "never",
            item=joined(attribute_row(n, *next(iter(v.items()))) for n, v in item.items()),
        ).encode()


def name_is_free(name: str) -> bool:
    """Whether a session's value is the visitor's; names with an underscore are Beaker's own."""
    return 0 < len(name) <= LONGEST_NAME and not name.startswith("_") and name != "visits"


def draw() -> dict[str, float]:
    """Draw a number, slowly."""
    time.sleep(SLOW_SECONDS)
    return {"number": random.randrange(1_000_000), "at": time.time()}


def parsed_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Show Beaker's sessions and caches in DynamoDB.")
    parser.add_argument("--port", type=int, default=8080, help="default 8080; 0 takes a free one")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--endpoint-url", metavar="URL", help="use the DynamoDB Local at this URL")
    where.add_argument(
        "--aws",
        action="store_true",
        help="use Amazon DynamoDB with what boto3 finds; default: a DynamoDB in this process",
    )
    parser.add_argument(
        "--cache-seconds", type=int, default=30, help="life of the cached value (default 30)"
    )
    parser.add_argument("--table-name", default="beaker-demo", help="default beaker-demo")
    parser.add_argument("--region", help="default eu-west-1, with --aws what boto3 finds")
    return parser.parse_args()


def place(arguments: argparse.Namespace, stack: ExitStack) -> tuple[str, dict[str, Any]]:
    """Give where the data goes, in words and as options of the backend."""
    options = {"table_name": arguments.table_name, "region_name": arguments.region}
    if arguments.aws:
        return "Amazon DynamoDB (AWS)", options
    # The user's AWS account, its configuration files and a proxy have no part in this.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    options["region_name"] = arguments.region or "eu-west-1"
    options |= {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
    options["endpoint_url"] = arguments.endpoint_url
    if arguments.endpoint_url:
        return f"DynamoDB Local at {arguments.endpoint_url}", options
    options["endpoint_url"] = stack.enter_context(EmbeddedDynamoDB()).endpoint_url
    return "an embedded DynamoDB (moto), which forgets everything when it stops", options


def main() -> None:
    """Serve the demo until Ctrl-C or SIGTERM."""
    arguments = parsed_arguments()
    # waitress takes SystemExit as the order to finish.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", arguments.port)))
        except (OSError, OverflowError) as error:
            sys.exit(f"example_wsgi.py: port {arguments.port}: {error} (--port 0 takes a free one)")
        try:
            where, options = place(arguments, stack)
            manager = DynamoDBNamespaceManager("demo", **options)
            manager.has_key(b"anything")  # makes the table, which is not the first page's to pay
        except DynamoDBError as error:
            sys.exit(f"example_wsgi.py: {error}")
        embedded = not (arguments.aws or arguments.endpoint_url)
        meter = stack.enter_context(CallMeter(manager.client, computed=embedded))
        words = {
            "where": where,
            "how": COMPUTED if embedded else REPORTED,
            "kept": str(arguments.cache_seconds),
        }

        # From here on, what any application does to keep its sessions and caches in DynamoDB.
        config = {"type": "ext:dynamodb", **options}
        cache_config = {f"cache.{name}": value for name, value in config.items()}
        cache = CacheManager(**parse_cache_config_options(cache_config))
        demo = Demo(
            manager, meter, cache.cache("demo", expire=arguments.cache_seconds)(draw), words
        )
        config |= {"timeout": SESSION_SECONDS, "httponly": True, "samesite": "Lax"}
        application = SessionMiddleware(
            demo, {f"session.{name}": value for name, value in config.items()}
        )

        print(f"Sessions and cache are in {where}, table {arguments.table_name}.")
        print(f"Open http://127.0.0.1:{listener.getsockname()[1]}/ (Ctrl-C stops it)", flush=True)
        # More threads than the 20 requests of the page. Even so waitress warns of a queue when a
        # request comes while the thread that is to take it has not woken up yet: no news to anyone.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        waitress.serve(application, sockets=[listener], threads=32, _quiet=True)


if __name__ == "__main__":
    main()

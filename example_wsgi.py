"""A demonstration: what Beaker's sessions and caches look like in DynamoDB.

    python example_wsgi.py                                        an embedded DynamoDB
    python example_wsgi.py --endpoint-url http://127.0.0.1:8000   DynamoDB Local
    python example_wsgi.py --aws --region eu-west-1               Amazon DynamoDB itself

Only the configuration in `create_app` makes it use DynamoDB. The rest is an ordinary WebOb
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
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

import waitress
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options
from webob import Request, Response
from webob.exc import HTTPBadRequest, HTTPNotFound, HTTPSeeOther, HTTPServiceUnavailable

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager
from beaker_dynamodb.cli.capacity import READS, Call, Capacity
from beaker_dynamodb.items.item import item_size
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SESSION_SECONDS = 1800
SLOW_SECONDS = 1
LONGEST_NAME, LONGEST_VALUE = 40, 5_000  # characters


class Markup(str):
    """A string that is HTML already."""


PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>Beaker in DynamoDB</title>
<style>
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem; background: #f4f5f7; color: #1c2430;
  font: 1rem/1.5 system-ui, sans-serif }
h1, h2, p { margin: 0 0 .5rem } h1 { font-size: 1.6rem } h2 { font-size: 1.15rem }
main, main > div { display: grid; gap: 1rem; align-items: start; min-width: 0 }
section { background: #fff; border: 1px solid #dde1e7; border-radius: .6rem; padding: 1.1rem;
  min-width: 0 }
@media (min-width: 56rem) { main { grid-template-columns: 5fr 6fr } }
.big { font-size: 2.2rem; line-height: 1.2; font-weight: 700; color: #1d5fbf }
.note { color: #5b6675; font-size: .875rem } .any { overflow-wrap: anywhere }
.now { background: #eaf2fe; font-weight: 600 } [hidden] { display: none }
table { border-collapse: collapse; width: 100%; margin: .25rem 0 .75rem }
th, td { text-align: left; vertical-align: top; padding: .4rem; font-weight: inherit;
  border-top: 1px solid #e8ebef }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 }
.try { display: flex; gap: .75rem; align-items: center; margin-top: .5rem }
.try form { flex: 0 0 7.5rem } .try button { width: 100% }
input, button { font: inherit; padding: .35rem .7rem; border: 1px solid #b4bcc8;
  border-radius: .4rem } input { flex: 1 1 7rem; min-width: 0 }
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
maxlength="$longest_value"><button name="action" value="set">Set value</button></form>
$buttons
<div class="try" id="race" hidden><form><button type="button">20 at once</button></form>
<span class="note" role="status">20 requests at a time, each of which sets another value.</span>
</div></section>
<section><h2>A cached slow function</h2>
<p><span class="big" id="number">$number</span> <span class="note">drawn at random</span></p>
<p>Drawn <b>$age s ago</b>, and kept for $kept s by Beaker's cache. To draw it takes
$slow_seconds s; this page got it in <b>$took ms</b>.</p></section>
</div><div>
<section><h2>What this page cost</h2><p class="big" id="cost">$cost</p>
<table><thead><tr><th>Request<th>Session<th>Cache</thead>$requests</table>
<p class="note">The first row is this request, its save included: the page is rendered after Beaker
has saved the session. The read for the item below is not counted.</p></section>
<section><h2>Your session's item in the table</h2>
<p>Primary key <code id="key" class="any">$key</code></p>
<p><b><span id="size">$size</span> bytes</b> of at most 409,600.</p>
<table><thead><tr><th>Attribute<th>Type<th>Value</thead>$item</table></section>
</div></main><script>$script</script></html>
"""
# For the button "20 at once", which stays hidden if scripts are off. A browser may delay some of
# the requests: Chromium sends six at a time.
SCRIPT = """
const race = document.getElementById("race"), button = race.querySelector("button");
const told = race.querySelector(".note");
const names = Array.from({length: 20}, (_, n) => `race-${`${n + 1}`.padStart(2, "0")}`);
race.hidden = false;
button.onclick = async () => {
  button.disabled = true;
  try {
    await fetch("/");  // starts a new session here if the old one has ended, not in each of the 20
    const at = new Date().toISOString().slice(11, 23);  // marks the values of this click
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
    told.textContent = `Failed: ${error}`;
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
COST = '<tr class="$mark"><td>$label<td>$session<td>$cache'
ATTRIBUTE = """<tr><th><code>$name</code><td>$kind<td class="any"><code>$value</code>
<div class="note">$about</div>"""
ABOUT = {
    "id": "partition key: a prefix and the session's id",
    "type": "what kind of item this is",
    "data": "the session itself",
    "codec": "how data is encoded",
    "created": "first written",
    "accessed": "last access",
    "deadline": "exact expiry, to the millisecond; reads use it",
    "expires": "DynamoDB's time to live, rounded up",
    "version": "incremented by every change",
    "writer": "token of the last write",
}
REFUSAL = "The page has no such button, or the name or the value is not allowed."
HEADERS = [("Content-Type", "text/html; charset=UTF-8"), ("Cache-Control", "no-store")]


def fill(template: str, **values: object) -> Markup:
    """Fill a template; escape every value that is not Markup."""
    safe = {n: v if isinstance(v, Markup) else escape(str(v)) for n, v in values.items()}
    return Markup(Template(template).substitute(safe))


def joined(parts: Iterable[Markup]) -> Markup:
    """Join pieces of HTML."""
    return Markup("\n".join(parts))


def is_session(call: Call) -> bool:
    """Return whether a call is about a session, not about a cache entry."""
    params = call.params
    if call.operation == "TransactWriteItems":
        (params,) = params["TransactItems"][0].values()
    key = (params.get("Key") or params.get("Item") or {}).get("id", {})
    return str(key.get("S", "")).startswith("sess:")


def counted(calls: list[Call]) -> str:
    """Return the number of calls: "2 reads, 1 write", or "none"."""
    reads = sum(call.operation in READS for call in calls)
    numbers = [(reads, "read"), (len(calls) - reads, "write")]
    parts = [f"{number} {noun}" + "s" * (number > 1) for number, noun in numbers if number]
    return ", ".join(parts) or "none"


def cost_row(label: str, calls: list[Call], mark: str = "") -> Markup:
    """Return the table row of one request."""
    session = counted([call for call in calls if is_session(call)])
    cache = counted([call for call in calls if not is_session(call)])
    return fill(COST, mark=mark, label=label, session=session, cache=cache)


def attribute_row(name: str, kind: str, content: Any) -> Markup:
    """Return the table row of one attribute of the item."""
    about = ABOUT.get(name, "")
    if kind == "B":
        content = f"{len(content)} bytes: {content[:16].hex(' ')} …"
    elif name in ("created", "accessed", "deadline", "expires"):
        about = f"{readable_time(content)}: {about}"
    return fill(ATTRIBUTE, name=name, kind=kind, value=content, about=about)


def readable_time(seconds: str) -> str:
    """Format epoch seconds."""
    return datetime.fromtimestamp(float(seconds), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


class Demo:
    """The application.

    :param manager: a namespace manager with the same options, to look at the table.
    :param draw: the cached slow function.
    :param words: texts of the page that depend on the configuration.
    """

    def __init__(
        self,
        manager: DynamoDBNamespaceManager,
        draw: Callable[[], dict[str, float]],
        words: dict[str, str],
    ) -> None:
        self.manager = manager
        self.draw = draw
        self.words = words
        #: The calls of the last buttons, newest first. The page after a button shows them.
        self.buttons: deque[tuple[str, list[Call]]] = deque(maxlen=4)
        self.thread = threading.local()
        Capacity(manager.client, on_call=self.record)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            # Beaker saves the session when the response starts.
            return self.answer(Request(environ))(environ, start_response)
        except DynamoDBError as error:
            return HTTPServiceUnavailable(str(error))(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Return the page, or do what a button says."""
        if request.path_info != "/" or request.method not in ("GET", "POST"):
            return HTTPNotFound()
        session = request.environ["beaker.session"]
        calls = self.record_calls()
        if request.method == "POST":
            form = {name: str(value) for name, value in request.POST.items()}
            self.buttons.appendleft((form.get("action", "")[:10], calls))
            return self.change(session, form)
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        started = time.perf_counter()
        drawn = self.draw()
        took = time.perf_counter() - started
        # A generator runs after the response has started, which saves the session. So the page
        # can show the calls of the whole request.
        return Response(app_iter=self.page(session, calls, drawn, took), headerlist=HEADERS)

    def record(self, call: Call) -> None:
        """Append a call to the list of its thread's request."""
        getattr(self.thread, "calls", []).append(call)

    def record_calls(self) -> list[Call]:
        """Return a list that gets the further calls of this thread."""
        calls: list[Call] = []
        self.thread.calls = calls
        return calls

    def change(self, session: Any, form: dict[str, str]) -> Response:
        """Do what a button says, and redirect to the page, so that a reload repeats nothing."""
        action, name, value = (form.get(part, "") for part in ("action", "name", "value"))
        if action == "log-out":
            session.delete()
            return HTTPSeeOther(location="/")
        if action == "set" and is_allowed(name) and len(value) <= LONGEST_VALUE:
            session[name] = value
        elif action == "remove" and is_allowed(name):
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
        """Render the page after the session has been saved.

        :param took: seconds that the cached function took.
        """
        rows = [cost_row("This page", calls, mark="now")]
        rows += [cost_row(f"Button: {label}", earlier) for label, earlier in self.buttons.copy()]
        self.record_calls()  # an application would not read the item, so it is not counted
        backend = self.manager.backend
        key, table = backend.keys.session(session.id).partition, backend.options.table_name
        item = self.manager.client.get_item(
            TableName=table, Key={"id": {"S": key}}, ConsistentRead=True
        ).get("Item", {})
        values = sorted((name, value) for name, value in session.items() if is_allowed(name))
        yield fill(
            PAGE,
            **self.words,
            cost=counted(calls),
            requests=joined(rows),
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
            item=joined(attribute_row(n, *next(iter(v.items()))) for n, v in item.items()),
        ).encode()


def is_allowed(name: str) -> bool:
    """Return whether visitors may set a session value; Beaker's names have an underscore."""
    return 0 < len(name) <= LONGEST_NAME and not name.startswith("_") and name != "visits"


def draw() -> dict[str, float]:
    """Draw a number, slowly."""
    time.sleep(SLOW_SECONDS)
    return {"number": random.randrange(1_000_000), "at": time.time()}


def create_app(
    options: dict[str, Any],
    *,
    where: str = "DynamoDB",
    cache_seconds: int = 30,
    draw: Callable[[], dict[str, float]] = draw,
) -> SessionMiddleware:
    """Return the application, with its sessions and caches in DynamoDB.

    :param options: options of the backend.
    :param where: says where the data is, for the page.
    """
    manager = DynamoDBNamespaceManager("demo", **options)
    manager.has_key(b"anything")  # creates the table, so that the first page need not
    # From here on, it is what any application does to keep its sessions and caches in DynamoDB.
    config = {"type": "ext:dynamodb", **options}
    cache_config = {f"cache.{name}": value for name, value in config.items()}
    cache = CacheManager(**parse_cache_config_options(cache_config))
    words = {"where": where, "kept": str(cache_seconds)}
    demo = Demo(manager, cache.cache("demo", expire=cache_seconds)(draw), words)
    config |= {"timeout": SESSION_SECONDS, "httponly": True, "samesite": "Lax"}
    return SessionMiddleware(demo, {f"session.{name}": value for name, value in config.items()})


def parsed_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Show Beaker's sessions and caches in DynamoDB.")
    parser.add_argument("--port", type=int, default=8080, help="default 8080; 0 picks a free one")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--endpoint-url", metavar="URL", help="use the DynamoDB Local at this URL")
    where.add_argument(
        "--aws",
        action="store_true",
        help="use Amazon DynamoDB as boto3 is configured; default: a DynamoDB in this process",
    )
    parser.add_argument(
        "--cache-seconds", type=int, default=30, help="lifetime of the cached value (default 30)"
    )
    parser.add_argument("--table-name", default="beaker-demo", help="default beaker-demo")
    parser.add_argument("--region", help="default eu-west-1; with --aws, as boto3 is configured")
    return parser.parse_args()


def place(arguments: argparse.Namespace, stack: ExitStack) -> tuple[str, dict[str, Any]]:
    """Return where the data is kept, in words and as options of the backend."""
    options = {"table_name": arguments.table_name, "region_name": arguments.region}
    if arguments.aws:
        return "Amazon DynamoDB (AWS)", options
    # Ignore the user's AWS account, its configuration files and proxies.
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
    if arguments.port not in range(2**16):
        sys.exit(f"example_wsgi.py: port {arguments.port} is not one of 0 to 65535")
    # waitress finishes on SystemExit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", arguments.port)))
        except OSError as error:
            sys.exit(f"example_wsgi.py: port {arguments.port}: {error} (--port 0 picks a free one)")
        try:
            where, options = place(arguments, stack)
            application = create_app(options, where=where, cache_seconds=arguments.cache_seconds)
        except DynamoDBError as error:
            sys.exit(f"example_wsgi.py: {error}")
        print(f"Sessions and cache are in {where}, table {arguments.table_name}.")
        print(f"Open http://127.0.0.1:{listener.getsockname()[1]}/ (Ctrl-C stops it)", flush=True)
        # More threads than the 20 requests of the page. waitress warns of a queue even so, while a
        # thread wakes up.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        waitress.serve(application, sockets=[listener], threads=32, _quiet=True)


if __name__ == "__main__":
    main()

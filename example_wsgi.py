"""A demonstration: what Beaker's sessions and caches look like in DynamoDB.

    python example_wsgi.py                                        an embedded DynamoDB
    python example_wsgi.py --endpoint-url http://127.0.0.1:8000   DynamoDB Local
    python example_wsgi.py --aws --region eu-west-1               Amazon DynamoDB itself

Only the configuration in `create_app` makes it use DynamoDB. The rest is an ordinary WebOb
application, and a page (examples/demo_page.py) that shows what its requests do.
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
from typing import TYPE_CHECKING, Any

import waitress
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options
from webob import Request, Response
from webob.exc import HTTPBadRequest, HTTPNotFound, HTTPSeeOther, HTTPServiceUnavailable

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.cli.capacity import Call, Capacity
from beaker_dynamodb.items.item import item_size
from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from examples import demo_page as show

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SESSION_SECONDS = 1800
SLOW_SECONDS = 1


class Demo:
    """The application.

    :param manager: a namespace manager with the same options, to read the table.
    :param draw: the cached slow function.
    :param words: parts of the page that depend on the configuration.
    :param server: the embedded DynamoDB, which a button stops, or None.
    :param wait: pauses a slow request, for a number of seconds.
    """

    def __init__(
        self,
        manager: DynamoDBNamespaceManager,
        draw: Callable[[], dict[str, float]],
        words: dict[str, str],
        server: EmbeddedDynamoDB | None,
        wait: Callable[[float], object],
    ) -> None:
        self.manager = manager
        self.draw = draw
        self.words = words
        self.server, self.down, self.lock = server, False, threading.Lock()
        self.wait = wait
        #: The last four buttons pressed and their calls, newest first, to show on the next page.
        self.buttons: deque[tuple[str, list[Call]]] = deque(maxlen=4)
        self.thread = threading.local()
        Capacity(manager.client, on_call=self.record)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        started = time.perf_counter()
        try:
            # Beaker saves the session when the response starts.
            return self.answer(Request(environ))(environ, start_response)
        except StoreUnavailable as error:
            response = self.outage(error, time.perf_counter() - started)
        except DynamoDBError as error:
            response = HTTPServiceUnavailable(str(error))
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Return the page, or act on a button."""
        if (request.method, request.path_info) == ("POST", "/outage") and self.server is not None:
            return self.switch(self.server, request.POST.get("down") == "1")
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
        return Response(
            app_iter=self.page(session, calls, drawn, took), headerlist=list(show.HEADERS)
        )

    def switch(self, server: EmbeddedDynamoDB, down: bool) -> Response:
        """Stop or restart the embedded DynamoDB. Does not touch the session."""
        with self.lock:
            self.down = down
            (server.stop if down else server.start)()
        return HTTPSeeOther(location="/")

    def outage(self, error: StoreUnavailable, took: float) -> Response:
        """Return the page that visitors see while DynamoDB does not answer.

        :param took: seconds until the error.
        """
        main = show.fill(
            show.OUTAGE,
            error=error,
            took=f"{took * 1000:,.0f}",
            number=f"{self.draw()['number']:,.0f}",
            switch=show.switch(self.down) if self.server else "",
        )
        text = self.framed(main)
        return Response(text, status=503, headerlist=[*show.HEADERS, ("Retry-After", "5")])

    def framed(self, main: str) -> str:
        """Return the page around its main part."""
        table = self.manager.backend.options.table_name
        return show.fill(show.PAGE, **self.words, table=table, main=main)

    def record(self, call: Call) -> None:
        """Append a call to the list of its thread's current request."""
        getattr(self.thread, "calls", []).append(call)

    def record_calls(self) -> list[Call]:
        """Return a list to which this thread's next calls are appended."""
        calls: list[Call] = []
        self.thread.calls = calls
        return calls

    def change(self, session: Any, form: dict[str, str]) -> Response:
        """Act on a button, and redirect to the page, so that a reload repeats nothing."""
        action, name, value = (form.get(part, "") for part in ("action", "name", "value"))
        if action == "log-out":
            session.delete()
            return HTTPSeeOther(location="/")
        if action == "slow" and is_allowed(name):
            session.get(name)  # loads the session
            self.wait(2 * SLOW_SECONDS)
            session[name] = value
        elif action == "set" and is_allowed(name) and len(value) <= show.LONGEST_VALUE:
            session[name] = value
        elif action == "remove" and is_allowed(name):
            session.pop(name, None)
        elif action == "new-id":
            session.regenerate_id()
        elif action == "clear":
            session.clear()
        else:
            return HTTPBadRequest(show.REFUSAL)
        session.save()
        return HTTPSeeOther(location="/")

    def page(
        self, session: Any, calls: list[Call], drawn: dict[str, float], took: float
    ) -> Iterator[bytes]:
        """Render the page after the session has been saved.

        :param took: seconds that the cached function took.
        """
        rows = [show.cost_row("This page", calls, mark="now")]
        rows += [show.cost_row(f"Button: {label}", earlier) for label, earlier in [*self.buttons]]
        self.record_calls()  # do not count this read: only the demo makes it
        backend = self.manager.backend
        key, table = backend.keys.session(session.id).partition, backend.options.table_name
        item = self.manager.client.get_item(
            TableName=table, Key={"id": {"S": key}}, ConsistentRead=True
        ).get("Item", {})
        values = sorted((name, value) for name, value in session.items() if is_allowed(name))
        size = item_size(item)
        main = show.fill(
            show.MAIN,
            cost=show.counted(calls),
            dollars=show.dollars(calls),
            requests=show.joined(rows),
            script=show.Markup(show.SCRIPT),
            switch=show.switch(self.down) if self.server else "",
            visits=session["visits"],
            values=show.values(values),
            buttons=show.buttons(),
            longest_name=show.LONGEST_NAME,
            longest_value=show.LONGEST_VALUE,
            number=f"{drawn['number']:,.0f}",
            age=f"{max(0.0, time.time() - drawn['at']):.0f}",
            kept=self.words["kept"],
            slow_seconds=SLOW_SECONDS,
            took=f"{took * 1000:,.0f}",
            key=key,
            size=f"{size:,}",
            item=show.joined(
                show.attribute_row(n, *next(iter(v.items()))) for n, v in item.items()
            ),
        )
        yield self.framed(main).encode()


def is_allowed(name: str) -> bool:
    """Return whether visitors may set a key; Beaker's own start with an underscore."""
    return 0 < len(name) <= show.LONGEST_NAME and not name.startswith("_") and name != "visits"


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
    server: EmbeddedDynamoDB | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> SessionMiddleware:
    """Return the application, with its sessions and caches in DynamoDB.

    :param options: options of the backend.
    :param where: where the data is stored, as the page shows it.
    :param server: see `Demo`.
    :param wait: see `Demo`.
    """
    manager = DynamoDBNamespaceManager("demo", **options)
    manager.has_key(b"anything")  # creates the table, so that the first page need not
    # The rest is all that any application needs to keep its sessions and caches in DynamoDB.
    config = {"type": "ext:dynamodb", **options}
    cache_config = {f"cache.{name}": value for name, value in config.items()}
    cache_config["cache.on_error"] = "miss"  # during an outage, compute values instead of failing
    cache = CacheManager(**parse_cache_config_options(cache_config))
    words = {"where": where, "kept": str(cache_seconds)}
    drawn = cache.cache("demo", expire=cache_seconds)(draw)
    demo = Demo(manager, drawn, words, server, wait)
    config |= {"timeout": SESSION_SECONDS}
    return SessionMiddleware(demo, {f"session.{name}": value for name, value in config.items()})


def parsed_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Show Beaker's sessions and caches in DynamoDB.")
    parser.add_argument("--port", type=int, default=8080, help="default 8080; 0 picks a free one")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--endpoint-url", metavar="URL", help="use DynamoDB Local at this URL")
    where.add_argument(
        "--aws",
        action="store_true",
        help="use Amazon DynamoDB, as configured for boto3; default: an embedded DynamoDB",
    )
    parser.add_argument(
        "--cache-seconds", type=int, default=30, help="lifetime of the cached value (default 30)"
    )
    parser.add_argument("--table-name", default="beaker-demo", help="default beaker-demo")
    parser.add_argument("--region", help="default eu-west-1; with --aws, as configured for boto3")
    return parser.parse_args()


def storage(
    arguments: argparse.Namespace, stack: ExitStack
) -> tuple[str, dict[str, Any], EmbeddedDynamoDB | None]:
    """Return where the data is stored, the options of the backend, and the embedded server."""
    options = {"table_name": arguments.table_name, "region_name": arguments.region}
    if arguments.aws:
        return "Amazon DynamoDB (AWS)", options, None
    # Ignore the user's AWS account, its configuration files and proxies.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    options["region_name"] = arguments.region or "eu-west-1"
    options |= {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
    options["endpoint_url"] = arguments.endpoint_url
    if arguments.endpoint_url:
        return f"DynamoDB Local at {arguments.endpoint_url}", options, None
    server = stack.enter_context(EmbeddedDynamoDB())
    options["endpoint_url"] = server.endpoint_url
    return "an embedded DynamoDB (moto), which forgets everything when it ends", options, server


def main() -> None:
    """Serve the demo until Ctrl-C or SIGTERM."""
    arguments = parsed_arguments()
    if arguments.port not in range(2**16):
        sys.exit(f"example_wsgi.py: port {arguments.port} is not between 0 and 65535")
    # waitress shuts down on SystemExit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", arguments.port)))
        except OSError as error:
            sys.exit(f"example_wsgi.py: port {arguments.port}: {error} (--port 0 picks a free one)")
        try:
            where, options, server = storage(arguments, stack)
            application = create_app(
                options, where=where, cache_seconds=arguments.cache_seconds, server=server
            )
        except DynamoDBError as error:
            sys.exit(f"example_wsgi.py: {error}")
        print(f"Sessions and cache are in {where}, table {arguments.table_name}.")
        print(f"Open http://127.0.0.1:{listener.getsockname()[1]}/ (Ctrl-C stops it)", flush=True)
        # More threads than the page sends requests at once (20). waitress would still warn about
        # its queue whenever a thread takes a moment to wake up.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        waitress.serve(application, sockets=[listener], threads=32, _quiet=True)


if __name__ == "__main__":
    main()

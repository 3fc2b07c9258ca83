"""The page of the demo (example_wsgi.py): its templates, and the functions that fill them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from html import escape
from math import ceil
from string import Template
from typing import Any

from beaker_dynamodb.cli.capacity import (
    PRICE_READ_MILLION,
    PRICE_WRITE_MILLION,
    READ_UNIT_BYTES,
    READS,
    WRITE_UNIT_BYTES,
    Call,
)
from beaker_dynamodb.items.item import item_size

LONGEST_NAME, LONGEST_VALUE = 40, 5_000  # characters


class Markup(str):
    """A string that is already HTML."""


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
@media (prefers-color-scheme: dark) { :root { color-scheme: dark }
  body { background: #14171c; color: #e4e8ee }
  section { background: #1e232b; border-color: #343c48 }
  .big { color: #8ab6ff } .note { color: #a3adba } .now { background: #26354d }
  th, td { border-color: #343c48 } }
table { border-collapse: collapse; width: 100%; margin: .25rem 0 .75rem }
th, td { text-align: left; vertical-align: top; padding: .4rem; font-weight: inherit;
  border-top: 1px solid #e8ebef }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 }
.try { display: flex; gap: .75rem; align-items: center; margin-top: .5rem }
.try form { flex: 0 0 7.5rem } .try button { width: 100% }
input, button { font: inherit; padding: .35rem .7rem; border: 1px solid #767f8d;
  border-radius: .4rem } input { flex: 1 1 7rem; min-width: 0 }
</style>
<h1>Beaker sessions and caches in DynamoDB</h1>
<p class="note">Stored in $where, table <code>$table</code>. Reload the page, or press a button.</p>
<main>$main</main></html>
"""
MAIN = """<div>
<section><h2>Your session</h2>
<p><span class="big" id="visits">$visits</span> visits of this page, counted in the session</p>
<table><thead><tr><th>Name<th>Value<th></thead><tbody id="values">
$values</table>
<form method="post"><input name="name" placeholder="name" aria-label="name" required
maxlength="$longest_name"><input name="value" placeholder="value" aria-label="value"
maxlength="$longest_value"><button name="action" value="set">Set value</button></form>
$buttons
<div class="try" id="race" hidden><form><button type="button">20 at once</button></form>
<span class="note" role="status">20 requests at once, each of which sets a different value.</span>
</div><div class="try" id="late" hidden><form><button type="button">Slow save</button></form>
<span class="note" role="status">You log out while a slow request saves a value.</span>
</div>$switch</section>
<section><h2>A cached slow function</h2>
<p><span class="big" id="number">$number</span> <span class="note">drawn at random</span></p>
<p>Drawn <b>$age s ago</b>, and kept for $kept s by Beaker's cache. Drawing it takes
$slow_seconds s; this page got it in <b>$took ms</b>.</p></section>
</div><div>
<section><h2>What this page cost</h2><p class="big" id="cost">$cost</p>
<p>A million such pages cost <b id="dollars">$dollars</b> (us-east-1, on demand, 2024-11).</p>
<table><thead><tr><th>Request<th>Session<th>Cache</thead><tbody id="requests">$requests</table>
<p class="note">The first row is this request, its save included: the page is rendered after Beaker
has saved the session. The read for the item below is not counted.</p></section>
<section><h2>Your session's item in the table</h2>
<p>Primary key <code id="key" class="any">$key</code></p>
<p><b><span id="size">$size</span> bytes</b> of at most 409,600.</p>
<table><thead><tr><th>Attribute<th>Type<th>Value</thead><tbody id="item">$item</table></section>
</div><script>$script</script>"""
# For the buttons "20 at once" and "Slow save", which stay hidden if scripts are off. A browser may
# delay some of the 20 requests: Chromium sends six at a time.
SCRIPT = """
const post = fields => fetch("/", {method: "POST", redirect: "manual",
  body: new URLSearchParams(fields)});
const names = Array.from({length: 20}, (_, n) => `race-${`${n + 1}`.padStart(2, "0")}`);

function trial(id, run) {  // shows the button; a click shows the new page and the result of run()
  const place = document.getElementById(id), button = place.querySelector("button");
  const told = place.querySelector(".note");
  place.hidden = false;
  button.onclick = async () => {
    button.disabled = true;
    try {
      await fetch("/");  // starts a session if the old one has ended, not in each request
      const at = new Date().toISOString().slice(11, 23);  // marks the values of this click
      const check = await run(at);
      const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
      const cells = Array.from(page.querySelectorAll("#values td"), cell => cell.textContent);
      told.textContent = check(cells);
      told.classList.add("now");
      for (const part of ["values", "visits", "cost", "dollars", "requests", "key", "size", "item"])
        document.getElementById(part).replaceWith(page.getElementById(part));
    } catch (error) {
      told.textContent = `Failed: ${error}`;
    }
    button.disabled = false;
  };
}
trial("race", async at => {
  await Promise.all(names.map(name => post({action: "set", name, value: `${name} at ${at}`})));
  return cells => `${names.filter(name => cells.includes(`${name} at ${at}`)).length} of 20 kept`;
});
trial("late", async at => {
  const slow = post({action: "slow", name: "late", value: at});
  await new Promise(done => setTimeout(done, 300));
  await post({action: "log-out"});
  await slow;
  return cells => cells.includes(at) ? "The slow request undid the log-out."
    : "You are logged out; the slow request stored nothing.";
});
"""
VALUE = """<tr><td class="any"><code>$name</code><td class="any">$value<td><form method="post">
<input type="hidden" name="name" value="$name">
<button name="action" value="remove">Remove</button></form>"""
NO_VALUES = Markup('<tr><td class="note" colspan="3">None yet.')
BUTTON = """<div class="try"><form method="post"><button name="action"
value="$action">$label</button></form><span class="note">$about</span></div>"""
SWITCH = """<div class="try"><form method="post" action="/outage"><button
name="down" value="$down">$label</button></form>
<span class="note">$about</span></div>"""
TAKE_AWAY = {"label": "Outage", "about": "Stops the embedded DynamoDB to show what visitors see."}
BRING_BACK = {"label": "End outage", "about": "Starts the embedded DynamoDB again."}
OUTAGE = """<section><h2>DynamoDB does not answer</h2>
<p>This page was answered with <b>503 Service Unavailable</b> in <b>$took ms</b>. You stay logged
in: your session is there again when DynamoDB is.</p>
<p class="note any" id="error">$error</p>$switch</section>
<section><h2>A cached slow function</h2>
<p><span class="big" id="number">$number</span> <span class="note">drawn at random</span></p>
<p>With <code>on_error = miss</code> the cache is skipped: each page draws a number.</p>
</section>"""
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
    "earlier": "tokens of earlier writes",
    "cookie": "the cookie that carries the id",
}
REFUSAL = "The page has no such button, or the name or the value is not allowed."
HEADERS = (("Content-Type", "text/html; charset=UTF-8"), ("Cache-Control", "no-store"))


def fill(template: str, **values: object) -> Markup:
    """Fill a template; escape every value that is not Markup."""
    safe = {n: v if isinstance(v, Markup) else escape(str(v)) for n, v in values.items()}
    return Markup(Template(template).substitute(safe))


def joined(parts: Iterable[Markup]) -> Markup:
    """Join pieces of HTML."""
    return Markup("\n".join(parts))


def is_session(call: Call) -> bool:
    """Return whether a call concerns a session rather than a cache entry."""
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
        at = datetime.fromtimestamp(float(content), timezone.utc)
        about = f"{at:%Y-%m-%d %H:%M:%S} UTC: {about}"
    return fill(ATTRIBUTE, name=name, kind=kind, value=content, about=about)


def dollars(calls: list[Call]) -> str:
    """Return what a million requests with these calls cost, by the sizes of their items."""
    total = 0.0
    for call in calls:
        if call.operation in READS:
            units = ceil(item_size(call.response.get("Item", {})) / READ_UNIT_BYTES)
            price = PRICE_READ_MILLION / (1 if call.params.get("ConsistentRead") else 2)
        else:
            units = ceil(item_size(call.params.get("Item", {})) / WRITE_UNIT_BYTES)
            price = PRICE_WRITE_MILLION
        total += max(1, units) * price
    return f"${total:.2f}"


def switch(down: bool) -> Markup:
    """Return the button that stops the embedded DynamoDB, or starts it again."""
    return fill(SWITCH, down=0 if down else 1, **(BRING_BACK if down else TAKE_AWAY))


def values(found: list[tuple[str, object]]) -> Markup:
    """Return the table rows of the session's values."""
    return joined(fill(VALUE, name=name, value=value) for name, value in found) or NO_VALUES


def buttons() -> Markup:
    """Return the buttons that change the session."""
    return joined(fill(BUTTON, action=a, label=b, about=c) for a, b, c in BUTTONS)

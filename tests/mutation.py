"""Run mutmut on the core, print each module's score and check the list of survivors.

    tox -e mutation                                 # every module
    tox -e mutation -- beaker_dynamodb/sessions/merge.py     # the module in hand
    tox -e mutation -- --again                      # only the last run's survivors

A mutant is a copy of the package with one small change, which some test should notice. The command
fails if a survivor is missing from docs/mutation.md, or if a module scores less than `GOAL`. The
score is the percentage of mutants that a test noticed, without the listed ones that have no effect.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = ROOT / ".cache" / "mutation"
PAGE = ROOT / "docs" / "mutation.md"

#: Lowest score that a module may have, in percent.
GOAL = 95.0


def _sessions(*names: str) -> list[str]:
    return [f"tests/sessions/test_{name}.py" for name in names]


_SAVES = _sessions("combined_saves", "concurrent_saves", "conflict_retry")
_ENDS = _sessions("ended_sessions", "errors", "event_reasons", "events", "id_changes", "ids")
_COOKIES = [f"tests/wsgi/test_{name}.py" for name in ("cookie_scope", "sliding_cookie")]
_MERGE = _sessions("merge", "merge_lists", "merge_values")
_KEYS = [
    "tests/format/test_golden_keys.py",
    "tests/items/test_isolation.py",
    "tests/items/test_keys.py",
    "tests/items/test_requests.py",
    "tests/caches/test_query.py",
    "tests/sessions/test_ids.py",
]
_ITEMS = [
    "tests/format/test_golden_chunks.py",
    "tests/format/test_golden_items.py",
    "tests/dynamodb/test_batches.py",
    "tests/dynamodb/test_lesser_server.py",
    *(
        f"tests/items/test_{name}.py"
        for name in (
            *("chunks", "expiry", "item_requests", "requests"),
            *("signing", "size", "verbs"),
        )
    ),
    "tests/sessions/test_id_changes.py",
]
_SIGNATURES = ["tests/format/test_golden_signatures.py", "tests/items/test_signing.py"]
_LOCKS = ["tests/caches"]
#: The modules that are mutated, each with the tests that should notice.
TESTS = {
    "beaker_dynamodb/sessions/merge.py": _MERGE,
    "beaker_dynamodb/sessions/merge_values.py": _MERGE,
    "beaker_dynamodb/sessions/comparison.py": _MERGE,
    "beaker_dynamodb/sessions/reading.py": [
        *_sessions("consistent_read", "event_reasons", "ids", "marker", "record"),
        *_COOKIES,
    ],
    "beaker_dynamodb/sessions/record.py": [
        *_sessions(
            "concurrent_saves", "consistent_read", "log_in_time", "marker", "access_time", "payload"
        ),
        *_sessions("record", "touch"),
        *_ENDS,
        *_COOKIES,
    ],
    "beaker_dynamodb/sessions/merging_save.py": [
        *_sessions("record", "users_model"),
        *_SAVES,
        *_ENDS,
        *_sessions("clocks", "marker", "touch", "users"),
    ],
    "beaker_dynamodb/sessions/state.py": [
        *_sessions(
            "concurrent_saves", "lifetime", "access_time", "payload", "record", "signed_with_secret"
        ),
        *_sessions("users_model"),
        *_ENDS,
        *_COOKIES,
    ],
    "beaker_dynamodb/sessions/lifetime.py": _sessions("lifetime_model"),
    "beaker_dynamodb/sessions/combined_saves.py": [*_sessions("combined_saves_queue"), *_SAVES],
    "beaker_dynamodb/sessions/conflict_retry.py": [*_SAVES],
    "beaker_dynamodb/sessions/session_format.py": [
        *_sessions("access_time", "payload", "session", "signed_with_secret"),
        *_ENDS,
    ],
    "beaker_dynamodb/session.py": [
        *_sessions("marker", "access_time", "payload", "session", "users"),
        *_ENDS,
        *_COOKIES,
    ],
    "beaker_dynamodb/session_item.py": [
        *_sessions(
            "consistent_read",
            "lifetime",
            "lifetime_model",
            "marker",
            "access_time",
            "payload",
            "session",
        ),
        *_sessions("signed_with_secret"),
        *_ENDS,
        *_COOKIES,
        "tests/wsgi/test_cookie_signature.py",
    ],
    "beaker_dynamodb/session_lifetime.py": [
        *_sessions("lifetime", "lifetime_model", "log_in_time", "session"),
        *_COOKIES,
    ],
    "beaker_dynamodb/items/keys.py": _KEYS,
    "beaker_dynamodb/items/conditions.py": _ITEMS,
    "beaker_dynamodb/items/store.py": [*_ITEMS, *_sessions("signed_with_secret")],
    "beaker_dynamodb/items/chunks.py": [*_ITEMS, "tests/items/special/test_special_keys.py"],
    "beaker_dynamodb/items/signing.py": _SIGNATURES,
    "beaker_dynamodb/items/plain_pickle.py": ["tests/items/test_plain_pickle.py"],
    "beaker_dynamodb/config/hkdf.py": ["tests/config/test_hkdf.py"],
    "beaker_dynamodb/wsgi/cookie_signature.py": ["tests/wsgi/test_cookie_signature.py"],
    "beaker_dynamodb/caches/computation.py": _LOCKS,
    "beaker_dynamodb/caches/creation_lock.py": _LOCKS,
    "beaker_dynamodb/caches/heartbeat.py": _LOCKS,
    "beaker_dynamodb/caches/lease.py": _LOCKS,
    "beaker_dynamodb/caches/lock_items.py": _LOCKS,
    "beaker_dynamodb/caches/lock_registry.py": _LOCKS,
}

#: Leave out tests that take too long for each mutant, and those that fail because mutmut wraps each
#: function.
QUICK = "not forty_threads and not names_its_caller"

#: mutmut's outcomes for a mutant that a test noticed; a timeout is an endless loop.
CAUGHT = ("killed", "timeout")
#: Matches the reasons of survivors that no test could notice. Such survivors do not count.
NO_GAP = r"(?!not tested)"
#: A mutant: the function that was changed, and the lines removed (-) and added (+).
Mutant = tuple[str, str]


def mutmut(folder: Path, *arguments: str) -> str:
    """Run mutmut in a folder and return what it printed."""
    command = ["mutmut", *arguments]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutation"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.exit(f"{done.stdout[-5000:]}\n{' '.join(command)} failed in {folder}")
    return done.stdout


def prepare(module: str) -> Path:
    """Prepare a folder in which mutmut mutates only one module, and return it."""
    folder = WORK / module.removesuffix(".py").replace("/", ".")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "source_paths": ["beaker_dynamodb"],
        "only_mutate": [module],
        "also_copy": ["README.md", "docs"],
        "pytest_add_cli_args": ["-m", "not full and not local", "-k", QUICK],
        "pytest_add_cli_args_test_selection": TESTS[module],
        # A mutant may loop forever: stop it after four times the duration of its tests, plus a
        # minute. On a busy machine less would stop mutants that no test notices.
        "timeout_multiplier": 4.0,
        "timeout_constant": 15.0,
    }
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(f"{project}\n[tool.mutmut]\n{''.join(lines)}")
    for name in ("beaker_dynamodb", "tests", "README.md", "docs"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(ROOT / name)
    return folder


def results(folder: Path) -> dict[str, str]:
    """Return the outcome of each mutant, by mutmut's name for it."""
    found = re.findall(r"^ +(\S+): (.+)$", mutmut(folder, "results", "--all", "true"), re.M)
    return dict(found)


def changed_lines(diff: str) -> str:
    """Return the lines of a diff that differ, without their indentation."""
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def described(folder: Path, names: list[str]) -> dict[str, Mutant]:
    """Return mutants as docs/mutation.md lists them, by mutmut's names."""
    # Like `mutmut show`, which takes some seconds for a single mutant.
    program = (
        "import sys; from mutmut.mutation.diff_apply import find_mutant, get_diff_for_mutant\n"
        "for name in sys.argv[1:]:\n"
        "    print('\\0', get_diff_for_mutant(name, path=find_mutant(name).path))"
    )
    command = [sys.executable, "-c", program, *names]
    shown = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, check=True)
    found = {}
    for name, diff in zip(names, shown.stdout.split("\0")[1:], strict=True):
        function = name.rpartition(".")[2].rpartition("__mutmut_")[0]
        function = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        found[name] = function, changed_lines(diff)
    return found


def listed(module: str, *, reason: str = "") -> Counter[Mutant]:
    """Return the survivors that docs/mutation.md lists for a module.

    Each entry is a line "- `function`: reason" and a block of diffs, separated by empty lines.

    :param reason: only survivors whose reason matches this regular expression.
    """
    page = PAGE.read_text() if PAGE.exists() else ""
    section = re.search(rf"^### `{re.escape(module)}`\n(.*?)(?=^#|\Z)", page, re.M | re.S)
    entries = re.findall(
        r"^- `([^`]+)`: (.*?)^ *```diff\n(.*?)^ *```$", section[1] if section else "", re.M | re.S
    )
    return Counter(
        (function, changed_lines(re.sub(r"^ +", "", diff, flags=re.M)))
        for function, given, diffs in entries
        if re.match(reason, given)
        for diff in re.split(r"\n\s*\n", diffs)
    )


def run(module: str, *, again: bool) -> list[str]:
    """Test the mutants of a module, print its score, and return what is wrong."""
    folder = prepare(module)
    if again:
        # Run timeouts again, too: on a busy machine a mutant may have been stopped too early.
        chosen = [name for name, outcome in results(folder).items() if outcome != "killed"]
        (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
        if chosen:
            mutmut(folder, "run", *chosen)
    else:
        shutil.rmtree(folder / "mutants", ignore_errors=True)
    if not again or "not checked" in results(folder).values():
        mutmut(folder, "run")

    outcomes = results(folder)
    count = Counter(outcomes.values())
    survivors = [name for name, outcome in outcomes.items() if outcome not in CAUGHT]
    found = described(folder, survivors)
    without_effect = (Counter(found.values()) & listed(module, reason=NO_GAP)).total()
    score = 100 * (len(outcomes) - len(survivors)) / (len(outcomes) - without_effect)
    unlisted = Counter(found.values()) - listed(module)
    print(f"\n{module}: {len(outcomes)} mutants, {dict(count)}", flush=True)
    print(f"{without_effect} survivors have no effect, score of the others {score:.1f} %")
    for name, mutant in found.items():
        if unlisted[mutant]:
            print(f"\n{name} ({outcomes[name]})\n- `{mutant[0]}`:\n{mutant[1]}")
    for function, lines in listed(module) - Counter(found.values()):
        print(f"\nlisted, but killed: `{function}`\n{lines}")
    wrong = [f"{module}: {unlisted.total()} survivors are not listed"] if unlisted else []
    return wrong + ([f"{module}: the score is below {GOAL:g} %"] if score < GOAL else [])


def main() -> None:
    """Run the modules named on the command line, or all of them."""
    again = "--again" in sys.argv
    modules = [name for name in sys.argv[1:] if name != "--again"] or list(TESTS)
    if unknown := set(modules) - TESTS.keys():
        sys.exit(f"not among the modules: {', '.join(sorted(unknown))}")
    wrong = [line for module in modules for line in run(module, again=again)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()

"""Print docstrings, comments and test names with a phrase to avoid; fail if there are any.

python -m tests.prose                # package, tests, benchmarks and demo
python -m tests.prose tests/cli      # a part
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACES = ["beaker_dynamodb", "tests", "benchmarks", "example_wsgi.py"]

#: What to avoid, and what to write instead.
PHRASES = {
    r'"""(Give|Tell|Let|Make up)\b': "Return …",
    r"(?<!here )\b(is|are|was|were) (no|none)\b(?! (longer|more|other))": "is not a, has no",
    r"\bthere is none\b": "it does not exist",
    r"\bhas not got\b": "does not have",
    r"\b(some|no)body\b|\bwho(m|so)?ever\b": "another process, another request, the caller",
    r"\b(he|him|his)\b": "the caller, it",
    r"(^|[.:;,] )(but )?who (has|is|wants|asks|waits|calls|reads)\b": "a caller that …",
    r"\bby a name that\b": "pass it in",
    r"\b(anew|at will|on an average|in vain|for ever)\b": "again, on average, forever",
    r"\btime[- ]outs?\b": "timeout",
    r"\b(last use|time of the last)\b": "last access",
    r"\bmend(s|ed)?\b": "fix",
    r"\b(is|are) to (be|[a-z]+)\b(?<!is to say)": "must, should, will",
    r"\bgoes? (before|by)\b": "takes precedence over, uses",
    r"\b(so|as) (long|often|much|many)\b(?! as)": "for N seconds, every N seconds",
    r"(?<!`)(?<!param )\b(ours|theirs)\b": "name the thing",
    r"\bis taken for\b": "is treated as",
    r"\bwas quicker\b": "created it first",
    r"\bof (its|their) own\b(?! \w)": "its own, a separate",
    r"\bwarn(s|ed)? of\b": "warn about",
    r"\b(beside|nevertheless|thereby|upon|midst)\b": "next to, anyway, which, in",
    r"\bthe names? of (AWS|Beaker|DynamoDB|botocore)\b": "AWS's names",
    r"\bgoes? (on|along|with)\b": "continues, requires",
}


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Return a file's docstrings, comments and test names, each with its first line's number."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.COMMENT or token.string.startswith('"""'):
                yield token.start[0], token.string
            elif token.type == tokenize.NAME and token.string.startswith("test_"):
                yield token.start[0], token.string.replace("_", " ")


def main() -> None:
    """Check the files or folders named on the command line, or all of them."""
    count = 0
    for place in sys.argv[1:] or PLACES:
        found = ROOT / place
        for path in sorted(found.rglob("*.py")) if found.is_dir() else [found]:
            if path == Path(__file__).resolve():
                continue
            for line, text in prose(path):
                joined = re.sub(r"\s*\n\s*#?:?\s*", " ", text)
                for phrase, instead in PHRASES.items():
                    for match in re.finditer(phrase, joined):
                        count += 1
                        where = joined[max(0, match.start() - 30) : match.end() + 30]
                        print(f"{path.relative_to(ROOT)}:{line}: …{where}… ({instead})")
    if count:
        sys.exit(f"{count} phrases to rewrite")


if __name__ == "__main__":
    main()

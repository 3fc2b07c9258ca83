"""What every test would do anew, done once: botocore's models parsed, what is loaded collected."""

from __future__ import annotations

import gc
from typing import Any

from botocore.loaders import JSONFileLoader

#: Container objects that are made until Python looks for garbage; the default is 700.
GARBAGE_THRESHOLD = 50_000


def parse_models_once() -> None:
    """Keep botocore's own JSON files, of two megabytes, beyond the session that has read them.

    The clients of one session share them in any case, and change nothing in them.
    """
    real = JSONFileLoader.load_file
    parsed: dict[str, Any] = {}

    def load_file(loader: JSONFileLoader, file_path: str) -> Any:
        if file_path not in parsed:
            parsed[file_path] = real(loader, file_path)
        return parsed[file_path]

    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010


def look_for_garbage_less() -> None:
    """Leave out what is there before the first test: moto, botocore and all tests do not go."""
    if not gc.get_freeze_count():  # in a fork of a run that has done it, it is done
        gc.collect()
        gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)

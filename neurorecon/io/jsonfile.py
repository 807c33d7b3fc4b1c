"""JSON files, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neurorecon.io.atomic import atomic_output


def write_json(path: Path, record: dict[str, Any], overwrite: bool = False) -> None:
    """Write plain values; InputError for an output that exists or cannot be written.

    Raises ValueError for numbers that JSON does not have (NaN, infinity).
    """
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_output(path, overwrite) as temporary:
        # A name that is not UTF-8 has the escape that JSON has for it, too.
        temporary.write_bytes((text + "\n").encode("utf-8", errors="backslashreplace"))

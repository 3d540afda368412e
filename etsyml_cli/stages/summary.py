"""What a stage tells about what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Summary(msgspec.Struct, kw_only=True):
    """Where the output lies, whether it had to be made, counts of rows and facts worth a line each."""

    kind: str
    path: str
    up_to_date: bool = False
    rows: dict[str, int] = {}
    facts: dict[str, Any] = {}


def already_there(kind: str, path: Path, rows: dict[str, int], facts: dict[str, Any]) -> Summary:
    return Summary(kind=kind, path=str(path), up_to_date=True, rows=rows, facts=facts)

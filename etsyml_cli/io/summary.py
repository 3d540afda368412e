"""What a stage tells about what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.io.artifact import Manifest, Plan, is_up_to_date, read_manifest


class Summary(msgspec.Struct, kw_only=True):
    """Where the output lies, whether it had to be made, counts of rows and facts worth a line each."""

    kind: str
    path: str
    up_to_date: bool = False
    rows: dict[str, int] = {}
    facts: dict[str, Any] = {}


def existing_result(out: Path, plan: Plan, *, force: bool) -> Summary | None:
    """What lies at `out` if just this plan made it, unless `force` asks to make it again."""
    if force or not is_up_to_date(out, plan):
        return None
    return up_to_date(out, read_manifest(out))


def up_to_date(out: Path, manifest: Manifest) -> Summary:
    return Summary(kind=manifest.plan.kind, path=str(out), up_to_date=True, rows=manifest.rows, facts=manifest.facts)

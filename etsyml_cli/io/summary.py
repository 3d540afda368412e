"""The summary that a stage returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.io.artifact import Manifest, Plan, is_up_to_date, read_manifest


class Summary(msgspec.Struct, kw_only=True):
    """Path of the output, whether it was already up to date, row counts, and facts to print on a line each."""

    kind: str
    path: str
    up_to_date: bool = False
    rows: dict[str, int] = {}
    facts: dict[str, Any] = {}


def existing_result(out: Path, plan: Plan, *, force: bool) -> Summary | None:
    """The summary of the output at `out` if it is up to date with `plan` and `force` is not set, else None."""
    if force or not is_up_to_date(out, plan):
        return None
    return up_to_date(out, read_manifest(out))


def up_to_date(out: Path, manifest: Manifest) -> Summary:
    return Summary(kind=manifest.plan.kind, path=str(out), up_to_date=True, rows=manifest.rows, facts=manifest.facts)

"""Where a command reads and writes when the user names a place, and when not."""

from __future__ import annotations

from pathlib import Path


def destination(named: Path | None, own: Path, *, force: bool) -> Path:
    """The place that the user named, if nothing is there yet; else the workspace's own, which is replaced."""
    if named is None:
        return own
    from etsyml_cli.io.artifact import refuse_to_overwrite

    refuse_to_overwrite(named, force=force)
    return named

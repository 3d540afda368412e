"""Configurations from `--config`, `--set` and options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from etsyml_cli.core.config import Config, Resolved, resolve_config
from etsyml_cli.core.errors import UsageError
from etsyml_cli.core.registry import resolve
from etsyml_cli.io.text import read_text
from etsyml_cli.systems import KINDS

# name of a configuration -> the Struct that holds its defaults
CONFIGS = {
    "images": "etsyml_cli.photos.config:ImagesConfig",
    "ingest": "etsyml_cli.ingest.config:IngestConfig",
    **{kind.command: kind.config for kind in KINDS.values()},
    "sample": "etsyml_cli.sample.config:SampleConfig",
}


def settings(
    name: str, file: Path | None = None, sets: list[str] | None = None, options: dict[str, Any] | None = None
) -> Resolved[Any]:
    """The configuration `name`, with the origin of each value."""
    kind: type[Config] = resolve(CONFIGS, name, "configuration")
    text = None if file is None else read_text(file)
    return resolve_config(kind, file_text=text, file_name=str(file), sets=sets, options=options)


def pairs(assignments: list[str] | None, option: str, *, may_be_empty: bool = False) -> dict[str, str]:
    """`["a=b"]` as a dict. Raises UsageError if one is not a pair or a name is given twice."""
    found: dict[str, str] = {}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals or not name or not (value or may_be_empty):
            raise UsageError(f"{option} {assignment}: expected NAME=VALUE")
        if name in found:
            raise UsageError(f"{option}: {name} is given twice")
        found[name] = value
    return found

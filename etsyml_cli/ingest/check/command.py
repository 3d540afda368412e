"""The command line that ingests files with a configuration."""

from __future__ import annotations

import json
import shlex
from typing import Any

import msgspec

from etsyml_cli.ingest.config import IngestConfig

PAIRS = {"map": "--map", "event_map": "--event-map"}  # one option per pair
LISTS = ("columns", "drop")
VALUES = (
    *("explode", "delimiter", "quote", "escape", "encoding", "decimal", "tz", "time_unit", "time_format"),
    *("max_bad_rate", "image_root"),
)


def command_for(table: str, files: list[str], preset: str | None, options: IngestConfig) -> str:
    """The command that reads `files` into `table` with a preset, if any, and the options that are not the default."""
    words = ["etsyml", "ingest", table, *files]
    if preset is not None:
        words += ["--preset", preset]
    default = IngestConfig()
    for key in IngestConfig.__struct_fields__:
        if (value := getattr(options, key)) != getattr(default, key):
            words += _option(key, value)
    return shlex.join(words)


def _option(key: str, value: Any) -> list[str]:
    name = f"--{key.replace('_', '-')}"
    if key in PAIRS and not any("=" in one for one in value):
        return [word for one, other in value.items() for word in (name, f"{one}={other}")]
    if key == "only" and not any("," in text or "=" in text for one in value.items() for text in (one[0], *one[1])):
        return [word for column, texts in value.items() for word in (name, f"{column}={','.join(texts)}")]
    if key == "weight_map" and not any("," in text or "=" in text for text in value):
        return [name, ",".join(f"{text}={weight!r}".removesuffix(".0") for text, weight in value.items())]
    if key in LISTS and not any("," in one for one in value):
        return [name, ",".join(value)]
    if key in VALUES and value is not None:
        return [name, str(value)]
    return ["--set", f"{key}={json.dumps(msgspec.to_builtins(value), ensure_ascii=False)}"]

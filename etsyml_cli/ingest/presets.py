"""Presets: settings for the exports of known programs, as YAML files that a user can copy and edit.

A preset has one section per table with the settings of `ingest`. In its `map`, a list of input columns means the first
of them that the file has. Settings of the user take precedence, key by key in `map` and the other mappings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.config import parse_yaml
from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.io.schema import TABLES, TableSchema
from etsyml_cli.io.text import read_text

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "presets", PACKAGE.parent / "configs/presets")  # of an installed package, of a checkout
SUFFIXES = (".yaml", ".yml")
NESTED = ("jsonl", "parquet")  # formats whose columns may contain objects
MIN_SHARE = 0.75  # of the columns of a preset that a file must have to be recognized
MIN_TELLING = 2

Sources = tuple[str, ...]  # input columns, the best first; "": the table column is left out


@dataclass(frozen=True)
class Section:
    """The settings of a preset for one table."""

    map: dict[str, Sources]
    settings: dict[str, Any]  # the other settings that it has, as in IngestConfig


@dataclass(frozen=True)
class Preset:
    """The sections of a preset by table."""

    name: str  # or path
    sections: dict[str, Section]

    def section(self, table: str) -> Section:
        """The settings for a table. Raises UsageError if the preset has none."""
        if table not in self.sections:
            raise UsageError(
                f"--preset {self.name}: has no settings for {table}", hint=f"It is for {' and '.join(self.sections)}."
            )
        return self.sections[table]


class PresetConfig(IngestConfig, frozen=True, kw_only=True):
    """A configuration from a preset, before the columns of the files are known: see `fit`."""

    preset: str
    sources: dict[str, Sources]  # of the preset's map, without the columns that the user maps
    user: IngestConfig  # the configuration without the preset


def preset_names() -> list[str]:
    """The names of the presets that belong to etsyml."""
    return sorted(path.stem for folder in FOLDERS for path in folder.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """The preset with this name, or in this YAML file. Raises UsageError if it is unknown or invalid."""
    if name.endswith(SUFFIXES) or Path(name).name != name:
        path = Path(name)
    elif name in preset_names():
        path = next(path for folder in FOLDERS if (path := folder / f"{name}.yaml").is_file())
    else:
        raise UsageError(f"--preset {name}: not found", hint=did_you_mean(name, preset_names()))
    data = parse_yaml(read_text(path), str(path))
    if not isinstance(data, dict) or not all(isinstance(section, dict) for section in data.values()):
        raise UsageError(f"{path}: expected a section of settings per table")
    return Preset(name, {table: _section(table, dict(section), path) for table, section in data.items()})


def _section(table: str, data: dict[str, Any], path: Path) -> Section:
    if table not in TABLES:
        raise UsageError(f"{path}: unknown table {table!r}", hint=did_you_mean(table, TABLES))
    unknown = next((key for key in data if key not in IngestConfig.__struct_fields__), None)
    if unknown is not None:
        hint = did_you_mean(unknown, IngestConfig.__struct_fields__)
        raise UsageError(f"{path}: unknown key '{table}.{unknown}'", hint=hint)
    try:
        sources = msgspec.convert(data.pop("map", {}), dict[str, str | Sources])
        settings = msgspec.convert(data, IngestConfig)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {table}: {error}") from None
    for target in sources:
        if TABLES[table].column(target) is None:
            hint = did_you_mean(target, TABLES[table].names())
            raise UsageError(f"{path}: {table}.map: {table} has no column {target!r}", hint=hint)
    return Section(
        {target: (source,) if isinstance(source, str) else source for target, source in sources.items()},
        {key: getattr(settings, key) for key in data},
    )


def with_preset(user: IngestConfig, given: Collection[str], preset: Preset, table: str) -> PresetConfig:
    """The configuration of the user, completed by the preset; `given` are the keys that the user has set.

    Raises UsageError if the preset has no settings for the table.
    """
    section = preset.section(table)
    values = {key: getattr(user, key) for key in IngestConfig.__struct_fields__}
    for key, value in section.settings.items():
        if isinstance(value, dict):
            values[key] = value | values[key]
        elif key not in given:
            values[key] = value
    sources = {target: names for target, names in section.map.items() if target not in user.map}
    return PresetConfig(**values, preset=preset.name, sources=sources, user=user)


def keys_set(config: IngestConfig) -> list[str]:
    """The keys whose values are not the default."""
    default = IngestConfig()
    return [key for key in IngestConfig.__struct_fields__ if getattr(config, key) != getattr(default, key)]


def fit(config: IngestConfig, schema: TableSchema, inputs: Inputs) -> IngestConfig:
    """The effective configuration for these files: each column of a preset's map is the first that the file has.

    Columns that the file lacks are left out. Raises InputError if the table requires one of them.
    """
    if not isinstance(config, PresetConfig):
        return config
    file, header = inputs.files[0]
    found = find_columns(config.sources, header.names, nested=file.format in NESTED)
    for column in schema.columns:
        names = config.sources.get(column.name)
        if names and column.required and column.name not in {*found, *header.names}:
            raise InputError(
                f"{file.name}: preset {config.preset}: no column {' or '.join(map(repr, names))}"
                f" for the required {column.name}",
                hint=_missing_hint(config.preset, column.name, header.names),
            )
    values = {key: getattr(config, key) for key in IngestConfig.__struct_fields__}
    return IngestConfig(**values | {"map": found | config.map})


def recognize(schema: TableSchema, inputs: Inputs) -> str | None:
    """The preset whose columns the first file has: most of them, and two with names that the table does not use."""
    file, header = inputs.files[0]
    shares = {}
    for name in preset_names():
        section = load_preset(name).sections.get(schema.name)
        if section is None or "columns" in section.settings:
            continue
        found = find_columns(section.map, header.names, nested=file.format in NESTED)
        telling = {source for source in found.values() if source and source not in schema.names()}
        required = {column.name for column in schema.columns if column.required}
        if len(telling) >= MIN_TELLING and required <= {*found, *header.names}:
            shares[name] = len(found) / len(section.map)
    best = max(shares, key=shares.__getitem__, default=None)
    return best if best is not None and shares[best] >= MIN_SHARE else None


def find_columns(sources: Mapping[str, Sources], header: Sequence[str], *, nested: bool) -> dict[str, str]:
    """The first input column that exists for each table column; `nested`: also as a path into objects."""
    found = {
        target: next((name for name in names if not name or _exists(name, header, nested)), None)
        for target, names in sources.items()
    }
    return {target: source for target, source in found.items() if source is not None}


def _exists(source: str, header: Sequence[str], nested: bool) -> bool:
    return source in header or (nested and "." in source and source.partition(".")[0] in header)


def _missing_hint(preset: str, target: str, header: Sequence[str]) -> str:
    others = [name for name in preset_names() if name.startswith(f"{preset}-")]
    other = f" For other versions of the files: --preset {' or '.join(others)}." if others else ""
    return f"The file has the columns {', '.join(header)}. Name one: --map {target}=COLUMN.{other}"

"""Which foreign column becomes which of ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.io.schema import TableSchema

_UNNAMED = re.compile(r"column_\d+")


@dataclass(frozen=True)
class Mapping:
    """Our columns in the table's order with their foreign names; the foreign ones that are left out."""

    columns: dict[str, str]
    left_out: list[str] = field(default_factory=list)


def resolve_mapping(schema: TableSchema, header: Sequence[str], wanted: dict[str, str], where: str) -> Mapping:
    """Map what `wanted` says (ours -> theirs; "" leaves ours out), then each column that has our own name.

    Further columns stay where the table keeps them. Raises UsageError for a name that does not exist and for groups of
    columns of which a file has one, InputError, with the map to try, for a required column that is missing; `where`
    names the file.
    """
    check_names(schema, header, wanted, where)
    mapping = map_columns(schema, header, wanted)
    missing = missing_columns(schema, mapping.columns)
    if missing:
        raise InputError(
            f"{where}: no column {', '.join(missing)}", hint=_what_to_map(schema, missing, mapping, header)
        )
    groups = whole_groups(schema, mapping.columns)
    if len(groups) > 1:
        raise UsageError(
            f"{where}: both {' and '.join(' + '.join(group) for group in groups)} are here; a row is one or the other",
            hint="Leave one out: " + ", or ".join(" ".join(f"--map {name}=" for name in group) for group in groups),
        )
    return mapping


def suggest(schema: TableSchema, ours: str, free: Iterable[str]) -> str | None:
    """The foreign column among `free` that by its name is `ours`, if one is."""
    column = schema.column(ours)
    by_plain_name = {plain_name(name): name for name in reversed(list(free))}
    names = (ours, *column.aliases) if column else (ours,)
    return next((by_plain_name[name] for name in names if name in by_plain_name), None)


def plain_name(name: str) -> str:
    """`Book-ID`, `bookId` and `book_id` are one name."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def check_names(schema: TableSchema, header: Sequence[str], wanted: dict[str, str], where: str) -> None:
    """Raises UsageError for a name in `wanted` that the table or the header does not have."""
    for ours, theirs in wanted.items():
        if schema.column(ours) is None:
            raise UsageError(
                f"--map {ours}={theirs}: {schema.name} has no column {ours!r}", hint=did_you_mean(ours, schema.names())
            )
        if theirs and theirs not in header:
            raise UsageError(
                f"--map {ours}={theirs}: {where} has no column {theirs!r}", hint=did_you_mean(theirs, header)
            )


def map_columns(schema: TableSchema, header: Sequence[str], wanted: dict[str, str]) -> Mapping:
    """What becomes of the header's columns when `wanted` and our own names decide."""
    used = set(wanted.values())
    own_names = [name for name in schema.names() if name in header and name not in used]
    theirs_of = {name: name for name in own_names} | wanted
    columns = {name: theirs_of[name] for name in schema.names() if theirs_of.get(name)}
    further = [name for name in header if name not in columns.values() and schema.column(name) is None]
    kept = [name for name in further if schema.keeps_further_columns and not _UNNAMED.fullmatch(name)]
    columns |= {name: name for name in kept}
    return Mapping(columns, [name for name in header if name not in columns.values()])


def missing_columns(schema: TableSchema, columns: dict[str, str]) -> list[str]:
    """Required columns that `columns` lacks; of the groups of which it needs one, the first."""
    missing = [column.name for column in schema.columns if column.required and column.name not in columns]
    if schema.one_of and not whole_groups(schema, columns):
        missing += schema.one_of[0]
    return missing


def whole_groups(schema: TableSchema, columns: Collection[str]) -> list[tuple[str, ...]]:
    """Of the groups of columns, of which a file must have one, those whole in `columns`."""
    return [group for group in schema.one_of if set(columns) >= set(group)]


def _what_to_map(schema: TableSchema, missing: list[str], mapping: Mapping, header: Sequence[str]) -> str:
    used = {theirs for ours, theirs in mapping.columns.items() if schema.column(ours)}
    free = [name for name in header if name not in used]
    guesses = {ours: suggest(schema, ours, free) for ours in missing}
    options = " ".join(f"--map {ours}={theirs or '?'}" for ours, theirs in guesses.items())
    return f"The columns here: {', '.join(header)}. Try {options}"

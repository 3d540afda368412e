"""Map input columns to table columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.io.schema import TableSchema

_UNNAMED = re.compile(r"column_\d+")


@dataclass(frozen=True)
class Mapping:
    """Table columns, in order, with their input columns; and the input columns that are left out."""

    columns: dict[str, str]
    left_out: list[str] = field(default_factory=list)


def resolve_mapping(schema: TableSchema, header: Sequence[str], user_map: dict[str, str], file_name: str) -> Mapping:
    """Map columns by `user_map` (table column -> input column; "" leaves it out), then columns of the same name.

    Other columns are kept if the schema allows it. Raises UsageError for a name that does not exist and for two
    groups of columns that exclude each other, InputError, with a proposed map, if a required column is missing.
    """
    check_names(schema, header, user_map, file_name)
    mapping = map_columns(schema, header, user_map)
    missing = missing_columns(schema, mapping.columns)
    if missing:
        raise InputError(
            f"{file_name}: missing required column{'s' * (len(missing) > 1)} {', '.join(missing)}",
            hint=_map_hint(schema, missing, mapping, header),
        )
    groups = complete_groups(schema, mapping.columns)
    if len(groups) > 1:
        raise UsageError(
            f"{file_name}: has both {' and '.join(' + '.join(group) for group in groups)}; only one is allowed",
            hint="Leave one out: " + ", or ".join(" ".join(f"--map {name}=" for name in group) for group in groups),
        )
    return mapping


def suggest(schema: TableSchema, target: str, free: Iterable[str]) -> str | None:
    """The column among `free` whose name matches the table column `target` or one of its aliases, or None."""
    column = schema.column(target)
    by_plain_name = {plain_name(name): name for name in reversed(list(free))}
    names = map(plain_name, (target, *column.aliases) if column else (target,))
    return next((by_plain_name[name] for name in names if name in by_plain_name), None)


def plain_name(name: str) -> str:
    """The letters and digits of the name, without case and accents: `Book-ID`, `bookid` and `book_id` are equal."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


def check_names(schema: TableSchema, header: Sequence[str], user_map: dict[str, str], file_name: str) -> None:
    """Raise UsageError if `user_map` has a name that is not in the table or the header."""
    for target, source in user_map.items():
        if schema.column(target) is None:
            raise UsageError(
                f"--map {target}={source}: {schema.name} has no column {target!r}",
                hint=did_you_mean(target, schema.names()),
            )
        if source and source not in header:
            raise UsageError(
                f"--map {target}={source}: {file_name} has no column {source!r}", hint=did_you_mean(source, header)
            )


def map_columns(schema: TableSchema, header: Sequence[str], user_map: dict[str, str]) -> Mapping:
    """Map the header's columns by `user_map`, then by equal names."""
    used = set(user_map.values())
    own_names = [name for name in schema.names() if name in header and name not in used]
    source_by_target = {name: name for name in own_names} | user_map
    columns = {name: source_by_target[name] for name in schema.names() if source_by_target.get(name)}
    other = [name for name in header if name not in columns.values() and schema.column(name) is None]
    kept = [name for name in other if schema.keeps_other_columns and not _UNNAMED.fullmatch(name)]
    columns |= {name: name for name in kept}
    return Mapping(columns, [name for name in header if name not in columns.values()])


def missing_columns(schema: TableSchema, columns: dict[str, str]) -> list[str]:
    """Required columns that are not in `columns`; if it has none of the alternative groups, the first group."""
    missing = [column.name for column in schema.columns if column.required and column.name not in columns]
    if schema.one_of and not complete_groups(schema, columns):
        missing += schema.one_of[0]
    return missing


def complete_groups(schema: TableSchema, columns: Collection[str]) -> list[tuple[str, ...]]:
    """The alternative groups of columns (a file must have one) that are complete in `columns`."""
    return [group for group in schema.one_of if set(columns) >= set(group)]


def _map_hint(schema: TableSchema, missing: list[str], mapping: Mapping, header: Sequence[str]) -> str:
    used = {source for target, source in mapping.columns.items() if schema.column(target)}
    free = [name for name in header if name not in used]
    guesses = {target: suggest(schema, target, free) for target in missing}
    options = " ".join(f"--map {target}={source or '?'}" for target, source in guesses.items())
    return f"The file has the columns {', '.join(header)}. Try {options}"

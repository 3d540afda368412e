"""Map input columns to table columns.

The source of a table column is an input column, a path into its objects, a text, or several of these (`a,b`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.ingest.formats.paths import MAX_PATHS, Place, has_path, origin_of, parts_of
from etsyml_cli.io.schema import Kind, TableSchema

_UNNAMED = re.compile(r"column_\d+")
_ADDED = ".#"  # the end of the name of a column that is not in the file: the position of an exploded element
_KEYS_OF: dict[Kind, tuple[str, ...]] = {  # the usual key of a value of this kind in an object
    "id": ("id",),
    "text": ("name", "title", "value", "text"),
    "tags": ("name", "value"),
    "price": ("amount", "value"),
    "path": ("path", "file", "src", "url"),
    "paths": ("path", "file", "src", "url"),
}


@dataclass(frozen=True)
class Mapping:
    """Table columns, in order, with their sources; and the input columns that are left out."""

    columns: dict[str, str]
    left_out: list[str] = field(default_factory=list)
    several: dict[str, tuple[str, ...]] = field(default_factory=dict)  # source of several parts -> its parts

    def parts(self, target: str) -> tuple[str, ...]:
        """The input columns, paths and texts of a table column."""
        source = self.columns[target]
        return self.several.get(source, (source,))


def resolve_mapping(
    schema: TableSchema, header: Sequence[str], user_map: dict[str, str], file_name: str, paths: Sequence[str] = ()
) -> Mapping:
    """Map columns by `user_map` (table column -> source; "" leaves it out), then columns of the same name.

    Other columns are kept if the schema allows it. Raises UsageError for a name that is neither in the header nor one
    of the `paths`, and for two groups of columns that exclude each other, InputError, with a proposed map, if a
    required column is missing.
    """
    check_names(schema, header, user_map, file_name, paths)
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


def check_names(
    schema: TableSchema,
    header: Sequence[str],
    user_map: dict[str, str],
    file_name: str,
    paths: Sequence[str] | None = None,
) -> None:
    """Raise UsageError if `user_map` has a name that is not in the table, the header or the paths (None: any path)."""
    for target, source in user_map.items():
        if schema.column(target) is None:
            raise UsageError(
                f"--map {target}={source}: {schema.name} has no column {target!r}",
                hint=did_you_mean(target, schema.names()),
            )
        parts = (source,) if source in header else source.split(",")
        for part in map(str.strip, parts if source else ()):
            if not _exists(part, header, paths):
                raise UsageError(
                    f"--map {target}={source}: {file_name} has no column {part!r}",
                    hint=did_you_mean(part, [*header, *(paths or ())]),
                )


def _exists(part: str, header: Sequence[str], paths: Sequence[str] | None) -> bool:
    origin = origin_of(part, header)
    if not isinstance(origin, Place) or not origin.keys:
        return origin is not None
    return paths is None or len(paths) >= MAX_PATHS or has_path(part, paths)


def map_columns(schema: TableSchema, header: Sequence[str], user_map: dict[str, str]) -> Mapping:
    """Map the header's columns by `user_map`, then by equal names."""
    parts = {source: parts_of(source, header) for source in user_map.values() if source}
    origins = [origin_of(part, header) for one in parts.values() for part in one]
    used = {origin.column for origin in origins if isinstance(origin, Place)}
    own_names = [name for name in schema.names() if name in header and name not in used]
    source_by_target = {name: name for name in own_names} | user_map
    columns = {name: source_by_target[name] for name in schema.names() if source_by_target.get(name)}
    used |= set(columns.values())
    unused = [name for name in header if name not in used and not name.endswith(_ADDED)]
    other = [name for name in unused if schema.column(name) is None and not _UNNAMED.fullmatch(name)]
    kept = other if schema.keeps_other_columns else []
    columns |= {name: name for name in kept}
    left_out = [name for name in unused if name not in kept]
    return Mapping(columns, left_out, {source: one for source, one in parts.items() if len(one) > 1})


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


def expect_values(schema: TableSchema, mapping: Mapping, paths: Sequence[str], file_name: str) -> None:
    """Raise InputError, with a proposed map, if a column of the table would be read from objects."""
    inside = {
        target: [path for part in mapping.parts(target) for path in paths if path.startswith(f"{part}.")]
        for target in mapping.columns
        if schema.column(target)
    }
    found = {target: options for target, options in inside.items() if options}
    if not found:
        return
    target, options = next(iter(found.items()))
    source = next(part for part in mapping.parts(target) if options[0].startswith(f"{part}."))
    keys = ", ".join(path.removeprefix(f"{source}.") for path in options[:10])
    proposals = " ".join(f"--map {name}={likely_path(schema, name, inner)}" for name, inner in found.items())
    raise InputError(
        f"{file_name}: {source} holds objects with the key{'s' * (len(options) > 1)} {keys}",
        hint=f"Try {proposals}, or leave out: {' '.join(f'--map {name}=' for name in found)}",
    )


def likely_path(schema: TableSchema, target: str, paths: Sequence[str]) -> str:
    """The path whose last key names the table column or its kind of value, else the first."""
    by_key = {plain_name(path.rpartition(".")[2]): path for path in reversed(paths)}
    column = schema.column(target)
    words = [target, *(column.aliases if column else ()), *_KEYS_OF.get(column.kind if column else "text", ())]
    exact = [by_key[plain_name(word)] for word in words if plain_name(word) in by_key]
    similar = [path for word in words for key, path in by_key.items() if plain_name(word) in key]
    return next(iter([*exact, *similar]), paths[0])

"""Sources of a column: an input column, a path into its objects (`price.amount`), a text, or several of these."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.formats.cells import BATCH_ROWS, Cells, concatenate, to_cells
from etsyml_cli.ingest.values.lists import list_in_text

MAX_PATHS = 2_000
MAX_DEPTH = 8


@dataclass(frozen=True)
class Place:
    """A column, and the keys that lead from its values to a value inside."""

    column: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Constant:
    """The same text in each row, written `=text`."""

    text: str


def parts_of(source: str, columns: Collection[str]) -> tuple[str, ...]:
    """The parts of a source `a,b`; the source itself if it is a column or if a part leads to no column."""
    parts = tuple(part.strip() for part in source.split(","))
    is_one = source in columns or any(origin_of(part, columns) is None for part in parts)
    return (source,) if is_one else parts


def origin_of(part: str, columns: Collection[str]) -> Place | Constant | None:
    """Where the values of a source of one part come from; None if there is no such column."""
    place = place_of(part, columns)
    return Constant(part[1:]) if place is None and len(part) > 1 and part[0] == "=" else place


def place_of(path: str, columns: Collection[str]) -> Place | None:
    """The column with the longest name that `path` begins with, and the keys after it; None if there is none."""
    steps = path.split(".")
    for n in range(len(steps), 0, -1):
        column = ".".join(steps[:n])
        if column in columns:
            return Place(column, tuple(steps[n:]))
    return None


def values_of(cells: Cells) -> list[Any]:
    """The N values of the cells in Python."""
    values: list[Any] = cells.array.to_pylist()
    for row, value in cells.other_types.items():
        values[row] = value
    return values


def cells_at(cells: Cells, keys: Sequence[str]) -> Cells:
    """The value that the keys lead to in each of the N values; null if there is none."""
    array = cells.array
    while keys and pa.types.is_struct(array.type) and not cells.other_types:
        if array.type.get_field_index(keys[0]) < 0:
            return Cells(pa.nulls(len(array)))
        array, keys = pc.struct_field(array, [keys[0]]), keys[1:]
    if not keys:
        return Cells(array, cells.other_types)
    return cells_of([value_at(value, keys) for value in values_of(Cells(array, cells.other_types))])


def cells_of(values: list[Any]) -> Cells:
    """Convert any number of Python values to cells."""
    starts = range(0, len(values), BATCH_ROWS) or [0]
    return concatenate(to_cells(values[start : start + BATCH_ROWS]) for start in starts)


def value_at(value: Any, keys: Sequence[str]) -> Any:
    """The value that the keys lead to; None if there is none.

    A number is a place in a list, from 0 on; any other key is looked up in each object of a list. A text is decoded if
    it is JSON.
    """
    for i, key in enumerate(keys):
        value = decoded(value)
        if isinstance(value, list) and not (key.isdecimal() and key.isascii()):
            found = (value_at(element, keys[i:]) for element in value)
            return [one for one in found if one is not None] or None
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def is_nested(value: Any) -> bool:
    """Whether the value is an object or a list of objects."""
    value = decoded(value)
    return isinstance(value, dict) or (isinstance(value, list) and any(map(is_nested, value)))


def paths_in(name: str, values: Iterable[Any]) -> list[str]:
    """The paths to the values in the objects of a column with this name, in order of appearance, without places."""
    paths: dict[str, None] = {}
    for value in values:
        _add_paths(paths, name, value, MAX_DEPTH)
        if len(paths) >= MAX_PATHS:
            break
    inner = {path[:dot] for path in paths for dot in range(len(path)) if path[dot] == "."}
    return [path for path in paths if path not in inner and path != name]


def has_path(path: str, paths: Iterable[str]) -> bool:
    """Whether `path`, without its places in lists, is one of the paths or leads to one of them."""
    plain = ".".join(step for step in path.split(".") if not step.isdecimal())
    return any(one == plain or one.startswith(f"{plain}.") for one in paths)


def _add_paths(paths: dict[str, None], prefix: str, value: Any, depth: int) -> None:
    value = decoded(value)
    if isinstance(value, dict) and value and depth:
        for key, inner in value.items():
            if "." not in key:
                _add_paths(paths, f"{prefix}.{key}", inner, depth - 1)
    elif isinstance(value, list) and is_nested(value):
        for element in value:
            _add_paths(paths, prefix, element, depth)
    else:
        paths[prefix] = None


def decoded(value: Any) -> Any:
    """The value of a JSON text, or the list of another text; pairs (an Arrow map) as an object; others as they are."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", "("):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            elements = list_in_text(value)
            return value if elements is None else elements
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return dict(value)
    return value

"""Which columns to read from a file, and how the wanted columns are made from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from etsyml_cli.ingest.formats.cells import Block, Cells
from etsyml_cli.ingest.formats.explode import POSITION, explode
from etsyml_cli.ingest.formats.files import Header
from etsyml_cli.ingest.formats.paths import (
    Constant,
    Place,
    cells_at,
    cells_of,
    origin_of,
    parts_of,
    place_of,
    values_of,
)


@dataclass(frozen=True)
class Selection:
    """The columns to read, and the wanted columns: each with its parts, and each part with its origin."""

    header: Header  # of the file as it is
    columns: list[str]  # to read
    wanted: dict[str, tuple[str, ...]]
    in_rows: dict[str, Place | Constant]
    lists: Place | None  # the lists whose elements are the rows
    in_elements: dict[str, Place]

    def blocks(self, block: Block) -> Iterator[Block]:
        """The block with the wanted columns, or the blocks of its exploded rows."""
        columns = {part: _cells(block, origin) for part, origin in self.in_rows.items()}
        exploded = iter([replace(block, columns=columns)])
        if self.lists:
            by_space = self.lists.column in self.header.space_separated
            exploded = explode(block, _cells(block, self.lists), columns, self.in_elements, by_space=by_space)
        for one in exploded:
            yield replace(one, columns={name: _joined(one.columns, parts) for name, parts in self.wanted.items()})

    def is_plain(self) -> bool:
        """Whether each wanted column is a column of the file."""
        return self.lists is None and list(self.in_rows.values()) == [Place(name) for name in self.wanted]


def exploded(header: Header, column: str) -> Header:
    """The header of the rows that are the elements of the lists in `column`, a column or a path."""
    added = (f"{column}.{POSITION}",) if column in header.names else (column, f"{column}.{POSITION}")
    return replace(header, names=(*header.names, *added), explode=column, added=added)


def has_column(header: Header, source: str) -> bool:
    """Whether each part of the source is a column of the header, a path into one, or a text."""
    return all(origin_of(part, header.names) is not None for part in parts_of(source, header.names))


def select(header: Header, columns: Sequence[str]) -> Selection:
    """How to read these columns; a column that does not exist is read as one of the file."""
    wanted = {source: parts_of(source, header.names) for source in columns}
    origins = {part: origin_of(part, header.names) or Place(part) for parts in wanted.values() for part in parts}
    names = tuple(name for name in header.names if name not in header.added)
    lists = place_of(header.explode, names) if header.explode else None
    in_elements = {
        part: Place(header.explode or "", (POSITION,) if part == f"{header.explode}.{POSITION}" else origin.keys)
        for part, origin in origins.items()
        if isinstance(origin, Place) and origin.column in (header.explode, f"{header.explode}.{POSITION}")
    }
    in_rows = {part: origin for part, origin in origins.items() if part not in in_elements}
    used = [origin.column for origin in [*in_rows.values(), lists] if isinstance(origin, Place)]
    return Selection(replace(header, names=names), list(dict.fromkeys(used)), wanted, in_rows, lists, in_elements)


def _cells(block: Block, origin: Place | Constant) -> Cells:
    if isinstance(origin, Constant):
        return Cells(pa.repeat(pa.scalar(origin.text), len(block.lines)))
    return cells_at(block.columns[origin.column], origin.keys)


def _joined(columns: dict[str, Cells], parts: tuple[str, ...]) -> Cells:
    """The only part; or per row the list of the values of all parts that are not empty."""
    if len(parts) == 1:
        return columns[parts[0]]
    rows = zip(*(values_of(columns[part]) for part in parts), strict=True)
    return cells_of([[value for value in row if not _is_empty(value)] or None for row in rows])


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())

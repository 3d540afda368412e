"""Listings over several rows: a row without a title that repeats the id of the row above continues that listing.

Shopify writes a product so: the first row has the title, a row more for each further variant and photo. The lists of
a continuation are appended to those of the listing, and other values fill its empty cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.ingest.contract import Problems
from etsyml_cli.io.rejects import Reason

UNTITLED = (Reason.MISSING, "title")


@dataclass(frozen=True)
class Rows:
    """N accepted rows of one file with their lines, and which of them continue the row above."""

    file: int
    rows: pa.Table
    lines: NDArray[np.int64]  # (N,)
    continues: list[int]  # positions, in order


class Above:
    """The id of the last row of a file so far: a following row without a title may continue it."""

    def __init__(self) -> None:
        self._file, self._id = -1, None

    def continuations(self, file: int, rows: pa.Table, problems: Problems) -> list[int]:
        """The rows of the next block that continue the row above, in order; that row is accepted or continues too."""
        if "title" not in rows.column_names or not rows.num_rows:
            return []
        ids = rows["listing_id"]
        above = self._id if file == self._file else None
        continuations: dict[int, None] = {}
        for row in sorted(row for row, problem in problems.items() if problem == UNTITLED):
            if row and (row - 1 not in problems or row - 1 in continuations):
                above = ids[row - 1].as_py()
            elif row:
                above = None
            if above is not None and ids[row].as_py() == above:
                continuations[row] = None
        last = rows.num_rows - 1
        is_accepted = last not in problems or last in continuations
        self._file, self._id = file, ids[last].as_py() if is_accepted else None
        return list(continuations)


def merge_continuations(blocks: Iterable[Rows]) -> Iterator[Rows]:
    """The blocks with each listing in one row. The last row of a block is held back until the next one is known."""
    held: Rows | None = None
    for block in blocks:
        if "title" not in block.rows.column_names or not block.rows.num_rows:
            yield block
            continue
        if held is not None and block.continues[:1] == [0]:
            block = _joined(held, block)
        elif held is not None:
            yield held
        block = _merged(block) if block.continues else block
        n = len(block.lines) - 1
        yield _cut(block, 0, n)
        held = _cut(block, n, n + 1)
    if held is not None:
        yield held


def _cut(block: Rows, start: int, end: int) -> Rows:
    return replace(block, rows=block.rows.slice(start, end - start), lines=block.lines[start:end])


def _joined(held: Rows, block: Rows) -> Rows:
    """One block; only the rows of the second continue any."""
    rows = pa.concat_tables([held.rows, block.rows])
    lines = np.concatenate([held.lines, block.lines])
    return Rows(block.file, rows, lines, [row + len(held.lines) for row in block.continues])


def _merged(block: Rows) -> Rows:
    """The listings that continue, merged in Python; all other rows as they are."""
    continues = np.zeros(len(block.lines), dtype=bool)
    continues[block.continues] = True
    first_rows = np.flatnonzero(~continues & np.append(continues[1:], False))
    parts = np.flatnonzero(continues | np.isin(np.arange(len(continues)), first_rows))
    listings: list[dict[str, Any]] = []
    for row, values in zip(parts.tolist(), block.rows.take(pa.array(parts)).to_pylist(), strict=True):
        if continues[row]:
            listings[-1] = _with_continuation(listings[-1], values)
        else:
            listings.append(values)
    merged = pa.Table.from_pylist(listings, block.rows.schema)
    place = np.arange(len(continues))
    place[first_rows] = len(continues) + np.arange(len(first_rows))
    rows = pa.concat_tables([block.rows, merged]).take(pa.array(place[~continues]))
    return Rows(block.file, rows, block.lines[~continues], [])


def _with_continuation(listing: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _both(value, more[name]) for name, value in listing.items()}


def _both(value: Any, more: Any) -> Any:
    if isinstance(value, list) and isinstance(more, list):
        return list(dict.fromkeys([*value, *more]))
    return more if value is None else value

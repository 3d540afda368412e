"""Joins of tables by their ids: how many ids of one are in the other. Ids are compared as text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.errors import MAX_IDS_COMPARED, DataError, nearest_word
from etsyml_cli.core.log import ONCE, logger

LEAST_SHARE = 0.5  # of the ids: below it, a join is warned of
MAX_WAITING = 1 << 22  # ids of pieces, before their duplicates are removed


@dataclass(frozen=True)
class Ids:
    """The ids of a file, which may repeat; `what` names them in messages, as in "listings of searches"."""

    what: str
    path: Path
    values: pa.Array | pa.ChunkedArray | Sequence[str]


def check_join(
    left: Ids, right: Ids, *, least: float = LEAST_SHARE, required: bool = True, hint: str | None = None
) -> None:
    """Log how many distinct ids of `left` are in `right`, as a warning if their share is below `least`.

    Raises DataError with an id of each side, and `hint` or advice to compare them, if none is; if not `required`, that
    is a warning too. Says nothing if all are, or if `left` has no ids.
    """
    ids, others = _distinct(left.values), _texts(right.values)
    matched, total = pc.sum(pc.is_in(ids, others)).as_py() or 0, len(ids)
    if total == 0 or matched == total:
        return
    if matched == 0 and required:
        raise DataError(
            f"0 of {total:,} {left.what} are in {right.what}{_examples(left, right, ids, others)}",
            hint=hint or _advice(left, right),
        )
    log = logger.warning if matched == 0 or matched < least * total else logger.info
    log("%s of %s %s are in %s", f"{matched:,}", f"{total:,}", left.what, right.what, extra=ONCE)


def distinct_ids(pieces: Iterable[pa.Array]) -> pa.Array:
    """The distinct ids of a long column that is read in pieces; memory holds them and MAX_WAITING more."""
    waiting, n_waiting, n_distinct = [pa.array([], pa.large_string())], 0, 0
    for piece in pieces:
        waiting.append(_distinct(piece))
        n_waiting += len(waiting[-1])
        if n_waiting > MAX_WAITING + n_distinct:
            waiting = [pc.unique(pa.chunked_array(waiting))]
            n_waiting = n_distinct = len(waiting[0])
    return pc.unique(pa.chunked_array(waiting))


def _distinct(values: pa.Array | pa.ChunkedArray | Sequence[str]) -> pa.Array:
    return _texts(pc.unique(values) if isinstance(values, pa.Array | pa.ChunkedArray) else dict.fromkeys(values))


def _texts(values: pa.Array | pa.ChunkedArray | Iterable[str]) -> pa.Array:
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.large_string())
    texts = column.cast(pa.large_string()).drop_null()
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _examples(left: Ids, right: Ids, ids: pa.Array, others: pa.Array) -> str:
    """The first id of `left` and the most similar one of `right`."""
    if not len(others):
        return f", which is empty: {left.path.name} has {ids[0].as_py()!r}"
    one = ids[0].as_py()
    other = _most_similar(one, others.to_pylist())
    same_letters = unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other)
    show = ascii if same_letters else repr  # they would look equal
    return f": {left.path.name} has {show(one)}, {right.path.name} has {show(other)}"


def _most_similar(one: str, others: list[str]) -> str:
    inside = [other for other in others if other and (one in other or other in one)]
    if inside:
        return min(inside, key=lambda other: (abs(len(other) - len(one)), other[0] != one[0]))
    return nearest_word(one, others[:MAX_IDS_COMPARED]) or others[0]


def _advice(left: Ids, right: Ids) -> str:
    tables = [path for path in (left.path, right.path) if path.suffix == ".parquet"]
    looks = f", for example with: {' and '.join(f'etsyml inspect {path}' for path in tables)}" if tables else ""
    return f"Ids are compared as text, so they must be written alike. Compare the id columns of both{looks}"

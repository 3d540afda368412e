"""Reading and writing of ranking rows in SVMlight and LETOR format: lines `label qid:PAGE INDEX:VALUE … # comment`.

The format is Joachims' (SVM-rank) and that of Qin et al., "LETOR", Information Retrieval 2010.
"""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger

HIGHEST_INDEX = 2**31 - 2

ROW = "A row reads: label qid:PAGE INDEX:VALUE INDEX:VALUE …"
_GZIP = b"\x1f\x8b"
_SHOWN = 40
_MOST_DIGITS = len(str(HIGHEST_INDEX))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class RankingRows:
    """N rows of D features on Q pages, grouped by page; a page's rows keep their order.

    A column has the index in the file; if indices start at 1, column 0 is empty.
    """

    features: sparse.csr_matrix  # (N, D) float64
    labels: NDArray[np.float64]  # (N,)
    lines: NDArray[np.int64]  # (N,): the line number of each row, from 1
    qids: list[str]  # one per page, in order of first appearance
    offsets: NDArray[np.int64]  # (Q + 1,): page q owns the rows offsets[q]:offsets[q + 1]


@dataclass
class _Read:
    """The rows so far, in the file's order."""

    labels: array[float] = field(default_factory=lambda: array("d"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    page: array[int] = field(default_factory=lambda: array("q"))
    starts: array[int] = field(default_factory=lambda: array("q", [0]))
    indices: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    pages: dict[str, int] = field(default_factory=dict)


def read_svmlight(path: Path, groups: Path | None = None, n_features: int | None = None) -> RankingRows:
    """The rows of a file, plain or gzipped. D is `n_features`, else the highest index + 1.

    The qid: of a row names its page; rows of a page need not be adjacent. Without qid:, the file `groups` has the
    number of rows of each page (LightGBM's .query), and pages are named 1, 2, … Features from `n_features` on are
    dropped with a warning.
    Raises InputError, with the line, for a malformed row, a value that is not finite and indices that do not ascend,
    for both qid: and `groups`, and for sizes that do not add up; DataError if there are no rows.
    """
    read = _Read()
    for number, words in _rows(path):
        _take(read, words, number, f"{path}:{number}")
    if not read.labels:
        raise DataError(f"{path}: no rows", hint=ROW)
    if groups is None and not read.pages:
        raise InputError(
            f"{path}: the rows have no qid:",
            hint="Give the number of rows of each page, one per line, with --groups FILE.",
        )
    if groups is not None and read.pages:
        raise InputError(f"{path}: the rows have a qid:, so {groups.name} is not needed", hint="Leave out --groups.")
    if groups is None:
        qids, page = list(read.pages), np.array(read.page)
    else:
        sizes = _sizes(groups, path, len(read.labels))
        qids, page = [str(q + 1) for q in range(len(sizes))], np.repeat(np.arange(len(sizes)), sizes)
    return _grouped(read, path, qids, page, n_features)


def write_rows(file: TextIO, labels: Sequence[float], qids: Sequence[str], features: sparse.csr_matrix) -> None:
    """Write N rows: labels (N,), one qid per row, and features (N, D) with the column numbers as indices.

    `read_svmlight` restores the exact values. SVM-rank and RankLib refuse index 0: leave column 0 empty for them.
    Raises DataError for a qid that is not a single word.
    """
    for qid in dict.fromkeys(qids):
        if not re.fullmatch(r"[^\s#]+", qid):
            raise DataError(f"invalid qid {qid!r}", hint="A qid is one word without `#`.")
    features = features.copy()
    features.sum_duplicates()
    indices, values = features.indices.tolist(), features.data.tolist()
    rows = zip(labels, qids, pairwise(features.indptr.tolist()), strict=True)
    file.writelines(
        f"{float(label)!r} qid:{qid}" + "".join(f" {indices[k]}:{values[k]!r}" for k in range(start, stop)) + "\n"
        for label, qid, (start, stop) in rows
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line number, from 1, and the words of every line that is not blank."""
    try:
        with path.open("rb") as start:
            zipped = start.read(2) == _GZIP
        with gzip.open(path, "rt", encoding="utf-8-sig") if zipped else path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if words := line.partition("#")[0].split():
                    yield number, words
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise InputError(f"{path}: damaged gzip ({error})", hint="Copy it again.") from None
        raise InputError(f"{path}: {error.strerror}", hint="Check the path.") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip ({error})", hint="Copy it again.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason})", hint=ROW) from None


def _take(read: _Read, words: list[str], number: int, where: str) -> None:
    """Add one row. Raises InputError if it is malformed."""
    if ":" in words[0]:
        raise InputError(f"{where}: the label is missing before {_cut(words[0])}", hint=ROW)
    read.labels.append(_finite(words[0], f"{where}: label"))
    read.lines.append(number)
    has_qid = len(words) > 1 and words[1].startswith("qid:")
    if len(read.labels) > 1 and has_qid != bool(read.pages):
        fault = "a qid:, but earlier rows have none" if has_qid else "no qid:, but earlier rows have one"
        raise InputError(f"{where}: {fault}", hint=ROW)
    if has_qid:
        qid = words[1].removeprefix("qid:")
        if not qid:
            raise InputError(f"{where}: qid: without an id", hint=ROW)
        read.page.append(read.pages.setdefault(qid, len(read.pages)))
    last = -1
    for word in words[1 + has_qid :]:
        last = _take_value(read, word, last, where)
    read.starts.append(len(read.values))


def _take_value(read: _Read, word: str, last: int, where: str) -> int:
    """Add one INDEX:VALUE, whose index must be above `last`, and return that index."""
    name, colon, text = word.partition(":")
    if not colon:
        raise InputError(f"{where}: {_cut(word)} is not index:value", hint=ROW)
    whole = name.isascii() and name.isdigit() and len(name.lstrip("0")) <= _MOST_DIGITS
    if not whole or int(name) > HIGHEST_INDEX:
        raise InputError(
            f"{where}: {_cut(name)} is not a feature index (an integer from 0 to {HIGHEST_INDEX})", hint=ROW
        )
    index = int(name)
    if index <= last:
        raise InputError(f"{where}: feature {index} after {last}: indices must ascend", hint=ROW)
    read.indices.append(index)
    read.values.append(_finite(text, f"{where}: value", f" of feature {index}"))
    return index


def _finite(text: str, what: str, of: str = "") -> float:
    value = float(text) if _NUMBER.fullmatch(text) else np.nan
    if not np.isfinite(value):
        raise InputError(f"{what} {_cut(text)}{of} is not a finite number", hint=ROW)
    return float(value)


def _cut(text: str) -> str:
    return f"'{text[:_SHOWN]}…'" if len(text) > _SHOWN else f"'{text}'"


def _sizes(groups: Path, path: Path, n_rows: int) -> list[int]:
    """The number of rows of each page. Raises InputError for an invalid number or if they do not add up."""
    sizes = []
    for number, words in _rows(groups):
        word = " ".join(words)
        if not (word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS and int(word) > 0):
            raise InputError(
                f"{groups}:{number}: {_cut(word)} is not a number of rows",
                hint="Expected one positive integer per line.",
            )
        sizes.append(int(word))
    if sum(sizes) != n_rows:
        raise InputError(
            f"{groups}: sizes add up to {sum(sizes)} rows, but {path} has {n_rows}",
            hint="Check that the two files belong together.",
        )
    return sizes


def _grouped(read: _Read, path: Path, qids: list[str], page: NDArray[np.int64], n_features: int | None) -> RankingRows:
    """The rows grouped by page, with `n_features` columns."""
    indices, values = np.array(read.indices, np.int64), np.array(read.values)
    width = int(indices.max(initial=-1)) + 1
    matrix = sparse.csr_matrix((values, indices, np.array(read.starts)), shape=(len(read.labels), width))
    if n_features is not None and width > n_features:
        above = int((indices >= n_features).sum())
        logger.warning("%s: %d values of features above %d are ignored", path, above, n_features - 1)
        matrix = matrix[:, :n_features]
    elif n_features is not None:
        matrix.resize(matrix.shape[0], n_features)
    order = np.argsort(page, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(page, minlength=len(qids)))])
    return RankingRows(matrix[order], np.array(read.labels)[order], np.array(read.lines)[order], qids, offsets)

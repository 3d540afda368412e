"""`--only COLUMN=VALUE,…`: take the rows with these values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.errors import DataError, UsageError, did_you_mean
from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.sources import Inputs
from etsyml_cli.ingest.values.texts import fold, folded, texts_of

Only = Mapping[str, Sequence[str]]  # input column -> values of the rows to take
Seen = dict[str, dict[str, None]]  # input column -> the first values in the input

MOST_VALUES = 10  # in an error


def check_only(only: Only, inputs: Inputs) -> None:
    """Raise UsageError if a file has no such column."""
    for column, values in only.items():
        for file, header in inputs.files:
            if column not in header.names:
                raise UsageError(
                    f"--only {column}={','.join(values)}: {file.name} has no column {column!r}",
                    hint=did_you_mean(column, header.names),
                )


def take_only(block: Block, only: Only, seen: Seen) -> Block:
    """The rows that have one of the values in each of the columns, and the unreadable rows; adds to `seen`."""
    if not only:
        return block
    taken = np.ones(len(block.lines), dtype=bool)
    for column, values in only.items():
        texts = texts_of(block.columns[column])
        wanted = pa.array([fold(value) for value in values], pa.string())
        taken &= pc.is_in(folded(texts), value_set=wanted).to_numpy(zero_copy_only=False)
        _remember(seen.setdefault(column, {}), texts.dictionary)
    return block.select(taken)


def nothing_taken(only: Only, seen: Seen) -> DataError:
    """The error if no row has the values; it names values of the input."""
    options = " ".join(f"--only {column}={','.join(values)}" for column, values in only.items())
    found = "; ".join(f"{column} has {_in_words(values)}" for column, values in seen.items())
    return DataError(f"{options}: not found in any row", hint=f"Choose other values: {found}.")


def _remember(seen: dict[str, None], values: pa.Array) -> None:
    for value in values[: MOST_VALUES + 1].to_pylist():
        if len(seen) <= MOST_VALUES:
            seen[value.strip()] = None


def _in_words(values: dict[str, None]) -> str:
    first = [value if len(value) <= 40 else f"{value[:39]}…" for value in list(values)[:MOST_VALUES]]
    return ", ".join(first) + (" and others" if len(values) > MOST_VALUES else "") or "no value"

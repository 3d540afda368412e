"""`--weight-map view=1,transaction=5`: the weight of a favorite from the text in its column."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.errors import UsageError
from etsyml_cli.ingest.formats.cells import Cells
from etsyml_cli.ingest.values.texts import fold, folded, texts_of
from etsyml_cli.io.rejects import Reason


def check_weights(weights: Mapping[str, float], columns: Mapping[str, str]) -> None:
    """Raise UsageError for a weight that is not a finite number, and if no column is read as weight."""
    for text, weight in weights.items():
        if not math.isfinite(weight):
            raise UsageError(f"--weight-map {text}={weight}: not a finite number", hint=f"For example: {text}=1")
    if weights and "weight" not in columns:
        raise UsageError(
            "--weight-map: no column is read as weight", hint="Name the column of these texts: --map weight=COLUMN"
        )


def look_up_weights(cells: Cells, weights: Mapping[str, float]) -> tuple[pa.Array, dict[int, Reason]]:
    """The weights of N cells, null for an empty cell and for a text without a weight; also the reasons by row."""
    texts = texts_of(cells)
    names = pa.array([fold(text) for text in weights], pa.string())
    found = pa.array(weights.values(), pa.float64()).take(pc.index_in(folded(texts), value_set=names))
    reasons = {row: Reason.NO_WEIGHT if texts[row].is_valid else Reason.MISSING for row in _empty_rows(found)}
    return found, reasons


def _empty_rows(array: pa.Array) -> list[int]:
    rows: list[int] = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist()
    return rows

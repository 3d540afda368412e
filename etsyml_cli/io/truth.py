"""The ground truth of a synthetic marketplace, stored with its logs; read only by tests and `evaluate --truth`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import to_json

FOLDER = "truth"
POSITIONS = "positions.json"

_ID, _VECTOR = pa.string(), pa.list_(pa.float32())
SCHEMAS = {
    "listings": pa.schema(
        {
            "listing_id": _ID,
            "thing": pa.string(),
            "colour": pa.string(),
            "material": pa.string(),
            "style": pa.int32(),
            "quality": pa.float32(),  # 0 … 1
            "title_hides": pa.bool_(),  # the title does not name the thing
            "tags_lie": pa.bool_(),  # the tags name a different thing
        }
    ),
    "styles": pa.schema(
        {"listing_id": _ID, "probabilities": _VECTOR}
    ),  # probability of the listing in each of the K styles
    "users": pa.schema({"user_id": _ID, "theta": _VECTOR}),
    "page_grades": pa.schema({"search_id": _ID, "listing_id": _ID, "grade": pa.int8()}),  # 0 … 3
    "clicks": pa.schema({"impression_id": _ID, "probability": pa.float32()}),
}


def truth_writer(marketplace: Path, name: str) -> pq.ParquetWriter:
    """A Parquet writer for the truth table `name`, to be used in a `with` block."""
    return pq.ParquetWriter(marketplace / FOLDER / f"{name}.parquet", SCHEMAS[name], compression="zstd")


def write_positions(marketplace: Path, examination: dict[str, list[float]]) -> None:
    """Write the examination probability of positions 1, 2, … for `searches` and `ads`."""
    (marketplace / FOLDER / POSITIONS).write_bytes(to_json(examination))


def read_truth(truth: Path, name: str) -> pa.Table:
    """The truth table `name`; `truth` is the marketplace or its truth directory. Raises InputError if it is missing."""
    path = _truth_file(truth, f"{name}.parquet")
    try:
        return pq.read_table(path, schema=SCHEMAS[name])
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: ground truth not found ({str(error).splitlines()[0]})", hint=_HINT) from None


def read_page_grades(truth: Path) -> pa.Table:
    """search_id, listing_id and true grade (0 … 3) of each row of the searches."""
    return read_truth(truth, "page_grades")


def read_click_probabilities(truth: Path) -> pa.Table:
    """impression_id and true click probability of each impression."""
    return read_truth(truth, "clicks")


def read_styles(truth: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Listing ids (I) and beta, shape (K, I): the distribution over listings of each style."""
    table = read_truth(truth, "styles")
    return table["listing_id"].to_pylist(), _matrix(table["probabilities"]).T


def read_users(truth: Path) -> tuple[list[str], NDArray[np.float64]]:
    """User ids (U) and theta, shape (U, K): the distribution over styles of each user."""
    table = read_truth(truth, "users")
    return table["user_id"].to_pylist(), _matrix(table["theta"])


def read_positions(truth: Path) -> dict[str, list[float]]:
    """The examination probability of positions 1, 2, … for `searches` and `ads`. Raises InputError if it is missing."""
    path = _truth_file(truth, POSITIONS)
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[float]])
    except FileNotFoundError:
        raise InputError(f"{path}: ground truth not found", hint=_HINT) from None


_HINT = "Give a directory written by `etsyml sample-data`."


def _truth_file(truth: Path, file: str) -> Path:
    inside = truth / FOLDER / file
    return inside if inside.is_file() else truth / file


def _matrix(vectors: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.array(vectors.to_pylist(), dtype=np.float64).reshape(len(vectors), -1)

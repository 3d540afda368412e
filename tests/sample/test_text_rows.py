from __future__ import annotations

import json
import sys

import numpy as np
import pyarrow as pa
import pytest

from etsyml_cli.sample.rows import LOG_START, cells, ids, join_rows, json_rows, times, vectors


def test_times_equal_pyarrow_utc_times() -> None:
    second = np.array([-86_401, -1, 0, 59, 86_399, 10**9])
    moments = pa.array(LOG_START + second.astype("timedelta64[s]"))
    assert times(second).equals(cells(moments.cast(pa.timestamp("s", tz="UTC"))))


def test_text_rows_and_json_rows() -> None:
    user, item = ids("U", np.array([0, 41])), cells(np.array([1.5, 2.0]))
    assert bytes(join_rows(user, item, delimiter="\t")) == b"U1\t1.5\nU42\t2\n"
    rows = bytes(json_rows(user=user, item=item)).splitlines()
    assert [json.loads(row) for row in rows] == [{"user": "U1", "item": "1.5"}, {"user": "U42", "item": "2"}]
    assert bytes(join_rows(user[:0], item[:0], delimiter=",")) == b""


def test_vectors_are_the_rows_of_a_matrix_or_its_transpose() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    assert vectors(matrix).to_pylist() == matrix.tolist()
    assert vectors(matrix.T).to_pylist() == matrix.T.tolist()


def test_no_import_is_attempted_per_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow's type inference attempts imports; a Ctrl-C during a failing import is lost."""
    attempted: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            attempted.append(name)

    seconds = np.array([5])
    join_rows(ids("L", seconds), times(seconds), delimiter=",")  # the first call may import
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    join_rows(ids("L", seconds), times(seconds), delimiter=",")
    json_rows(listing_id=ids("L", seconds))
    assert attempted == []

from __future__ import annotations

import json
import sys

import numpy as np
import pyarrow as pa
import pytest

from etsyml_cli.sample.rows import LOG_BEGINS, cells, ids, join_rows, json_rows, times, vectors


def test_times_are_written_as_pyarrow_writes_utc() -> None:
    second = np.array([-86_401, -1, 0, 59, 86_399, 10**9])
    moments = pa.array(LOG_BEGINS + second.astype("timedelta64[s]"))
    assert times(second).equals(cells(moments.cast(pa.timestamp("s", tz="UTC"))))


def test_rows_of_text_and_of_json() -> None:
    user, item = ids("U", np.array([0, 41])), cells(np.array([1.5, 2.0]))
    assert bytes(join_rows(user, item, delimiter="\t")) == b"U1\t1.5\nU42\t2\n"
    rows = bytes(json_rows(user=user, item=item)).splitlines()
    assert [json.loads(row) for row in rows] == [{"user": "U1", "item": "1.5"}, {"user": "U42", "item": "2"}]
    assert bytes(join_rows(user[:0], item[:0], delimiter=",")) == b""


def test_vectors_are_the_rows_of_the_matrix_also_of_a_transposed_one() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    assert vectors(matrix).to_pylist() == matrix.tolist()
    assert vectors(matrix.T).to_pylist() == matrix.T.tolist()


def test_no_import_is_tried_for_each_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow guesses types by imports that may fail; where one fails, a Ctrl-C that comes meanwhile is lost."""
    tried: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            tried.append(name)

    seconds = np.array([5])
    join_rows(ids("L", seconds), times(seconds), delimiter=",")  # what is imported once may be
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    join_rows(ids("L", seconds), times(seconds), delimiter=",")
    json_rows(listing_id=ids("L", seconds))
    assert tried == []

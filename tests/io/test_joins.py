"""A join is counted over distinct ids, reported by its share, and refused if no id matches."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError
from etsyml_cli.io import joins
from etsyml_cli.io.joins import Ids, check_join, distinct_ids

ids = st.lists(st.sampled_from(["1", "1.0", "a", "é", "e\u0301", " a", "A"]), max_size=12)


def join(left, right, **options) -> None:
    check_join(
        Ids("listings of searches", Path("w/searches.parquet"), left),
        Ids("listings", Path("w/listings.parquet"), right),
        **options,
    )


def refusal(left, right, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        join(left, right, **options)
    return caught.value


@pytest.mark.parametrize(
    ("matching", "level"),
    [(10, None), (9, logging.INFO), (5, logging.INFO), (4, logging.WARNING), (1, logging.WARNING)],
)
def test_the_share_of_matching_ids_decides_what_is_said(matching: int, level: int | None, caplog) -> None:
    caplog.set_level(logging.DEBUG, "etsyml")
    join([f"L{i}" for i in range(10)] * 3, [f"L{i}" for i in range(matching)] + ["other"])
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert said == ([] if level is None else [(level, f"{matching} of 10 listings of searches are in listings")])


@given(ids, ids)
def test_counts_are_those_of_sets_for_every_kind_of_column(left: list[str], right: list[str]) -> None:
    matched, total = len(set(left) & set(right)), len(set(left))
    texts = pa.array([*left, None], pa.string())
    columns = [left, texts, pa.chunked_array([texts, texts]), pa.chunked_array([texts.dictionary_encode()])]
    for column in columns:
        messages: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record, to=messages: to.append(record.getMessage())  # type: ignore[method-assign]
        joins.logger.addHandler(handler)
        level, joins.logger.level = joins.logger.level, logging.INFO
        try:
            if total and not matched:
                assert refusal(column, right).message.startswith(f"0 of {total} listings of searches are in listings")
                continue
            join(column, right)
        finally:
            joins.logger.removeHandler(handler)
            joins.logger.setLevel(level)
        whole = matched == total
        assert messages == ([] if whole else [f"{matched} of {total} listings of searches are in listings"])


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        (["7.0", "8.0"], ["70", "8", "7"], "searches.parquet has '7.0', listings.parquet has '7'"),
        (["7"], ["17.0", "7.0"], "searches.parquet has '7', listings.parquet has '7.0'"),
        ([" L1"], ["L2", "L1"], "searches.parquet has ' L1', listings.parquet has 'L1'"),
        (["shoe-1"], ["hat-1", "Shoe-1"], "searches.parquet has 'shoe-1', listings.parquet has 'Shoe-1'"),
        (["caf\u00e9"], ["cafe\u0301"], r"searches.parquet has 'caf\xe9', listings.parquet has 'cafe\u0301'"),
        (["L1\u200b"], ["L1"], r"searches.parquet has 'L1\u200b', listings.parquet has 'L1'"),
        (["x"], ["1", "2"], "searches.parquet has 'x', listings.parquet has '1'"),
        (["x"], [], "which is empty: searches.parquet has 'x'"),
    ],
)
def test_if_nothing_matches_the_two_ids_show_why(left: list[str], right: list[str], shown: str) -> None:
    error = refusal(left, right)
    assert error.message.endswith(shown)
    assert "etsyml inspect w/searches.parquet and etsyml inspect w/listings.parquet" in (error.hint or "")
    assert refusal(left, right, hint="Do this.").hint == "Do this."


def test_a_join_that_may_be_empty_is_a_warning(caplog) -> None:
    join(["x"], ["y"], required=False)
    assert caplog.messages == ["0 of 1 listings of searches are in listings"]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), max_size=9), st.integers(0, 6))
def test_distinct_ids_of_pieces_are_those_of_the_whole(pieces: list[list[str]], most: int) -> None:
    whole = dict.fromkeys(one for piece in pieces for one in piece)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "MAX_WAITING", most)
        columns = [pa.array(piece, pa.string()) for piece in pieces]
        encoded = (column.dictionary_encode() if i % 2 else column for i, column in enumerate(columns))
        assert distinct_ids(encoded).to_pylist() == list(whole)

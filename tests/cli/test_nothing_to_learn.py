"""Training on data without any signal is refused with the reason, and leaves no model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Etsyml

JUDGMENTS = "".join(f"{grade} qid:{q} # {q}{grade} a title\n" for q in range(1, 9) for grade in (4, 2, 0))
ALIKE = "".join(f"{grade} qid:{q} 1:{q} 2:0.5\n" for q in range(1, 9) for grade in (1, 0))
ZEROS = "".join(f"{grade} qid:{q} 1:0 2:0.0\n" for q in range(1, 9) for grade in (1, 0))
SLIGHTLY_DIFFERENT = ALIKE + "".join(
    f"{grade} qid:{q} 1:{1 + grade / 1e6} 2:0.5\n" for q in range(9, 19) for grade in (1, 0)
)


def clicks_of(place: Path, etsyml: Etsyml, rows: str) -> Path:
    source = place / "log.csv"
    source.write_text(rows)
    assert etsyml("-w", place / "w", "ingest", "impressions", source).code == 0
    return place / "w"


@pytest.fixture
def log(tmp_path: Path, etsyml: Etsyml) -> Path:
    """A log with nothing but listing, time and click."""
    days = range(1, 7)
    rows = [f"L{n},2024-03-0{day}T0{n}:00:00Z,{int(n == day % 4)}" for day in days for n in range(4)]
    return clicks_of(tmp_path, etsyml, "\n".join(["listing_id,created_at,clicked", *rows, ""]))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (JUDGMENTS, "none of 24 rows has a feature other than 0\n  Are these judgments only"),
        (ZEROS, "none of 16 rows has a feature other than 0"),
        (ALIKE, "all rows of a page have the same features, on each of "),
    ],
)
def test_feature_files_without_a_signal(tmp_path: Path, etsyml: Etsyml, rows: str, problem: str) -> None:
    (tmp_path / "rows.txt").write_text(rows)
    ended = etsyml("-w", tmp_path / "w", "train", "ltr", "--features", tmp_path / "rows.txt")
    assert (ended.code, ended.out) == (4, "")
    assert problem in ended.err
    assert not (tmp_path / "w/models").exists() or not [*(tmp_path / "w/models").glob("[!.]*")]


def test_a_single_small_difference_is_enough_to_train_on(tmp_path: Path, etsyml: Etsyml) -> None:
    (tmp_path / "rows.txt").write_text(SLIGHTLY_DIFFERENT)
    arguments = ["train", "ltr", "--features", tmp_path / "rows.txt"]
    assert etsyml("-w", tmp_path / "w", *arguments).code == 0


@pytest.mark.parametrize("command", ["rank", "evaluate"])
@pytest.mark.parametrize("rows", [JUDGMENTS, JUDGMENTS.replace(" #", " 9:1 #")])
def test_feature_files_without_a_feature_of_the_model(tmp_path: Path, etsyml: Etsyml, command: str, rows: str) -> None:
    (tmp_path / "train.txt").write_text(SLIGHTLY_DIFFERENT)
    (tmp_path / "rows.txt").write_text(rows)
    arguments = ["train", "ltr", "--features", tmp_path / "train.txt"]
    assert etsyml("-w", tmp_path / "w", *arguments).code == 0
    named = ["--model", tmp_path / "w/models/ltr-rows"]
    ended = etsyml("-w", tmp_path / "w", command, *named, "--features", tmp_path / "rows.txt")
    assert (ended.code, ended.out) == (4, "")
    assert "none of 24 rows has a feature other than 0" in ended.err


def test_listings_that_all_look_alike(tmp_path: Path, etsyml: Etsyml) -> None:
    listings, searches = tmp_path / "listings.csv", tmp_path / "searches.csv"
    listings.write_text("listing_id,title\n" + "".join(f"L{i},thing\n" for i in range(8)))
    pages = [f"Q{q},thing,L{i},{i + 1},{'click' if i == q % 8 else 'impression'}" for q in range(20) for i in range(8)]
    searches.write_text("\n".join(["search_id,query,listing_id,position,event", *pages, ""]))
    for table, file in (("listings", listings), ("searches", searches)):
        assert etsyml("-w", tmp_path / "w", "ingest", table, file).code == 0
    ended = etsyml("-w", tmp_path / "w", "train", "ltr")
    assert ended.code == 4
    assert "all rows of a page have the same features" in ended.err


def test_a_log_without_a_feature(log: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", log, "train", "ctr", "--set", "history=null", "--set", "bits=10")
    assert ended.code == 4
    assert "no row has a value in a column of the features" in ended.err
    assert not (log / "models/ctr").exists()


def test_a_part_of_the_click_model_without_a_feature_is_named(log: Path, etsyml: Etsyml) -> None:
    ended = etsyml("-w", log, "train", "ctr", "--set", "bits=10")
    assert ended.code == 0
    assert "warning: no row has a feature of the content model" in ended.err


def test_favorites_of_which_none_is_left(tmp_path: Path, etsyml: Etsyml) -> None:
    source = tmp_path / "favorites.csv"
    source.write_text("user_id,listing_id\n" + "".join(f"U{i},L{i}\n" for i in range(9)))
    assert etsyml("-w", tmp_path / "w", "ingest", "favorites", source).code == 0
    ended = etsyml("-w", tmp_path / "w", "train", "lda", "--set", "min_listing_favorites=2")
    assert ended.code == 4
    assert "no favorites to learn from" in ended.err

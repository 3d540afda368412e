"""Favorites with odd times, weights and counts: training completes, and undefined metrics are reported."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from tests.conftest import Etsyml
from tests.lda_chain import two_tastes

HALF_LIFE = ("--n-topics", "4", "--set", "half_life_days=7", "--json")


def write(path: Path, rows: list[tuple[str, ...]], *, header: str = "user_id,listing_id,created_at") -> Path:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def perplexity(workspace: Path, file: Path, etsyml: Etsyml) -> float:
    assert etsyml("-w", workspace, "ingest", "favorites", file, "-q").code == 0
    trained = etsyml("-w", workspace, "train", "lda", *HALF_LIFE)
    assert trained.code == 0, trained.err
    return json.loads(trained.out)["facts"]["train_perplexity"]


def test_a_favorite_from_the_future_does_not_make_others_old(tmp_path: Path, etsyml: Etsyml) -> None:
    rows = two_tastes()
    alone = perplexity(tmp_path / "alone", write(tmp_path / "alone.csv", rows), etsyml)
    odd = write(tmp_path / "odd.csv", [*rows, ("UX", "L00", "2037-01-01T00:00:00Z")])
    assert perplexity(tmp_path / "odd", odd, etsyml) == pytest.approx(alone, rel=0.05)


def test_very_old_favorites_are_still_used(tmp_path: Path, etsyml: Etsyml) -> None:
    """Half of them 20 years older than the others: their weights do not underflow."""
    rows = two_tastes()
    old = [(f"O{user}", listing, time.replace("2014", "1994")) for user, listing, time in rows]
    assert perplexity(tmp_path, write(tmp_path / "old.csv", [*old, *rows]), etsyml) < 40  # of 40 listings


def test_an_undefined_perplexity_is_reported(tmp_path: Path, etsyml: Etsyml) -> None:
    one = write(tmp_path / "one.csv", [("u1", listing) for listing in "abcdef"], header="user_id,listing_id")
    assert etsyml("-w", tmp_path, "ingest", "favorites", one).code == 0
    assert etsyml("-w", tmp_path, "train", "lda", "--n-topics", "2").code == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = etsyml("-w", tmp_path, "evaluate", "--model", "lda", "--metric", "perplexity")
        others = etsyml("-w", tmp_path, "evaluate", "--model", "lda")
    assert (alone.code, alone.out) == (4, "")
    assert alone.err.startswith("error: perplexity: no held-out favorite is of a listing with training favorites\n")
    assert others.code == 0
    assert "perplexity" in others.err and "perplexity" not in others.out


def test_weights_of_both_signs_are_refused_without_a_warning_of_numpy(tmp_path: Path, etsyml: Etsyml) -> None:
    rows = [(user, listing, str((-1) ** i)) for i, (user, listing, _) in enumerate(two_tastes())]
    file = write(tmp_path / "signs.csv", rows, header="user_id,listing_id,weight")
    assert etsyml("-w", tmp_path, "ingest", "favorites", file).code == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ended = etsyml("-w", tmp_path, "train", "lda", "--set", "use_weights=true")
    assert (ended.code, ended.err.splitlines()[0]) == (4, "error: the weight of a favorite must be a positive number")

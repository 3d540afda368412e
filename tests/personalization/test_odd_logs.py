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


@pytest.mark.parametrize("weight", ["1e-300", "1e300"])
def test_weights_that_no_sum_can_hold_are_refused(weight: str, tmp_path: Path, etsyml: Etsyml) -> None:
    rows = [(user, listing, weight) for user, listing, _ in two_tastes()]
    file = write(tmp_path / "weights.csv", rows, header="user_id,listing_id,weight")
    assert etsyml("-w", tmp_path, "ingest", "favorites", file).code == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ended = etsyml("-w", tmp_path, "train", "lda", "--set", "use_weights=true")
    assert ended.code == 4
    assert f"error: weights of favorites from {float(weight):g} to {float(weight):g}: expected from" in ended.err


TINY_LOGS = {
    "one user": [("u0", listing) for listing in "abcdef"],
    "one listing": [(f"u{user}", "a") for user in range(6)],
    "one favorite": [("u0", "a")],
    "everybody likes everything": [(f"u{user}", listing) for user in range(6) for listing in "abcdefg"],
    "nobody shares a favorite": [(f"u{user}", f"l{user}{listing}") for user in range(4) for listing in range(6)],
}


@pytest.mark.parametrize("log", TINY_LOGS)
def test_tiny_logs_never_print_a_numerical_warning(log: str, tmp_path: Path, etsyml: Etsyml) -> None:
    file = write(tmp_path / "log.csv", TINY_LOGS[log], header="user_id,listing_id")
    assert etsyml("-w", tmp_path, "ingest", "favorites", file).code == 0
    user = TINY_LOGS[log][0][0]
    lists = ("recommend", "-k", "500", "--user", user, "--user", "nobody")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert etsyml("-w", tmp_path, "train", "lda", "--n-topics", "3").code == 0
        measured = etsyml("-w", tmp_path, "evaluate", "--model", "lda", "-m", "recall@500", "--diversity", "0.3")
        ended = [
            etsyml("-w", tmp_path, *command)
            for command in (
                ["styles"],
                [*lists, "--explain"],
                [*lists, "--diversity", "0.5"],
                [*lists, "--by-style", "--include-seen"],
                [*lists, "--recommender", "item-knn"],
                ["recommend", "--user", user, "--what", "users"],
            )
        ]
    assert [one.code for one in ended] == [0] * len(ended)
    assert measured.code in (0, 4)  # 4 if no user has enough favorites to hold one out
    assert "Warning" not in "".join(one.err for one in [measured, *ended])
    seen = {listing for of, listing in TINY_LOGS[log] if of == user}
    mine, others = ([item["id"] for item in json.loads(line)["items"]] for line in ended[1].out.splitlines())
    assert set(mine) == {listing for _, listing in TINY_LOGS[log]} - seen
    assert set(others) == {listing for _, listing in TINY_LOGS[log]}


def test_ids_with_commas_are_favorites_in_a_file(tmp_path: Path, etsyml: Etsyml) -> None:
    rows = [(user, f'"{listing},red"') for user, listing, _ in two_tastes()]
    log = write(tmp_path / "log.csv", rows, header="user_id,listing_id")
    assert etsyml("-w", tmp_path, "ingest", "favorites", log).code == 0
    assert etsyml("-w", tmp_path, "train", "lda", "--n-topics", "4").code == 0
    refused = etsyml("-w", tmp_path, "recommend", "--favorites", "L01,red")
    assert refused.code == 3
    assert "Ids with commas must be in a file, one per line: --favorites FILE" in refused.err
    (tmp_path / "mine.txt").write_text("L01,red\nL02,red\n")
    listed = etsyml("-w", tmp_path, "recommend", "--favorites", tmp_path / "mine.txt", "-k", "5")
    only = etsyml("-w", tmp_path, "recommend", "--user", "U3", "--candidates", tmp_path / "mine.txt")
    assert listed.code == only.code == 0
    assert len(json.loads(listed.out)["items"]) == 5
    assert {item["id"] for item in json.loads(only.out)["items"]} == {"L01,red", "L02,red"}

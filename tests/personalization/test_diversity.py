"""Diverse lists against the definition, and their effect on real lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.personalization.diversity import diverse, picked, style_directions
from etsyml_cli.personalization.model.recommender import Users
from etsyml_cli.personalization.store import load_model
from tests.conftest import Etsyml
from tests.lda_chain import figures, ids, recommend, table_of, train, two_tastes


def by_definition(scores: np.ndarray, directions: np.ndarray, diversity: float, k: int) -> list[int]:
    """Maximal marginal relevance in a plain loop, in exact order of additions."""
    relevance = [float(score) for score in scores]
    lowest, highest = min(relevance), max(relevance)
    relevance = [(one - lowest) / max(highest - lowest, 1e-30) for one in relevance]
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        values = {}
        for place in range(len(scores)):
            if place not in chosen:
                to_chosen = [sum(float(a) * float(b) for a, b in zip(directions[one], directions[place], strict=True))
                             for one in chosen]  # fmt: skip
                values[place] = (1 - diversity) * relevance[place] - diversity * max(to_chosen, default=0.0)
        chosen.append(max(values, key=lambda place: (values[place], -place)))
    return chosen


@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 30), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_lists_are_those_of_the_definition(seed: int, n: int, k: int, diversity: float) -> None:
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.integers(0, 6, n).astype(np.float32))[::-1].copy()  # with ties
    directions = rng.dirichlet([0.3] * 4, n).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert picked(scores, directions, diversity, k) == by_definition(scores, directions, diversity, k)


def test_two_styles_alternate_and_equal_listings_keep_their_order() -> None:
    directions = np.array([[1, 0]] * 3 + [[0, 1]] * 3, np.float32)
    equal = np.ones(6, np.float32)
    assert picked(equal, directions, 0.5, 6) == [0, 3, 1, 2, 4, 5]
    assert picked(equal, directions, 0.0, 6) == [0, 1, 2, 3, 4, 5]
    assert picked(np.array([5, 4, 3, 2, 1, 0], np.float32), directions, 0.9, 2) == [0, 3]


def test_lists_of_several_users_have_empty_places_at_their_ends() -> None:
    top = np.array([[4, 2, 0], [1, -1, -1], [-1, -1, -1]], np.int32)
    scores = np.array([[3, 2, 1], [3, -np.inf, -np.inf], [-np.inf] * 3], np.float32)
    directions = np.eye(5, dtype=np.float32)
    assert diverse(top, scores, directions, 0.3, 2).tolist() == [[4, 2], [1, -1], [-1, -1]]


@pytest.fixture(scope="module")
def favorites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_of(two_tastes(), tmp_path_factory.mktemp("tables") / "favorites.parquet")


@pytest.fixture(scope="module")
def model(favorites: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    train(favorites, out := tmp_path_factory.mktemp("models") / "lda")
    return out


def test_diverse_lists_are_full_and_less_alike(model: Path) -> None:
    users = [f"U{i}" for i in range(12)]
    usual, mixed = (list(recommend(users=users, model=model, k=6, diversity=amount)) for amount in (0.0, 0.6))
    loaded = load_model(model)
    directions = style_directions(loaded.lda)

    def similarity(listed: dict) -> float:
        of_list = directions[[loaded.listing_ids.index(one) for one in ids(listed)]]
        return float((of_list @ of_list.T).mean())

    assert np.mean([similarity(one) for one in mixed]) < 0.8 * np.mean([similarity(one) for one in usual])
    for one, other in zip(usual, mixed, strict=True):
        assert len(set(ids(other))) == 6
        assert ids(one)[0] == ids(other)[0]
    assert list(recommend(users=users, model=model, k=6)) == usual


def test_a_list_longer_than_the_catalog_has_every_listing_once(model: Path) -> None:
    [listed] = recommend(users=["U3"], model=model, k=500, diversity=0.3, exclude_seen=False)
    assert sorted(ids(listed)) == load_model(model).listing_ids


def test_evaluate_measures_diverse_lists_and_notes_their_cost(model: Path, favorites: Path, etsyml: Etsyml) -> None:
    asked = ("--favorites", favorites, "--diversity", "0.5", "--json", "-m", "hit@5")
    ended = etsyml("evaluate", "--model", model, *asked)
    assert ended.code == 0, ended.err
    [evaluation] = json.loads(ended.out)["evaluations"]
    of = {one["variant"]: one for one in evaluation["metrics"]}
    measured = of.pop("mix, diversity 0.5")
    assert {name: one["value"] for name, one in of.items()} == {
        variant: one.value for (_, variant), one in figures(model, favorites, "hit@5").items()
    }
    loaded = load_model(model)
    directions, hits = style_directions(loaded.lda), []
    for user in np.flatnonzero(loaded.test.per_user()):
        rows = np.array([user])
        [scores] = loaded.recommenders["mix"].scores(Users(rows, loaded.train.take(rows))).astype(np.float32)
        allowed = np.setdiff1d(np.arange(40), loaded.train.of(user))
        best = sorted(allowed.tolist(), key=lambda one: (-scores[one], -one))
        places = by_definition(scores[best], directions[best], 0.5, 5)
        hits.append(bool({best[place] for place in places} & set(loaded.test.of(user).tolist())))
    assert measured["value"] == pytest.approx(np.mean(hits))
    cost = measured["value"] - of["mix"]["value"]
    assert measured["note"].startswith(f"hit@5: mix, diversity 0.5 minus mix {cost:+.4f} [")


def test_diversity_that_has_no_effect_is_refused(model: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    asked = ("recommend", "--model", model, "--user", "U3", "--diversity")
    for more in (["0.3", "--by-style"], ["0.3", "--what", "users"], ["0.3", "--format", "trec"], ["1.5"], ["-0.1"],
                 ["0.3", "--out", str(tmp_path / "lists.trec")]):  # fmt: skip
        ended = etsyml(*asked, *more)
        assert (ended.code, ended.out) == (2, "")
        assert "--diversity" in ended.err

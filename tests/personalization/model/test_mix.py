"""The mix: its scores, its weights against planted truth and a slow reference, and what it stores."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.item_knn import ItemKnn
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.lda_parameters import LdaParameters
from etsyml_cli.personalization.model.mix import MIN_USERS, Mix
from etsyml_cli.personalization.model.mix_weights import GRID, ascend, candidates_of, without_useless
from etsyml_cli.personalization.model.neighbors import nearest_listings
from etsyml_cli.personalization.model.recommender import Addend, Recommender, TrainingSet, Users
from etsyml_cli.personalization.model.top_k import ExactScores, top_listings
from tests.personalization.model.test_neighbors import slow_neighbors

NO_CONFIG = LdaConfig()


@dataclass(frozen=True)
class Table(Recommender):
    """A recommender whose scores are given: a row per user."""

    table: np.ndarray

    def scores(self, users: Users) -> np.ndarray:
        return self.table[users.rows]


def two_members(n_users: int, n_listings: int, n_topics: int) -> tuple[dict[str, Recommender], Favorites, np.ndarray]:
    rng = np.random.default_rng(2)
    theta = rng.dirichlet(np.ones(n_topics), n_users).astype(np.float32)
    beta = rng.dirichlet(np.ones(n_listings), n_topics).astype(np.float32)
    liked = rng.random((n_users, n_listings)) < 0.3
    lda = Lda(LdaParameters(theta, beta, np.ones(n_topics, np.float32), 0.1))
    knn = ItemKnn(nearest_listings(sparse.csr_matrix(liked.astype(np.float64)), 99))
    return {"lda": lda, "item-knn": knn}, favorites_of(*np.nonzero(liked), n_users=n_users), liked


@pytest.mark.parametrize("weights", [(1.0, 0.4), (0.3, 2.5)])
def test_the_score_is_the_sum_of_scores_in_standard_deviations(weights: tuple[float, float]) -> None:
    members, favorites, liked = two_members(9, 30, 4)
    users = Users(np.arange(9), favorites)
    top, scores = top_listings(Mix.of(members, dict(zip(members, weights, strict=True))), users, favorites, 5)
    styles = members["lda"].parameters.theta.astype(float) @ members["lda"].beta
    near = liked @ slow_neighbors(liked.astype(np.float64))
    expected = sum(w * part / part.std(axis=1)[:, None] for w, part in zip(weights, (styles, near), strict=True))
    for user in range(9):
        best = -np.sort(-np.delete(expected[user], favorites.of(user)))[:5]
        np.testing.assert_allclose(scores[user], best, rtol=1e-4)
        np.testing.assert_allclose(expected[user][top[user]], best, rtol=1e-4)


@pytest.mark.parametrize("name", ["lda", "item-knn"])
def test_with_one_member_the_scores_are_those_of_the_member(name: str) -> None:
    members, favorites, _ = two_members(9, 30, 4)
    users = Users(np.arange(9), favorites)
    mix = Mix.of(members, {"lda": 0.0, "item-knn": 0.0} | {name: 0.7})
    assert mix.scores(users).tobytes() == members[name].scores(users).tobytes()
    assert (
        top_listings(mix, users, favorites, 5)[1].tobytes()
        == top_listings(members[name], users, favorites, 5)[1].tobytes()
    )


def test_approximate_scores_give_the_lists_and_scores_of_the_exact_ones() -> None:
    members, favorites, _ = two_members(130, 400, 50)
    rng = np.random.default_rng(0)
    members["signed"] = Table(rng.normal(0, 5, (130, 400)) - 3)
    mix, users = Mix.of(members, {"lda": 1.0, "item-knn": 0.4, "signed": 0.2}), Users(np.arange(130), favorites)

    class Plain(Mix):
        def block(self, users: Users) -> ExactScores:
            return ExactScores.of(self.scores(users))

    fast, plain = (top_listings(one, users, favorites, 20) for one in (mix, Plain(mix.members)))
    assert fast[0].tobytes() == plain[0].tobytes()
    assert fast[1].tobytes() == plain[1].tobytes()


def test_a_listing_that_one_member_excludes_is_in_no_list_and_equal_scores_change_nothing() -> None:
    table, excluding = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[0.5, 0.5, 0.5, -np.inf]])
    users = Users(np.zeros(1, np.int64), Favorites(np.array([0, 0]), np.empty(0, np.int32)))
    mix = Mix.of({"a": Table(table), "b": Table(excluding)}, {"a": 1.0, "b": 1.0})
    top, scores = top_listings(mix, users, users.favorites, 4)
    assert top.tolist() == [[2, 1, 0, -1]]
    np.testing.assert_allclose(scores[0, :3], np.array([3, 2, 1]) / table.std(), rtol=1e-6)


def planted(n_users: int = 400, n_listings: int = 120) -> tuple[np.ndarray, np.ndarray, TrainingSet]:
    """Two independent halves of the taste, (U, I), and favorites by their sum: one learned from, two in each window."""
    rng = np.random.default_rng(1)
    half, other = rng.normal(size=(2, n_users, n_listings))
    best = np.argsort(-(half + other + 0.5 * rng.normal(size=half.shape)), axis=1)[:, :5]
    best = rng.permuted(best, axis=1)
    user = np.arange(n_users)
    counts = sparse.csr_matrix((np.ones(n_users), (user, best[:, 0])), half.shape)
    weigh, valid = (favorites_of(np.repeat(user, 2), best[:, part].ravel(), n_users) for part in ([1, 2], [3, 4]))
    return half, other, TrainingSet(counts, favorites_of(user, best[:, 0], n_users), weigh=weigh, valid=valid)


def weights_of(members: Mapping[str, np.ndarray], data: TrainingSet) -> dict[str, float]:
    tables = {name: Table(table) for name, table in members.items()}
    mix = Mix.fit(replace(data, members=tables), NO_CONFIG, 0)
    assert mix.chosen is not None
    assert mix.chosen.weights == mix.weights
    assert set(mix.chosen.dropped) | set(mix.weights) == set(members)
    assert mix.chosen.valid_ndcg.keys() == {*members, "mix"}
    return mix.weights


def test_noise_gets_no_weight() -> None:
    half, other, data = planted()
    noise = np.random.default_rng(5).normal(size=half.shape)
    assert weights_of({"noise": noise, "truth": half + other}, data) == {"truth": 1.0}


def test_two_members_that_complete_each_other_are_both_kept_with_like_weights() -> None:
    half, other, data = planted()
    found = weights_of({"half": 1e-6 * half, "other": 5 + 300 * other}, data)
    assert found.keys() == {"half", "other"}
    assert all(0.4 <= weight <= 1.5 for weight in found.values())


def test_refitting_keeps_weights_and_choices() -> None:
    half, other, data = planted()
    data = replace(data, members={"half": Table(half), "other": Table(other)})
    mix = Mix.fit(data, NO_CONFIG, 0)
    again = mix.refit(TrainingSet(data.counts, data.favorites, members=data.members), NO_CONFIG, 1)
    assert again.weights == mix.weights
    assert again.chosen == mix.chosen


def test_too_few_users_get_equal_weights_of_styles_and_neighbors() -> None:
    half, other, data = planted(MIN_USERS - 1)
    data = replace(data, members={"lda": Table(half), "item-knn": Table(other), "more": Table(half)})
    mix = Mix.fit(data, NO_CONFIG, 0)
    assert mix.weights == {"lda": 1.0, "item-knn": 1.0}
    assert mix.chosen is None


def slow_ndcg(tables: list[np.ndarray], weights: np.ndarray, seen: Favorites, held: Favorites) -> float:
    """The mean nDCG@20 of lists of all listings, by sorting."""
    values = []
    for user in range(len(held.per_user())):
        score = sum(w * table[user] / table[user].std() for w, table in zip(weights, tables, strict=True))
        score[seen.of(user)] = -np.inf
        order = np.lexsort((-np.arange(len(score)), -score))[:20]
        gains = np.isin(order, held.of(user)) / np.log2(np.arange(2, 22))
        ideal = (1 / np.log2(np.arange(2, 22)))[: len(held.of(user))].sum()
        values.append(gains.sum() / ideal)
    return float(np.mean(values))


def test_the_weights_are_those_of_ranking_all_listings_with_every_weight() -> None:
    half, other, data = planted(60, 50)
    tables = [half, 2 * other, half + np.random.default_rng(9).normal(size=half.shape)]
    members = {str(number): Table(table) for number, table in enumerate(tables)}
    candidates = candidates_of(members, data, data.weigh, None, 0)
    assert candidates is not None
    for weights in itertools.product((0.0, 0.4, 1.0), repeat=3):
        expected = slow_ndcg(tables, np.array(weights), data.favorites, data.weigh)
        if any(weights):
            assert candidates.ndcg(np.array(weights)) == pytest.approx(expected, abs=1e-6)

    def judge(weights: np.ndarray) -> float:
        return slow_ndcg(tables, weights, data.favorites, data.weigh)

    found = ascend(candidates.ndcg, 3)
    assert found.tolist() == ascend(judge, 3).tolist()
    assert 1.0 in found and set(found.tolist()) <= set(GRID)


def test_the_favorites_to_weigh_with_are_not_in_the_lists_that_are_judged_by_later_ones() -> None:
    half, other, data = planted(60, 50)
    candidates = candidates_of({"half": Table(half), "other": Table(other)}, data, data.valid, data.weigh, 0)
    for user in range(60):
        assert not set(candidates.of_users.of(user)) & {*data.favorites.of(user), *data.weigh.of(user)}
        assert set(data.valid.of(user)) <= set(candidates.of_users.of(user))


def test_members_are_dropped_while_the_ndcg_is_not_lower_and_one_stays() -> None:
    """The first member seems to help as long as the second, which does harm, is there."""

    def judge(weights: np.ndarray) -> float:
        first, second, third = weights > 0
        return float(third) - 0.3 * second + 0.1 * (first and second)

    assert without_useless(np.array([0.1, 0.4, 1.0]), judge).tolist() == [0, 0, 1.0]
    assert without_useless(np.array([0.4, 0.1, 1.0]), lambda _: 0.0).tolist() == [0, 0, 1.0]
    assert without_useless(np.array([0.4, 0.1, 1.0]), lambda weights: weights.sum()).tolist() == [0.4, 0.1, 1.0]


def test_a_member_without_reasons_is_one_reason_itself() -> None:
    half, other, _ = planted(3, 20)
    mix = Mix.of({"a": Table(half), "b": Table(other)}, {"a": 1.0, "b": 0.4})
    one = Users(np.zeros(1, np.int64), Favorites(np.array([0, 0]), np.empty(0, np.int32)))
    [reasons] = mix.explain(one, [7])
    expected = {"a": half[0, 7] / half[0].std(), "b": 0.4 * other[0, 7] / other[0].std()}
    assert {reason.what: reason.adds for reason in reasons} == pytest.approx(expected, rel=1e-5)
    assert all(isinstance(reason, Addend) for reason in reasons)


def test_a_stored_mix_of_unknown_members_is_refused() -> None:
    half, other, _ = planted(3, 20)
    members = {"a": Table(half), "b": Table(other)}
    arrays = Mix.of(members, {"a": 1.0, "b": 0.4}).arrays()
    assert Mix.load(arrays, members).weights == {"a": 1.0, "b": 0.4}
    with pytest.raises(ValueError, match="unknown members"):
        Mix.load(arrays, {"a": members["a"]})

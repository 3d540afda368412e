"""What every recommender must do: each line of RECOMMENDERS goes through all of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy import sparse

from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.core.registry import resolve
from etsyml_cli.core.vectors import unit_rows
from etsyml_cli.io.model import load_config, load_tensors, save_config, save_tensors
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.learn import learn
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of, rows_of
from etsyml_cli.personalization.model.recommender import ALS, RECOMMENDERS, Recommender, TrainingSet, Users
from etsyml_cli.personalization.model.top_k import top_listings

N_USERS, N_LISTINGS = 90, 40
NAMES = [name for name in RECOMMENDERS if name != ALS or find_spec("implicit")]
CONFIG = LdaConfig(n_topics=4, passes=3, neighbours=20, recommenders=tuple(NAMES))
needs_implicit = pytest.mark.skipif(ALS not in NAMES, reason="needs implicit, of the extra als")
recommenders = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_implicit) if name == ALS else name for name in RECOMMENDERS]
)


def training_set(seed: int = 0) -> TrainingSet:
    """Two tastes; user 0 and the last listing have no favorites. One favorite per user is for validation.

    Listings 5 and 6 have no photo, listing 7 has no words.
    """
    rng = np.random.default_rng(seed)
    taste = (np.arange(N_USERS)[:, None] % 2) == (np.arange(N_LISTINGS) % 2)
    liked = rng.random((N_USERS, N_LISTINGS)) < np.where(taste, 0.4, 0.05)
    liked[0], liked[:, -1] = False, False
    users, listings = np.nonzero(liked)
    counts = sparse.csr_matrix((np.ones(len(users)), (users, listings)), liked.shape)
    first = np.unique(users, return_index=True)[1]
    valid = favorites_of(users[first], listings[first], N_USERS)
    ages = rng.random(len(users)) * 100
    photos, texts = (unit_rows(rng.normal(size=(N_LISTINGS, 3))) for _ in range(2))
    photos[[5, 6]], texts[7] = 0, 0
    favorites = favorites_of(users, listings, N_USERS)
    return TrainingSet(counts, favorites, valid=valid, ages=ages, photos=photos, texts=texts)


def fitted(seed: int = 0, data: TrainingSet | None = None) -> dict[str, Recommender]:
    return dict(learn(data or training_set(), CONFIG, seed).recommenders)


@pytest.fixture(scope="module")
def models() -> dict[str, Recommender]:
    return fitted()


def everyone() -> Users:
    """All users of the training set, an unknown one with favorites and an unknown one without."""
    data = training_set()
    rows = np.append(np.arange(N_USERS), [-1, -1])
    favorites = [*(data.favorites.of(user) for user in range(N_USERS)), np.array([0, 2, 7], np.int32)]
    return Users(rows, rows_of([*favorites, np.empty(0, np.int32)]))


def reloaded(models: dict[str, Recommender], directory: Path) -> Iterator[tuple[str, Recommender]]:
    arrays = {name: array for model in models.values() for name, array in model.arrays().items()}
    save_tensors(directory, arrays)
    stored = load_tensors(directory)
    members: dict[str, Recommender] = {}
    for name in NAMES:
        members[name] = resolve(RECOMMENDERS, name, "recommender").load(stored, members)
        yield name, members[name]


@recommenders
def test_scores_are_a_number_per_user_and_listing(name: str, models: dict[str, Recommender]) -> None:
    scores = models[name].scores(everyone())
    assert scores.shape == (N_USERS + 2, N_LISTINGS)
    assert not np.isnan(scores).any()


@recommenders
def test_the_list_is_that_of_sorting_the_scores_and_ties_go_to_the_higher_id(
    name: str, models: dict[str, Recommender]
) -> None:
    users = everyone()
    top, best = top_listings(models[name], users, users.favorites, 10, np.array([5], np.int32))
    scores = models[name].scores(users).astype(np.float32)
    for user, row in enumerate(scores):
        row[[5, *users.favorites.of(user)]] = -np.inf
        expected = np.lexsort((-np.arange(N_LISTINGS), -row))[:10]
        expected = np.where(np.isneginf(row[expected]), -1, expected)
        assert top[user].tolist() == expected.tolist()
        assert best[user].tobytes() == np.where(expected < 0, -np.inf, row[expected]).astype(np.float32).tobytes()


@recommenders
def test_a_list_depends_neither_on_threads_nor_on_other_users(name: str, models: dict[str, Recommender]) -> None:
    users = everyone()
    together = top_listings(models[name], users, users.favorites, 10)
    try:
        numba.set_num_threads(1)
        alone = [users.span(user, user + 1) for user in range(len(users.rows))]
        lists = [top_listings(models[name], one, one.favorites, 10) for one in alone]
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for part, whole in enumerate(together):
        assert np.concatenate([one[part] for one in lists]).tobytes() == whole.tobytes()


@recommenders
def test_saved_and_loaded_it_gives_the_same_scores(name: str, models: dict[str, Recommender], tmp_path: Path) -> None:
    loaded = dict(reloaded(models, tmp_path))[name]
    assert loaded.scores(everyone()).tobytes() == models[name].scores(everyone()).tobytes()


@recommenders
def test_the_arrays_have_the_declared_names_and_shapes(name: str, models: dict[str, Recommender]) -> None:
    declared = models[name].shapes(N_USERS, N_LISTINGS)
    arrays = models[name].arrays()
    assert arrays.keys() == declared.keys()
    for array, shape in declared.items():
        assert len(arrays[array].shape) == len(shape)
        assert all(n in (None, m) for n, m in zip(shape, arrays[array].shape, strict=True))


def test_no_two_recommenders_store_an_array_of_the_same_name(models: dict[str, Recommender]) -> None:
    names = [array for model in models.values() for array in model.arrays()]
    assert len(names) == len(set(names))
    assert not {"known", "train.indptr", "train.indices", "test.indptr", "test.indices"} & set(names)


@recommenders
def test_same_seed_and_configuration_same_bytes(name: str, models: dict[str, Recommender], tmp_path: Path) -> None:
    save_config(tmp_path, CONFIG)
    config = load_config(tmp_path, LdaConfig)
    again = learn(training_set(), config, 0).recommenders[name].arrays()
    for array, values in models[name].arrays().items():
        assert values.tobytes() == again[array].tobytes()


def test_training_leaves_its_input_as_it_was() -> None:
    data, before = training_set(), training_set()
    fitted(data=data)
    assert (data.counts != before.counts).nnz == 0
    for part in ("favorites", "valid"):
        for now, then in zip(getattr(data, part), getattr(before, part), strict=True):
            assert now.tobytes() == then.tobytes()


@recommenders
def test_scoring_leaves_its_input_as_it_was(name: str, models: dict[str, Recommender]) -> None:
    users, arrays = everyone(), {key: array.copy() for key, array in models[name].arrays().items()}
    top_listings(models[name], users, users.favorites, 5)
    assert users.rows.tobytes() == everyone().rows.tobytes()
    assert users.favorites.indices.tobytes() == everyone().favorites.indices.tobytes()
    assert all(array.tobytes() == models[name].arrays()[key].tobytes() for key, array in arrays.items())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_weights_that_are_no_positive_numbers_are_refused(bad: float) -> None:
    data = training_set()
    data.counts.data[3] = bad
    with pytest.raises(DataError, match="positive number"):
        fitted(data=data)


@recommenders
def test_no_users_get_no_lists(name: str, models: dict[str, Recommender]) -> None:
    nobody = Users(np.empty(0, np.int64), Favorites(np.zeros(1, np.int64), np.empty(0, np.int32)))
    top, best = top_listings(models[name], nobody, nobody.favorites, 5)
    assert len(top) == len(best) == 0


@recommenders
def test_the_reasons_of_a_score_sum_up_to_it(name: str, models: dict[str, Recommender]) -> None:
    users = everyone()
    for user in (3, N_USERS):
        one = users.span(user, user + 1)
        scores = models[name].scores(one)[0]
        best = np.argsort(-scores)[:3].tolist()
        for listing, reasons in zip(best, models[name].explain(one, best), strict=True):
            adds = [reason.adds for reason in reasons]
            assert adds == sorted(adds, reverse=True)
            assert not reasons or sum(adds) == pytest.approx(scores[listing], rel=1e-4)


@recommenders
def test_it_can_be_fitted_without_a_validation_set(name: str) -> None:
    model = fitted(data=replace(training_set(), valid=None))[name]
    assert np.isfinite(model.scores(everyone())).all()


def test_an_unknown_recommender_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="unknown recommender 'item-kn'") as caught:
        resolve(RECOMMENDERS, "item-kn", "recommender")
    assert caught.value.hint == "Did you mean 'item-knn'?"

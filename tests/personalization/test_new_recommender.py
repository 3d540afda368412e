"""A new recommender is one class and one line in RECOMMENDERS, as CONTRIBUTING.md describes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from etsyml_cli.cli.main import run
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.model.recommender import (
    RECOMMENDERS,
    Arrays,
    Recommender,
    Shapes,
    TrainingSet,
    Users,
)
from tests.conftest import Etsyml
from tests.lda_chain import table_of, two_tastes


@dataclass(frozen=True)
class LastId(Recommender):
    """Listings by id, descending; all scores are negative."""

    places: np.ndarray

    @classmethod
    def fit(cls, data: TrainingSet, config: LdaConfig, seed: int) -> Self:
        return cls(np.arange(data.counts.shape[1], dtype=np.float64) - 1000)

    def scores(self, users: Users) -> np.ndarray:
        return np.tile(self.places, (len(users.rows), 1))

    def arrays(self) -> Arrays:
        return {"last_id.places": self.places}

    @classmethod
    def shapes(cls, n_users: int, n_listings: int) -> Shapes:
        return {"last_id.places": (n_listings,)}

    @classmethod
    def load(cls, arrays: Arrays, members: Mapping[str, Recommender]) -> Self:
        return cls(arrays["last_id.places"])


NAMED = "recommenders=[popularity, lda, item-knn, last-id]"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("work")
    (place / "tables").mkdir()
    table_of(two_tastes(), place / "tables/favorites.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECOMMENDERS, "last-id", f"{__name__}:LastId")
        assert run(["-w", str(place), "train", "lda", "--n-topics", "2", "--set", NAMED, "-q"]) == 0
        yield place


def test_it_is_trained_evaluated_and_recommends(workspace: Path, etsyml: Etsyml) -> None:
    evaluated = etsyml("-w", workspace, "evaluate", "--model", "lda", "--metric", "recall@5", "--json")
    assert evaluated.code == 0, evaluated.err
    assert '"last-id"' in evaluated.out
    listed = etsyml("-w", workspace, "recommend", "--user", "U2", "--recommender", "last-id", "-k", "3", "--json")
    assert listed.code == 0, listed.err
    own = {listing for user, listing, _ in two_tastes() if user == "U2"}
    expected = sorted({f"L{i:02}" for i in range(40)} - own, reverse=True)[:3]
    items = json.loads(listed.out)["items"]
    assert [item["id"] for item in items] == expected
    assert all(item["score"] < 0 for item in items)


def test_the_default_is_the_mix(workspace: Path, etsyml: Etsyml) -> None:
    asked = ("-w", workspace, "recommend", "--user", "U2", "--user", "U3", "--json")
    lists = {name: etsyml(*asked, "--recommender", name).out for name in ("mix", "popularity", "lda", "item-knn")}
    assert etsyml(*asked).out == lists["mix"]
    assert lists["popularity"] != lists["mix"]


def test_a_new_user_can_be_given_any_recommender(workspace: Path, etsyml: Etsyml) -> None:
    for name in ("popularity", "lda", "item-knn", "ease", "mix"):
        listed = etsyml("-w", workspace, "recommend", "--favorites", "L01,L02", "--recommender", name, "--json")
        assert listed.code == 0, listed.err
        assert not {"L01", "L02"} & {item["id"] for item in json.loads(listed.out)["items"]}


def test_an_unknown_name_is_refused_with_a_suggestion(workspace: Path, etsyml: Etsyml) -> None:
    refused = etsyml("-w", workspace, "recommend", "--user", "U2", "--recommender", "item-kn")
    assert refused.code == 2
    assert "--recommender item-kn: the model has no recommender of this name" in refused.err
    assert "Did you mean 'item-knn'?" in refused.err


@pytest.mark.parametrize("option", [("--by-style",), ("--what", "users")])
def test_without_effect_it_is_refused(workspace: Path, etsyml: Etsyml, option: tuple[str, ...]) -> None:
    refused = etsyml("-w", workspace, "recommend", "--user", "U2", "--recommender", "lda", *option)
    assert refused.code == 2 and "recommender" in refused.err

"""Users for users, from a trained model."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from etsyml_cli.core.errors import InputError
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.similar_users import similar_users
from tests.lda_chain import ids, table_of, train, two_tastes

STRANGER = ("only one", "L00", "2014-05-01T00:00:00Z")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty users of two tastes, and one with too few favorites for the training set."""
    place = tmp_path_factory.mktemp("lda")
    config = LdaConfig(n_topics=4, passes=20, min_user_favorites=2)
    train(table_of([*two_tastes(), STRANGER], place / "favorites.parquet"), place / "model", config=config)
    return place / "model"


@pytest.mark.parametrize("method", [None, "exact", "lsh", "minhash"])
def test_most_similar_are_those_of_the_same_taste(model: Path, method: str | None) -> None:
    lists = msgspec.to_builtins(list(similar_users(model=model, users=["U8", "U3"], k=5, method=method)))
    assert [one["user_id"] for one in lists] == ["U8", "U3"]
    for one in lists:
        assert set(one) == {"schema_version", "user_id", "what", "items"} and one["what"] == "users"
        assert {int(other[1:]) % 2 for other in ids(one)} == {int(one["user_id"][1:]) % 2}
        assert [item["rank"] for item in one["items"]] == [1, 2, 3, 4, 5]
        scores = [item["score"] for item in one["items"]]
        assert scores == sorted(scores, reverse=True) and 0.5 < scores[-1] <= scores[0] <= 1 + 1e-6


def test_all_users_with_a_profile_get_lists_of_each_other(model: Path) -> None:
    lists = msgspec.to_builtins(list(similar_users(model=model, users=None, k=100)))
    everyone = sorted(f"U{user}" for user in range(60))
    assert [one["user_id"] for one in lists] == everyone
    for one in lists:
        assert sorted([one["user_id"], *ids(one)]) == everyone


def test_who_has_no_profile_gets_an_empty_list_and_a_warning(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = ["nobody", "U3", "only one", "U3"]
    lists = msgspec.to_builtins(list(similar_users(model=model, users=asked, k=2)))
    assert [(one["user_id"], len(one["items"])) for one in lists] == [
        ("nobody", 0),
        ("U3", 2),
        ("only one", 0),
        ("U3", 2),
    ]
    assert "users without a style profile have no similar users: 2 ('nobody', 'only one')" in caplog.text


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_the_method_and_its_recall_are_logged(model: Path, method: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "etsyml")
    list(similar_users(model=model, users=["U3"], k=4, method=method))
    told = "similar users: " + {"exact": "exact", "minhash": r"minhash, recall@4 1.000 measured on 1 users"}[method]
    assert told in caplog.messages


def test_a_model_that_is_not_there_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(similar_users(model=tmp_path / "lda", users=None, k=5))
    assert caught.value.hint == "Make it with: etsyml train lda"

"""The search ranker's index: the same answers as from the whole catalog, or a reason why it is not used."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import MANIFEST
from etsyml_cli.search import build_index as stage
from etsyml_cli.search.build_index import index_ltr
from etsyml_cli.search.rank import RankInputs, rank
from tests.search.test_train import Shop, make_shop, write_table
from tests.search.test_variations import config_of, inputs

QUERIES = ["red scarf", "Blue Lamps", "lamp", "green", "a word nobody wrote", ""]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def model(shop: Shop) -> Path:
    return shop.train(config=config_of())


@pytest.fixture(scope="module")
def index(shop: Shop, model: Path) -> Path:
    index_ltr(**inputs(shop, model), out=shop.root / "index")
    return shop.root / "index"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logger, "propagate", True)
    return caplog


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shape": "global"},
        {"shape": "per-query", "min_query_pages": 3},
        {"indicators": ["shop_id"]},
        {"photo_dim": 1},
    ],
    ids=["query", "global", "per-query", "indicators", "reduced"],
)
def test_it_answers_as_a_look_at_every_listing_does(
    shop: Shop, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "LISTINGS_AT_ONCE", 7)
    asked = inputs(shop, shop.train("of-these-settings", config=config_of(**settings)))
    index_ltr(**asked, out=tmp_path / "index")
    for query in QUERIES:
        slow = rank(RankInputs(**asked), query, k=20, explain=True)
        quick = rank(RankInputs(**asked), query, k=20, explain=True, index=tmp_path / "index")
        assert [item.id for item in quick.items] == [item.id for item in slow.items]
        np.testing.assert_allclose(
            [item.score for item in quick.items], [item.score for item in slow.items], rtol=1e-5, atol=1e-6
        )
        assert [item.title for item in quick.items] == [item.title for item in slow.items]
        for item in quick.items:
            assert sum(reason.adds for reason in item.why) == pytest.approx(item.score, rel=1e-4, abs=1e-5)


def test_a_text_ranker_needs_no_photos(shop: Shop, tmp_path: Path) -> None:
    asked = inputs(shop, shop.train("words", images=None)) | {"images": None}
    index_ltr(**asked, out=tmp_path / "index")
    found = [rank(RankInputs(**asked), "red lamp", k=9, index=index).items for index in (None, tmp_path / "index")]
    assert found[0] == found[1]


def test_a_changed_catalog_is_read_instead_and_logged(
    shop: Shop, model: Path, index: Path, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    more = [*shop.listings, {"listing_id": "new", "title": "red scarf red scarf", "tags": []}]
    write_table("listings", more, tmp_path / "listings.parquet")
    asked = inputs(shop, model) | {"listings": tmp_path / "listings.parquet"}
    found = rank(RankInputs(**asked), "red scarf", k=99, index=index)
    assert "new" in {item.id for item in found.items}
    assert "listings has changed), ignoring it; rebuild with: etsyml index ltr" in said.text


def test_an_index_of_another_model_is_not_used(shop: Shop, index: Path, said: pytest.LogCaptureFixture) -> None:
    other = inputs(shop, shop.train("other", config=config_of(shape="global")))
    assert rank(RankInputs(**other), "lamp", k=5, index=index) == rank(RankInputs(**other), "lamp", k=5)
    assert "(model has changed)" in said.text


@pytest.mark.parametrize(
    "name", ["listings.arrow", "static.npy", "z.npy", "postings_rows.npy", "token_hashes.npy", "words.json"]
)
def test_a_damaged_file_is_named(shop: Shop, model: Path, index: Path, name: str, tmp_path: Path) -> None:
    broken = shutil.copytree(index, tmp_path / "broken")
    (broken / name).write_bytes((broken / name).read_bytes()[: (broken / name).stat().st_size // 2])
    with pytest.raises(InputError, match=name) as caught:
        rank(RankInputs(**inputs(shop, model)), "lamp", k=5, index=broken)
    assert "again" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "value"), [("postings_ptr", 99), ("token_ptr", -1), ("postings_rows", 10**6)])
def test_numbers_that_point_outside_are_damage(
    shop: Shop, model: Path, index: Path, name: str, value: int, tmp_path: Path
) -> None:
    broken = shutil.copytree(index, tmp_path / "broken")
    array = np.load(broken / f"{name}.npy")
    array[0] = value
    np.save(broken / f"{name}.npy", array)
    with pytest.raises(InputError, match="its files are inconsistent"):
        rank(RankInputs(**inputs(shop, model)), "lamp", k=5, index=broken)


def test_the_same_index_twice_has_nothing_to_do(shop: Shop, model: Path, index: Path) -> None:
    before = (index / MANIFEST).read_bytes()
    assert index_ltr(**inputs(shop, model), out=index).up_to_date
    assert (index / MANIFEST).read_bytes() == before

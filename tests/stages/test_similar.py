"""Similar listings: equal to brute force, never the listing itself, photos where words say nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.features import similar as arrays
from etsyml_cli.stages.similar import similar
from tests.stages.test_ltr_stages import write_photos, write_table

WORDS = ["red", "blue", "wool", "mug", "scarf", "ring"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict:
    root = tmp_path_factory.mktemp("similar")
    rng = np.random.default_rng(1)
    titles = [" ".join(rng.choice(WORDS, rng.integers(0, 5))) for _ in range(40)]
    rows = [{"listing_id": f"L{i}", "title": t, "shop_id": f"S{i % 4}", "tags": ["gift"]} for i, t in enumerate(titles)]
    rows[5]["shop_id"] = None
    photos = rng.normal(size=(38, 6)).astype(np.float32)
    listings = write_table("listings", rows, root / "listings.parquet")
    images = write_photos([f"L{i}" for i in range(38)], photos, root / "images")
    words = TfidfVectorizer(token_pattern=r"\w+").fit_transform([f"{t} gift" for t in titles]).toarray()
    unit = np.vstack([photos / np.linalg.norm(photos, axis=1, keepdims=True), np.zeros((2, 6))])
    return {"listings": listings, "images": images, "text": words @ words.T, "image": unit @ unit.T}


def lists_of(shop: dict, **options) -> dict[str, list]:
    options = {"asked": None, "k": 5} | options
    found = similar(listings=shop["listings"], images=shop["images"], **options)
    return {one["listing_id"]: [(item["id"], item["score"]) for item in one["items"]] for one in found}


@pytest.mark.parametrize("variant", ["text", "image", "multimodal"])
@pytest.mark.parametrize("at_once", [7, 256])
def test_lists_equal_brute_force(shop: dict, monkeypatch, variant: str, at_once: int) -> None:
    monkeypatch.setattr(arrays, "AT_ONCE", at_once)
    cosines = shop.get(variant, (shop["text"] + shop["image"]) / 2)
    for name, items in lists_of(shop, variant=variant).items():
        row = cosines[int(name[1:])].copy()
        row[int(name[1:])] = -np.inf
        np.testing.assert_allclose([score for _, score in items], np.sort(row)[::-1][:5], atol=1e-5)
        np.testing.assert_allclose([row[int(other[1:])] for other, _ in items], [s for _, s in items], atol=1e-5)


def test_equal_scores_go_by_id_downwards_and_the_listing_itself_is_left_out(tmp_path: Path) -> None:
    rows = [{"listing_id": name, "title": "red mug"} for name in ("a", "c", "b", "Z")]
    listings = write_table("listings", rows, tmp_path / "listings.parquet")
    (found,) = similar(listings=listings, images=None, asked=["b"], k=9)
    assert [item["id"] for item in found["items"]] == ["c", "a", "Z"]
    assert found["variant"] == "text"


def test_other_shops_leave_the_own_shop_out_and_a_listing_without_a_shop_has_none(shop: dict) -> None:
    found = lists_of(shop, k=40, other_shops=True)
    assert {int(name[1:]) % 4 for name, _ in found["L2"] if name != "L5"} == {0, 1, 3}
    assert len(found["L5"]) == 39


def test_what_is_not_there_is_told(shop: dict) -> None:
    with pytest.raises(InputError, match="no listing 'L99'"):
        lists_of(shop, asked=["L99"])
    with pytest.raises(UsageError, match="--variant photo"):
        lists_of(shop, variant="photo")
    with pytest.raises(InputError, match="no photo features"):
        list(similar(listings=shop["listings"], images=None, asked=["L1"], k=1, variant="image"))

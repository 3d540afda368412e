"""Similar listings: equal to brute force, never the listing itself, photos if words are uninformative."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.similar import nearest as arrays
from etsyml_cli.similar.evaluate import evaluate_similar
from etsyml_cli.similar.search import SimilarOptions, similar
from tests.search.test_train import write_photos, write_table

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


def lists(listings: Path, images: Path | None, listing_ids: list[str] | None = None, index=None, **options):
    chosen = SimilarOptions(**options)
    return similar(listings=listings, images=images, listing_ids=listing_ids, options=chosen, index=index)


def lists_of(shop: dict, **options) -> dict[str, list]:
    found = lists(listings=shop["listings"], images=shop["images"], **({"k": 5} | options))
    return {one.listing_id: [(item.id, item.score) for item in one.items] for one in found}


@pytest.mark.parametrize("variant", ["text", "image", "multimodal"])
@pytest.mark.parametrize("at_once", [7, 8192])
def test_lists_equal_brute_force(shop: dict, monkeypatch, variant: str, at_once: int) -> None:
    monkeypatch.setattr(arrays, "QUERIES_AT_ONCE", at_once)
    monkeypatch.setattr(arrays, "LISTINGS_AT_ONCE", at_once)
    cosines = shop.get(variant, (shop["text"] + shop["image"]) / 2)
    for name, items in lists_of(shop, variant=variant).items():
        row = cosines[int(name[1:])].copy()
        row[int(name[1:])] = -np.inf
        np.testing.assert_allclose([score for _, score in items], np.sort(row)[::-1][:5], atol=1e-5)
        np.testing.assert_allclose([row[int(other[1:])] for other, _ in items], [s for _, s in items], atol=1e-5)


def test_equal_scores_go_by_id_downwards_and_the_listing_itself_is_left_out(tmp_path: Path) -> None:
    rows = [{"listing_id": name, "title": "red mug"} for name in ("a", "c", "b", "Z")]
    listings = write_table("listings", rows, tmp_path / "listings.parquet")
    (found,) = lists(listings=listings, images=None, listing_ids=["b"], k=9)
    assert [item.id for item in found.items] == ["c", "a", "Z"]
    assert found.variant == "text"


@pytest.mark.parametrize("variant", ["image", "multimodal"])
def test_copies_of_a_photo_tie_and_lists_do_not_depend_on_other_queries(tmp_path: Path, variant: str) -> None:
    rng = np.random.default_rng(3)
    photos = rng.normal(size=(300, 257)).astype(np.float32)
    photos[50:100] = photos[:50]
    rows = [{"listing_id": f"L{i:03}", "title": "red mug"} for i in range(300)]
    listings = write_table("listings", rows, tmp_path / "listings.parquet")
    images = write_photos([row["listing_id"] for row in rows], photos, tmp_path / "images")
    options = {"listings": listings, "images": images, "k": 299, "variant": variant}
    every = {one.listing_id: one.items for one in lists(**options)}
    for listing in ("L000", "L120", "L299"):
        (alone,) = lists(**options, listing_ids=[listing])
        assert alone.items == every[listing]
        place = {item.id: item for item in alone.items}
        for i in range(50):
            if f"L{i:03}" in place and f"L{i + 50:03}" in place:
                one, copy = place[f"L{i:03}"], place[f"L{i + 50:03}"]
                assert (one.score, one.rank) == (copy.score, copy.rank + 1)


def test_other_shops_excludes_the_same_shop_and_a_listing_without_a_shop_has_none(shop: dict) -> None:
    found = lists_of(shop, k=40, other_shops=True)
    assert {int(name[1:]) % 4 for name, _ in found["L2"] if name != "L5"} == {0, 1, 3}
    assert len(found["L5"]) == 39


def test_unknown_listings_variants_and_missing_photos_are_refused(shop: dict) -> None:
    with pytest.raises(InputError, match="no listing 'L99'"):
        lists_of(shop, listing_ids=["L99"])
    with pytest.raises(UsageError, match="--variant photo"):
        lists_of(shop, variant="photo")
    with pytest.raises(InputError, match="no photo features"):
        list(lists(listings=shop["listings"], images=None, listing_ids=["L1"], k=1, variant="image"))


def test_the_evaluation_matches_related_listings_counted_by_hand(tmp_path: Path) -> None:
    titles = ["red mug", "red mug", "red scarf", "blue ring", "blue ring gold"]
    listings = write_table(
        "listings", [{"listing_id": f"L{i}", "title": t} for i, t in enumerate(titles)], tmp_path / "l.parquet"
    )
    pairs = [("u", "L0"), ("u", "L1"), ("v", "L1"), ("v", "L3"), ("w", "L4"), ("w", "L9")]
    favorites = write_table("favorites", [{"user_id": u, "listing_id": i} for u, i in pairs], tmp_path / "f.parquet")
    arguments = {"listings": listings, "images": None, "k": 1, "seed": 0}
    found = {m.variant: m for m in evaluate_similar(**arguments, favorites=favorites, searches=None)}
    assert found["text"].n == 3  # L0, L1 and L3: no user who likes L4 likes another known listing
    assert found["text"].value == pytest.approx((1 + 1 / 2 + 0) / 3)  # L0 lists L1; L1 lists L0, not L3; L3 lists L4
    assert found["chance"].value == 1 / 4
    events = ["click", "cart", "impression"]
    shown = [
        {"search_id": "s", "query": "q", "listing_id": f"L{i}", "position": i + 1, "event": e}
        for i, e in enumerate(events)
    ]
    searches = write_table("searches", shown, tmp_path / "s.parquet")
    assert evaluate_similar(**arguments, favorites=None, searches=searches)[0].n == 2
    with pytest.raises(InputError, match="no favorites and no searches"):
        evaluate_similar(**arguments, favorites=None, searches=None)
    alone = write_table("favorites", [{"user_id": "u", "listing_id": "L0"}], tmp_path / "alone.parquet")
    with pytest.raises(DataError, match="no two listings"):
        evaluate_similar(**arguments, favorites=alone, searches=None)


def test_variants_are_evaluated_with_the_control_and_their_overlap(shop: dict, tmp_path: Path) -> None:
    pairs = [{"user_id": f"u{i % 7}", "listing_id": f"L{i}"} for i in range(40)]
    favorites = write_table("favorites", pairs, tmp_path / "f.parquet")
    inputs = {"listings": shop["listings"], "images": shop["images"], "favorites": favorites, "searches": None}
    found = evaluate_similar(**inputs, k=5, seed=0)
    assert [m.variant for m in found if m.name == "recall@5"] == ["text", "image", "multimodal", "chance"]
    lists = {variant: lists_of(shop, variant=variant) for variant in ("text", "multimodal")}
    shared = [len({i for i, _ in lists["text"][n]} & {i for i, _ in lists["multimodal"][n]}) / 5 for n in lists["text"]]
    overlap = next(m for m in found if m.name == "overlap@5" and m.variant == "multimodal")
    assert overlap.value == pytest.approx(np.mean(shared))

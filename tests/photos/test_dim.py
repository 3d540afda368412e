"""`--dim`: features reduced by an SVD that is fitted once and stored with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.store import made_by, read_image_features
from tests.photo_shop import TINY, extract, files_of, tiny, write_listings, write_photo

THREE = tiny(dim=3)


def test_the_features_are_the_projection_of_the_whole_ones(shop: Path) -> None:
    extract(shop, "whole", TINY)
    facts = extract(shop, "three", THREE).facts
    whole = read_image_features(shop / "whole").matrix.astype(np.float64)
    three = read_image_features(shop / "three").matrix
    svd = load_file(shop / "three" / "svd.safetensors")
    assert three.shape == (30, 3)
    assert {name: tensor.shape for name, tensor in svd.items()} == {
        "components": (3, 16),
        "mean": (16,),
        "explained": (1,),
    }
    np.testing.assert_allclose(svd["mean"], whole.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(three, (whole - svd["mean"]) @ svd["components"].T, rtol=1e-4, atol=1e-5)
    strength = np.linalg.svd(whole - whole.mean(axis=0), compute_uv=False) ** 2
    assert facts["variance_kept"] == pytest.approx(strength[:3].sum() / strength.sum())
    assert facts["dimension"] == 3


def test_new_listings_are_reduced_by_the_svd_that_is_there(shop: Path) -> None:
    extract(shop, config=THREE)
    before, svd = read_image_features(shop / "features"), (shop / "features/svd.safetensors").read_bytes()
    write_photo(shop / "photos" / "new.png", 99)
    write_listings(shop / "listings.parquet", {"new": "new.png"} | {f"L{n * 7 % 30}": f"{n}.png" for n in range(30)})
    extract(shop, config=THREE)
    after = read_image_features(shop / "features")
    assert (shop / "features/svd.safetensors").read_bytes() == svd
    assert made_by(after.facts) == made_by(before.facts)
    np.testing.assert_array_equal(after.matrix[1:], before.matrix)
    again = files_of(shop / "features")
    assert extract(shop, config=THREE).up_to_date
    assert files_of(shop / "features") == again

    extract(shop, config=THREE, force=True)
    assert (shop / "features/svd.safetensors").read_bytes() != svd


@pytest.mark.parametrize(
    ("config", "options"),
    [(tiny(dim=4), {}), (THREE, {"seed": 1})],
)
def test_another_network_or_dim_gets_its_own_svd(shop: Path, config: ImagesConfig, options: dict[str, int]) -> None:
    extract(shop, config=THREE)
    extract(shop, config=config, **options)
    extract(shop, "fresh", config=config, **options)
    assert files_of(shop / "features") == files_of(shop / "fresh")


def test_a_quick_try_leaves_no_svd_for_the_whole_shop(shop: Path) -> None:
    extract(shop, config=THREE, limit=5)
    extract(shop, config=THREE)
    extract(shop, "fresh", config=THREE)
    assert files_of(shop / "features") == files_of(shop / "fresh")


def test_too_many_dimensions_are_refused_before_the_work(shop: Path) -> None:
    with pytest.raises(UsageError, match="tiny has 16 features"):
        extract(shop, config=tiny(dim=17))
    with pytest.raises(DataError, match="dim 3 needs more than 3 listings with photos, found 3"):
        extract(shop, config=THREE, limit=3)
    assert not list(shop.glob(".features.partial"))


def test_a_quick_try_does_not_lose_the_svd_of_the_whole_shop(shop: Path) -> None:
    extract(shop, config=THREE)
    svd = (shop / "features/svd.safetensors").read_bytes()
    assert extract(shop, config=THREE, limit=2).rows["out"] == 2  # nothing is fitted on them
    extract(shop, config=THREE)
    assert (shop / "features/svd.safetensors").read_bytes() == svd


def test_an_svd_that_was_changed_is_not_used(shop: Path) -> None:
    extract(shop, config=THREE)
    (shop / "features/svd.safetensors").write_bytes(b"damaged")
    write_photo(shop / "photos" / "0.png", 99)
    with pytest.raises(InputError, match=r"svd\.safetensors: was changed after it was written") as caught:
        extract(shop, config=THREE)
    assert caught.value.hint == "Fit it again with --force."
    extract(shop, config=THREE, force=True)

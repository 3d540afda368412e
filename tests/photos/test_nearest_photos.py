"""The default network on real photos: neighbors show the same product, and decoding at a fraction costs nothing."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch
from PIL import Image

from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.network import PhotoNetwork, batches_in_threads, trained_network
from etsyml_cli.photos.pixels import decode_photo
from etsyml_cli.photos.reader import photo_digest, read_photos
from etsyml_cli.photos.torch_network import TorchExtractor
from etsyml_cli.photos.weights import read_state_dict
from tests.conftest import REPOSITORY

CLOTHING = REPOSITORY.parent / "shared" / "data" / "clothing" / "images"
MARKET = REPOSITORY.parent / "shared" / "data" / "market"
PRODUCTS = ("watch", "handbag", "shoe", "kurta", "belt")
PHOTOS_EACH = 25


def market_photos() -> tuple[list[str], np.ndarray]:
    """Photos with the product that their title names."""
    chosen: dict[str, list[str]] = {product: [] for product in PRODUCTS}
    with (MARKET / "listings.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            named = [product for product in PRODUCTS if product in row["title"].lower()]
            if len(named) == 1 and len(chosen[named[0]]) < PHOTOS_EACH:
                chosen[named[0]].append(row["image"])
    images = [image for product in PRODUCTS for image in chosen[product]]
    return images, np.repeat(PRODUCTS, PHOTOS_EACH)


def default_extractor() -> TorchExtractor:
    backbone = backbone_named("efficientnet_lite0")
    assert backbone.default_weights is not None
    network = trained_network(backbone, read_state_dict(backbone.default_weights()), "default")
    return TorchExtractor(PhotoNetwork(backbone, network), torch.device("cpu"))


@pytest.mark.skipif(not MARKET.is_dir(), reason="data set market not found: shared/data next to the checkout")
def test_nearest_photos_show_the_same_thing() -> None:
    """A fifth of the market's titles name another product, so no photo could agree with all of them."""
    images, product = market_photos()
    extractor = default_extractor()
    backbone = backbone_named("efficientnet_lite0")

    def work(batch: slice) -> np.ndarray:
        digests = [photo_digest(MARKET, image)[0] for image in images[batch]]
        return extractor.features(read_photos(MARKET, images[batch], digests, backbone.preprocessing, 10**6)[0])

    batches = [slice(start, start + 4) for start in range(0, len(images), 4)]
    features = np.concatenate(list(batches_in_threads(work, batches, threads=2)))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    closeness = unit @ unit.T
    np.fill_diagonal(closeness, -1)
    nearest = np.argsort(-closeness, axis=1)[:, :3]
    assert (product[nearest] == product[:, None]).mean() > 0.5  # by chance 0.2


@pytest.mark.skipif(not CLOTHING.is_dir(), reason="data set clothing not found: shared/data next to the checkout")
@pytest.mark.parametrize("longer_side", [800, 1600, 3000])
def test_decoding_at_a_fraction_of_the_size_keeps_the_features(longer_side: int) -> None:
    """A PNG is always decoded whole, so the same pixels as PNG are the reference."""
    wanted = backbone_named("efficientnet_lite0").preprocessing
    pixels = []
    for path in sorted(CLOTHING.iterdir())[:8]:
        with Image.open(path) as photo:
            scale = longer_side / max(photo.size)
            large = encoded(
                photo.convert("RGB").resize([round(scale * side) for side in photo.size]), "JPEG", quality=90
            )
        whole = encoded(Image.open(large), "PNG", compress_level=1)
        pixels += [decode_photo(file, wanted, 10**8) for file in (large, whole)]
    features = default_extractor().features(np.stack(pixels))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert (unit[::2] * unit[1::2]).sum(axis=1).min() > 0.99  # with DRAFT_MARGIN = 1: 0.988


def encoded(photo: Image.Image, kind: str, **options: int) -> io.BytesIO:
    file = io.BytesIO()
    photo.save(file, kind, **options)
    return file

"""`extract-images` from end to end with the tiny network: order, rejects, resuming, being up to date."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from etsyml_cli.core.errors import DataError, InputError, MissingPartError, UsageError
from etsyml_cli.io.artifact import Plan, read_manifest
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.tables import parquet_writer, seal, table_draft
from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.network import random_network
from etsyml_cli.photos.store import read_image_features
from tests.photo_shop import computed, extract, files_of, rejects_of, tiny, write_listings, write_photo


def test_one_row_for_each_listing_in_the_tables_order(shop: Path) -> None:
    summary = extract(shop)
    assert summary.rows == {"in": 30, "out": 30, "rejected": 0, "without_photo": 0}
    features = read_image_features(shop / "features")
    assert features.ids == [f"L{number * 7 % 30}" for number in range(30)]
    assert features.matrix.shape == (30, 16)
    assert isinstance(features.matrix, np.memmap)
    assert len(np.unique(features.matrix, axis=0)) == 30
    assert (shop / "features" / "rejects.jsonl").read_bytes() == b""
    assert sorted(files_of(shop / "features")) == ["features.npy", "ids.json", "manifest.json", "rejects.jsonl"]


def test_the_manifest_describes_the_features(shop: Path) -> None:
    facts = extract(shop).facts
    assert facts["backbone"] == "tiny"
    assert facts["layer"] == "average pool"
    assert facts["dimension"] == 16
    assert facts["preprocessing"]["size"] == 32
    assert facts["random_weights"] is True
    assert len(facts["weights_sha256"]) == 64
    manifest = read_manifest(shop / "features")
    assert manifest.facts == facts
    assert set(manifest.plan.inputs) == {"listings", "photos"}
    assert str(shop) not in (shop / "features" / "manifest.json").read_text()


def test_a_listing_without_photo_is_counted_not_rejected(shop: Path) -> None:
    write_listings(shop / "listings.parquet", {"A": "1.png", "B": None, "C": "2.png"})
    assert extract(shop).rows == {"in": 3, "out": 2, "rejected": 0, "without_photo": 1}
    assert read_image_features(shop / "features").ids == ["A", "C"]


def test_bad_photos_are_one_line_each_and_the_others_keep_their_bits(shop: Path) -> None:
    extract(shop, "good")
    good = read_image_features(shop / "good")
    photos = shop / "photos"
    (photos / "1.png").write_bytes((photos / "1.png").read_bytes()[:100])
    (photos / "5.png").unlink()
    (photos / "6.png").write_bytes(b"")
    (photos / "7.png").write_text("<html>")
    (photos / "8.png").unlink()
    os.mkfifo(photos / "8.png")
    (photos / "29.png").unlink()
    (photos / "29.png").symlink_to("/etc/hostname")

    summary = extract(shop, "bad")
    bad = read_image_features(shop / "bad")
    assert rejects_of(shop / "bad") == [
        {"listing_id": "L7", "image": "1.png", "reason": "damaged"},
        {"listing_id": "L5", "image": "5.png", "reason": "missing"},
        {"listing_id": "L12", "image": "6.png", "reason": "empty"},
        {"listing_id": "L19", "image": "7.png", "reason": "not a photo"},
        {"listing_id": "L26", "image": "8.png", "reason": "not a file"},
        {"listing_id": "L23", "image": "29.png", "reason": "outside the image root"},
    ]
    assert summary.rows == {"in": 30, "out": 24, "rejected": 6, "without_photo": 0}
    assert sum(summary.facts["rejects"].values()) == 6
    assert bad.ids == [name for name in good.ids if name not in {"L7", "L5", "L12", "L19", "L26", "L23"}]
    np.testing.assert_array_equal(bad.matrix, good.matrix[good.rows_for(bad.ids)])


def test_rejects_name_photos_outside_the_root_and_too_large(shop: Path) -> None:
    write_photo(shop / "secret.png", 1)
    write_listings(shop / "listings.parquet", {"A": "1.png", "B": "../secret.png"})
    extract(shop)
    assert [line["reason"] for line in rejects_of(shop / "features")] == ["outside the image root"]
    with pytest.raises(DataError, match=r"too many pixels 1"):
        extract(shop, config=tiny(max_pixels=1599))


def test_identical_photos_are_computed_once(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for copy, original in {"31.png": "3.png", "32.png": "3.png", "33.png": "4.png"}.items():
        (shop / "photos" / copy).write_bytes((shop / "photos" / original).read_bytes())
    (shop / "photos" / "34.png").symlink_to("4.png")
    names = ["31", "3", "33", "32", "4", "5", "34", "3"]
    write_listings(shop / "listings.parquet", {f"{place}": f"{name}.png" for place, name in enumerate(names)})
    seen = computed(monkeypatch)
    summary = extract(shop, config=tiny(threads=1))
    assert seen == ["31.png", "33.png", "5.png"]
    assert summary.facts["photos"] == {"named": 8, "distinct": 3}
    matrix = read_image_features(shop / "features").matrix
    assert (matrix[[0, 1, 3, 7]] == matrix[0]).all()
    assert (matrix[[2, 4, 6]] == matrix[2]).all()
    assert len(np.unique(matrix, axis=0)) == 3


def test_a_broken_photo_under_two_names_is_two_lines(shop: Path) -> None:
    for copy in ("31.png", "32.png"):
        (shop / "photos" / copy).write_text("broken")
    write_listings(shop / "listings.parquet", {"A": "31.png", "B": "1.png", "C": "32.png"})
    extract(shop)
    assert [(line["listing_id"], line["reason"]) for line in rejects_of(shop / "features")] == [
        ("A", "not a photo"),
        ("C", "not a photo"),
    ]


def test_the_photos_of_a_listing_are_averaged(shop: Path) -> None:
    write_listings(shop / "listings.parquet", {f"{number}": f"{number}.png" for number in range(10)})
    extract(shop, "single")
    single = read_image_features(shop / "single").matrix.astype(np.float64)
    (shop / "photos" / "3 again.png").write_bytes((shop / "photos" / "3.png").read_bytes())
    lists = {
        "A": ["3.png", "nowhere.png", "4.png", "3 again.png", "3.png"],
        "B": "5.png",
        "C": ["nowhere.png"],
        "D": [],
        "E": ["6.png"],
    }
    write_listings(shop / "listings.parquet", lists)
    summary = extract(shop, "mean")
    mean = read_image_features(shop / "mean")
    assert mean.ids == ["A", "B", "E"]
    expected = np.stack([(single[3] + single[4]) / 2, single[5], single[6]]).astype(np.float32)
    np.testing.assert_array_equal(mean.matrix, expected)
    assert summary.rows == {"in": 5, "out": 3, "rejected": 1, "without_photo": 1}
    assert [(line["listing_id"], line["image"]) for line in rejects_of(shop / "mean")] == [
        ("A", "nowhere.png"),
        ("C", "nowhere.png"),
    ]


def test_image_and_images_belong_together(shop: Path) -> None:
    schema = arrow_schema(table_schema("listings"), ["listing_id", "title", "image", "images"])
    row = {"listing_id": "A", "title": "A", "image": "1.png", "images": ["2.png", "1.png"]}
    with table_draft(shop / "listings.parquet", Plan(kind="table:listings")) as draft:
        draft.facts["image_root"] = "photos"
        writer = parquet_writer(draft.table, schema)
        writer.write_table(pa.Table.from_pylist([row], schema=schema))
        seal(writer, draft)
    assert extract(shop).facts["photos"] == {"named": 2, "distinct": 2}


def test_threads_do_not_change_a_byte(shop: Path) -> None:
    extract(shop, "one", tiny(threads=1))
    extract(shop, "five", tiny(threads=5))
    assert files_of(shop / "one") == files_of(shop / "five")


def test_up_to_date_until_a_photo_or_a_setting_changes(shop: Path) -> None:
    made = extract(shop)
    again = extract(shop)
    assert again.up_to_date
    assert (again.rows, again.facts) == (made.rows, made.facts)
    assert not extract(shop, force=True).up_to_date
    assert not extract(shop, seed=1).up_to_date
    write_photo(shop / "photos" / "3.png", 77)
    assert not extract(shop, seed=1).up_to_date


def test_limit_takes_the_first_listings(shop: Path) -> None:
    assert extract(shop, limit=5).rows["in"] == 5
    assert read_image_features(shop / "features").ids == ["L0", "L7", "L14", "L21", "L28"]


def test_float16_halves_the_file_and_keeps_the_numbers(shop: Path) -> None:
    extract(shop, "wide")
    extract(shop, "narrow", tiny(dtype="float16"))
    wide, narrow = read_image_features(shop / "wide").matrix, read_image_features(shop / "narrow").matrix
    assert narrow.dtype == np.float16
    np.testing.assert_array_equal(narrow, wide.astype(np.float16))


def test_rows_of_length_one(shop: Path) -> None:
    extract(shop, "raw")
    extract(shop, "unit", tiny(normalize=True))
    raw, unit = read_image_features(shop / "raw").matrix, read_image_features(shop / "unit").matrix
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(unit, raw / np.linalg.norm(raw, axis=1, keepdims=True), rtol=1e-6)


def test_numbers_too_large_for_float16_are_refused(shop: Path) -> None:
    state = random_network(backbone_named("tiny"), seed=5).state_dict()
    state["2.bias"] += 1e6
    torch.save(state, shop / "large.pth")
    large = tiny(weights=str(shop / "large.pth"), dtype="float16")
    with pytest.raises(DataError, match="too large for float16"):
        extract(shop, config=large)


def test_weights_from_a_file(shop: Path) -> None:
    network = random_network(backbone_named("tiny"), seed=5)
    torch.save(network.state_dict(), shop / "five.pth")
    config = tiny(weights=str(shop / "five.pth"))
    summary = extract(shop, "from_file", config)
    assert summary.facts["random_weights"] is False
    assert str(shop) not in (shop / "from_file" / "manifest.json").read_text()
    assert summary.facts["weights_sha256"] == extract(shop, "seed", seed=5).facts["weights_sha256"]
    np.testing.assert_array_equal(
        read_image_features(shop / "from_file").matrix, read_image_features(shop / "seed").matrix
    )


def test_random_weights_are_announced(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    extract(shop)
    assert "tiny has random weights: its features carry no information about the photos" in caplog.messages


def test_broken_weights_are_refused_instead_of_written(shop: Path) -> None:
    state = random_network(backbone_named("tiny"), seed=5).state_dict()
    state["0.bias"][0] = float("nan")
    torch.save(state, shop / "nan.pth")
    with pytest.raises(DataError, match="not finite"):
        extract(shop, config=tiny(weights=str(shop / "nan.pth")))
    assert not (shop / "features").exists()


def test_an_up_to_date_output_is_reported(shop: Path) -> None:
    write_listings(shop / "listings.parquet", {"A": None})
    with pytest.raises(DataError, match="none of 1 listings has a photo"):
        extract(shop)
    write_listings(shop / "listings.parquet", {"A": "nowhere.png", "B": "9999.png"})
    with pytest.raises(DataError, match=r"none of 2 photos could be read \(missing 2\)"):
        extract(shop)
    write_listings(shop / "listings.parquet", {"A": "1.png"}, image_root=None)
    with pytest.raises(InputError, match="the root directory of the photos is unknown"):
        extract(shop)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (ImagesConfig(backbone="vgg91"), UsageError),
        (tiny(weights="nowhere.pth"), InputError),
        (tiny(device="mps"), MissingPartError),
    ],
)
def test_what_cannot_run_leaves_nothing_behind(shop: Path, config: ImagesConfig, error: type[Exception]) -> None:
    if config.device == "mps" and torch.backends.mps.is_available():
        pytest.skip("mps is here")
    with pytest.raises(error):
        extract(shop, config=config)
    assert not (shop / "features").exists()
    assert not list(shop.glob(".features.partial"))

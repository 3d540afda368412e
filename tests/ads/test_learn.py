"""What a click model learns from: some of the rows without a click, weighted rows, photos, and one place for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from msgspec.structs import replace

from etsyml_cli.ads.config import AdFeatures, CtrConfig
from etsyml_cli.ads.log.sampling import sample_rows
from etsyml_cli.ads.score import Inputs, score_rows
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.rng import generator
from etsyml_cli.io.model import load_json, load_tensors
from tests.ads.test_train import (
    ADS_A_DAY,
    CONFIG,
    DAYS,
    ad_shop,
    draw_log,
    evaluate,
    train,
    write_table,
)
from tests.search.test_train import write_photos

ALONE = replace(CONFIG, history=None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return ad_shop(tmp_path_factory.mktemp("shop"), draw_log())


def rows_of(ids: list[str], clicks: np.ndarray) -> pa.RecordBatch:
    return pa.record_batch({"impression_id": ids, "clicked": pa.array(clicks, pa.int8())})


def test_rows_are_chosen_by_their_ids_whatever_their_order_and_batches():
    ids = [f"A{i}" for i in range(20_000)]
    clicks = generator(0, "clicks").integers(0, 2, len(ids)).astype(float)
    config = CtrConfig(negatives=0.3)
    whole = sample_rows(rows_of(ids, clicks), clicks, np.ones(len(ids)), config, 0)
    order = generator(1, "order").permutation(len(ids))
    parts = [
        sample_rows(rows_of([ids[i] for i in part], clicks[part]), clicks[part], np.ones(len(part)), config, 0).rows
        for part in np.array_split(order, 7)
    ]
    assert np.array_equal(np.concatenate(parts), whole.rows[order])
    assert whole.rows[clicks > 0].all()
    assert whole.rows[clicks == 0].mean() == pytest.approx(0.3, abs=0.015)
    assert whole.represented.sum() == pytest.approx(len(ids), rel=0.03)
    other = sample_rows(rows_of(ids, clicks), clicks, np.ones(len(ids)), config, 1)
    assert not np.array_equal(whole.rows, other.rows)


def test_a_share_of_the_negatives_predicts_the_rate_of_all(shop, tmp_path):
    """The rate is kept with the model and undone: predicted clicks meet observed ones, not twice as many."""
    train(shop, tmp_path / "model", config=replace(CONFIG, negatives=0.4))
    learned = load_json(tmp_path / "model", "metrics.json")["train"]
    assert learned["rows"] < 0.7 * 7 * ADS_A_DAY
    assert learned["impressions"] == pytest.approx(7 * ADS_A_DAY, rel=0.1)  # each row without a click represents 2.5
    for m in evaluate(shop, tmp_path / "model", "calibration"):
        if m.slice == "mixed":
            assert m.value == pytest.approx(1, abs=0.25), m.variant
    whole, some = (load_tensors(path) for path in (shop / "model", tmp_path / "model"))
    assert np.array_equal(whole["count.listing_id.counts"], some["count.listing_id.counts"])  # histories count all


@pytest.mark.parametrize("column", ["impression_id", "clicked"])
def test_rows_that_cannot_be_left_out(shop, tmp_path, column):
    rows = [{k: v for k, v in row.items() if k != column} for row in draw_log()]
    if column == "clicked":
        rows = [row | {"clicks": 1, "impressions": 2} for row in rows]
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    with pytest.raises(DataError, match="negatives < 1 needs"):
        train(shop, tmp_path / "model", impressions=table, config=replace(CONFIG, negatives=0.5))


def with_weights(tmp_path: Path, weights: list[float | None]) -> Path:
    rows = [row | {"price": weight} for row, weight in zip(draw_log(), weights, strict=True)]
    return write_table("impressions", rows, tmp_path / "weighted.parquet")


UNPRICED = replace(ALONE, features=AdFeatures(numeric=()))


def test_a_row_of_weight_three_is_three_impressions_of_it(shop, tmp_path):
    log = draw_log()
    weighted = with_weights(tmp_path, [3.0] * len(log))
    counted = [{k: v for k, v in row.items() if k != "clicked"} for row in log]
    counted = [row | {"clicks": 3 * old["clicked"], "impressions": 3} for row, old in zip(counted, log, strict=True)]
    aggregated = write_table("impressions", counted, tmp_path / "aggregated.parquet")
    train(shop, tmp_path / "a", impressions=weighted, config=replace(UNPRICED, weight="price"))
    train(shop, tmp_path / "b", impressions=aggregated, config=replace(UNPRICED, beta=1 / 3))  # a third of three
    a, b = (load_tensors(tmp_path / name) for name in "ab")
    assert a["content.zn"][:-1] == pytest.approx(b["content.zn"][:-1], rel=1e-6, abs=1e-9)


def test_a_row_of_weight_zero_has_no_effect_on_training(shop, tmp_path):
    log = draw_log()
    half = [float(i % 2) for i in range(len(log))]
    train(shop, tmp_path / "a", impressions=with_weights(tmp_path, half), config=replace(UNPRICED, weight="price"))
    others = [i % 2 == 0 and i >= ADS_A_DAY for i in range(len(log))]  # the first day gives the rate to start at
    flipped = [row | {"clicked": 1 - row["clicked"]} if other else row for row, other in zip(log, others, strict=True)]
    rows = [row | {"price": weight} for row, weight in zip(flipped, half, strict=True)]
    table = write_table("impressions", rows, tmp_path / "flipped.parquet")
    train(shop, tmp_path / "b", impressions=table, config=replace(UNPRICED, weight="price"))
    a, b = (load_tensors(tmp_path / name)["content.zn"] for name in "ab")
    assert np.array_equal(a, b)


@pytest.mark.parametrize("weight", [-1.0, None, 2e9, float("inf"), float("nan")])
def test_weights_that_are_none(shop, tmp_path, weight):
    table = with_weights(tmp_path, [weight, *[1.0] * (len(draw_log()) - 1)])
    with pytest.raises(DataError, match="weight: 'price' has a value that is missing, negative or above"):
        train(shop, tmp_path / "model", impressions=table, config=replace(CONFIG, weight="price"))


def test_weights_of_a_foreign_column_come_as_text(shop, tmp_path):
    log = draw_log()
    weights = [float(1 + i % 3) for i in range(len(log))]
    rows = [row | {"worth": str(weight)} for row, weight in zip(log, weights, strict=True)]
    table = write_table("impressions", rows, tmp_path / "texts.parquet")
    train(shop, tmp_path / "a", impressions=table, config=replace(UNPRICED, weight="worth"))
    train(shop, tmp_path / "b", impressions=with_weights(tmp_path, weights), config=replace(UNPRICED, weight="price"))
    a, b = (load_tensors(tmp_path / name)["content.zn"] for name in "ab")
    assert np.array_equal(a, b)
    with pytest.raises(DataError, match="weight: 'query' has a value that is not a number"):
        train(shop, tmp_path / "c", impressions=table, config=replace(UNPRICED, weight="query"))


def test_a_weight_is_a_column_of_the_log_not_of_the_listings(shop, tmp_path):
    with pytest.raises(UsageError, match="weight: no numeric column 'title' in the log"):
        train(shop, tmp_path / "model", config=replace(CONFIG, weight="title"))


def test_a_weight_column_that_is_not_there(shop, tmp_path):
    with pytest.raises(UsageError, match="weight: no numeric column 'wait'"):
        train(shop, tmp_path / "model", config=replace(CONFIG, weight="wait"))


def test_scores_are_those_of_one_place_or_of_the_row_s_own(shop, tmp_path):
    lines = [b'{"listing_id": "L1", "position": %d}' % position for position in (1, 2, 3)]

    def scores(model: Path) -> list[float]:
        return [row["score"] for row in score_rows(Inputs(model, shop / "listings.parquet"), lines)]

    assert len(set(scores(shop / "model"))) == 1
    train(shop, tmp_path / "own", config=replace(CONFIG, position=None))
    own = scores(tmp_path / "own")
    assert len(set(own)) == 3
    assert scores(shop / "model")[0] == own[0]
    train(shop, tmp_path / "third", config=replace(CONFIG, position=3))
    assert set(scores(tmp_path / "third")) == {own[2]}


N_LISTINGS = 120


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Path:
    """Clicks that depend on one direction of the photos, and words without information."""
    root = tmp_path_factory.mktemp("gallery")
    rng = generator(0, "gallery")
    photos = rng.normal(size=(N_LISTINGS, 12))
    ids = [f"L{i}" for i in range(N_LISTINGS)]
    listings = [{"listing_id": name, "title": "a picture", "tags": ["art"], "shop_id": "S"} for name in ids]
    start, log = datetime(2024, 3, 1, tzinfo=UTC), []
    for i in range(6000):
        shown = int(rng.integers(N_LISTINGS))
        rate = 1 / (1 + np.exp(1.5 - 2 * photos[shown, 3]))
        row = {"created_at": start + timedelta(seconds=i * DAYS * 86_400 / 6000), "listing_id": ids[shown]}
        log.append(row | {"impression_id": f"A{i}", "clicked": int(rng.random() < rate)})
    write_table("listings", listings, root / "listings.parquet")
    write_table("impressions", log, root / "impressions.parquet")
    write_photos(ids, photos, root / "photos")
    write_photos(ids, photos, root / "others", backbone="other")
    train(root, root / "model", images=root / "photos", config=replace(ALONE, photo_dim=8))
    return root


def test_informative_photos_are_learned_and_shuffled_ones_are_not(gallery):
    judged = evaluate(gallery, gallery / "model", "auc", images=gallery / "photos")
    auc = {m.variant: m.value for m in judged}
    assert auc["content"] > 0.75
    assert auc["permuted"] == pytest.approx(0.5, abs=0.12)


def test_a_photo_of_a_listing_is_what_its_score_is_made_of(gallery):
    inputs = {"listings": gallery / "listings.parquet", "images": gallery / "photos"}
    lines = [b'{"listing_id": "L%d"}' % i for i in (1, 2)] + [b'{"listing_id": "unseen"}']
    first, second, unseen = score_rows(Inputs(gallery / "model", **inputs), lines, explain=True)
    assert first["score"] != second["score"]
    assert any(reason.what.startswith("photo.") for reason in first["why"])
    assert not any(reason.what.startswith("photo.") for reason in unseen["why"])


@pytest.mark.parametrize(("images", "problem"), [(None, "--images is missing"), ("others", "photo features of other")])
def test_other_photo_features_than_it_learned(gallery, images, problem):
    with pytest.raises(InputError, match=problem):
        evaluate(gallery, gallery / "model", "auc", images=gallery / images if images else None)


def test_photos_of_no_listing_are_refused(gallery, tmp_path):
    write_photos([f"Z{i}" for i in range(N_LISTINGS)], np.eye(N_LISTINGS, 12), tmp_path / "photos")
    train(gallery, tmp_path / "model", images=tmp_path / "photos", config=replace(ALONE, photo_dim=0))
    with pytest.raises(DataError, match="0 of 120 listings of impressions are in images"):
        train(gallery, tmp_path / "other", images=tmp_path / "photos", config=replace(ALONE, photo_dim=8))


def test_identical_photos(gallery, tmp_path):
    write_photos([f"L{i}" for i in range(N_LISTINGS)], np.ones((N_LISTINGS, 12)), tmp_path / "photos")
    with pytest.raises(DataError, match="vary in 0 directions only, fewer than 8 dimensions") as refused:
        train(gallery, tmp_path / "model", images=tmp_path / "photos", config=replace(ALONE, photo_dim=8))
    assert refused.value.hint == "Set a smaller photo_dim, 0 for no photos, or extract them again."


def test_words_reduced_by_an_svd_are_learned(gallery, tmp_path):
    """Listings of two kinds of words, one of which is clicked: only the reduced words distinguish them."""
    rng = generator(2, "words")
    kinds = [["wool", "warm", "knit", "scarf"], ["clay", "mug", "cup", "tea"]]
    listings = [
        {"listing_id": f"L{i}", "title": " ".join(rng.choice(kinds[i % 2], 3)), "tags": [], "shop_id": "S"}
        for i in range(60)
    ]
    write_table("listings", listings, tmp_path / "listings.parquet")
    rows = []
    for i in range(3000):
        shown = int(rng.integers(60))
        at = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(seconds=i * 8 * 86_400 / 3000)
        rows.append(
            {"created_at": at, "listing_id": f"L{shown}", "clicked": int(rng.random() < 0.1 + 0.5 * (shown % 2))}
        )
    write_table("impressions", rows, tmp_path / "impressions.parquet")
    features = AdFeatures(categorical=(), text=(), word_crosses=(), numeric=(), text_svd=("title",))
    train(tmp_path, tmp_path / "model", config=replace(ALONE, features=features, svd_dim=2))
    judged = evaluate(tmp_path, tmp_path / "model", "auc")
    assert {m.variant: m.value for m in judged}["content"] > 0.7

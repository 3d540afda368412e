"""Whole shops held out of training, and metrics on listings that are not in the training set."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.errors import InputError
from etsyml_cli.io.trec import read_qrels, read_run
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.photos.reduced import shuffle_photos
from etsyml_cli.photos.svd import Svd
from etsyml_cli.search.evaluate import EvaluationInputs, evaluate
from etsyml_cli.search.features import photo_blocks, rows_of_log
from etsyml_cli.search.log import SearchLog
from etsyml_cli.search.prepare import load_training_data
from etsyml_cli.splits.days import TEST, TRAIN, VALID
from tests.search.test_train import Shop, files_of, make_shop, write_table
from tests.search.test_variations import config_of

BY_SELLER = config_of(split="seller", test_share=0.4)
SHOPLESS = 8  # of the 60 listings


@pytest.fixture(scope="module")
def mall(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """20 shops; every eighth listing or so has none, and the table does not know L59."""
    shop = make_shop(tmp_path_factory.mktemp("mall"))
    for number, row in enumerate(shop.listings):
        row["shop_id"] = f"S{number % 20}" if number % SHOPLESS else None
    shop.listings.pop()
    shop.write()
    return shop


def seller_of(mall: Shop) -> dict[str, str]:
    shops = {row["listing_id"]: row["shop_id"] or row["listing_id"] for row in mall.listings}
    return shops | {"L59": "L59"}


def test_no_listing_of_a_held_out_shop_is_ever_learned_from(mall: Shop) -> None:
    ready = load_training_data(mall.to_learn(config=BY_SELLER))
    seller = seller_of(mall)
    sellers = {code: set() for code in (TRAIN, VALID, TEST)}
    learned = []
    for page, (start, end) in enumerate(zip(ready.log.offsets[:-1], ready.log.offsets[1:], strict=True)):
        shown = [ready.log.listing_ids[i] for i in ready.log.listing[start:end]]
        sellers[int(ready.part[page])] |= {seller[listing_id] for listing_id in shown}
        learned += [(ready.log.search_ids[page], listing_id) for listing_id in shown]
    assert sellers[TRAIN] and sellers[VALID] and not sellers[TEST]
    assert not sellers[TRAIN] & sellers[VALID]
    state = sellers[TRAIN] | sellers[VALID]
    expected = [(r["search_id"], r["listing_id"]) for r in mall.searches if seller[r["listing_id"]] in state]
    assert sorted(learned) == sorted(expected)
    assert ready.rows["test_rows"] == len(mall.searches) - len(expected) > 0
    assert ready.rows["train_rows"] + ready.rows["valid_rows"] == len(expected) == len(ready.pages.level)


def test_listings_of_held_out_shops_are_not_trained_on(mall: Shop, tmp_path: Path) -> None:
    before = mall.train("before", config=BY_SELLER)
    learned = set(load_training_data(mall.to_learn(config=BY_SELLER)).log.listing_ids)
    other = {"click": "impression", "impression": "click"}
    turned = [row if row["listing_id"] in learned else row | {"event": other[row["event"]]} for row in mall.searches]
    assert turned != mall.searches
    changed = replace(mall, root=tmp_path, searches=turned)
    changed.write()
    after = changed.train("after", config=BY_SELLER, images=mall.root / "images")
    assert files_of(after)["model.safetensors"] == files_of(before)["model.safetensors"]


def test_only_the_rows_of_held_out_shops_are_evaluated(mall: Shop, tmp_path: Path) -> None:
    model = mall.train("judged", config=BY_SELLER)
    found = mall.evaluate(model, "ndcg@5", runs=tmp_path)
    learned = {seller_of(mall)[i] for i in load_training_data(mall.to_learn(config=BY_SELLER)).log.listing_ids}
    held_out = [row for row in mall.searches if seller_of(mall)[row["listing_id"]] not in learned]
    clicked = {row["search_id"] for row in held_out if row["event"] == "click"}
    judged = {(search_id, i) for search_id, scores in read_run(tmp_path / "text.trec").items() for i in scores}
    assert judged == {(row["search_id"], row["listing_id"]) for row in held_out if row["search_id"] in clicked}
    assert found["ndcg@5", "text"].n == len(clicked)
    assert found["ndcg@5", "text"].value > found["ndcg@5", "shown"].value + 0.05


def test_a_split_by_seller_needs_shops(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, n_searches=20)
    with pytest.raises(InputError, match=r"listings\.parquet: no listing has a shop_id"):
        shop.train(config=BY_SELLER)


def test_other_shops_than_those_that_were_held_out_are_refused(mall: Shop, tmp_path: Path) -> None:
    model = mall.train("refusing", config=BY_SELLER)
    moved = [row | {"shop_id": "S1"} for row in mall.listings]
    inputs = mall.inputs() | {"listings": write_table("listings", moved, tmp_path / "moved.parquet")}
    with pytest.raises(InputError, match=r"moved\.parquet: not the listings"):
        evaluate(EvaluationInputs(model=model, **inputs, images=mall.root / "images"), [parse_metric("map")], 0)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=6))
def test_a_divided_log_holds_every_row_once_among_rows_of_its_page_and_part(parts: list[list[int]]) -> None:
    part = np.array([code for page in parts for code in page], dtype=np.int8)
    n, ids = len(part), [f"S{q}" for q in range(len(parts))]
    offsets = np.cumsum([0, *map(len, parts)])
    log = SearchLog(ids, ids, None, offsets, [*map(str, range(n))], np.arange(n), np.arange(n), np.zeros(n, np.int8))
    split_by_seller, of_page = log.split_by_seller(part)
    found = [
        (
            split_by_seller.search_ids[q],
            int(of_page[q]),
            split_by_seller.listing[split_by_seller.offsets[q] : split_by_seller.offsets[q + 1]].tolist(),
        )
        for q in range(len(of_page))
    ]
    page = log.page_of_row()
    assert found == [
        (ids[q], code, rows)
        for q in range(len(parts))
        for code in (TRAIN, VALID, TEST)
        if (rows := np.flatnonzero((page == q) & (part == code)).tolist())
    ]
    assert split_by_seller.position.tolist() == split_by_seller.listing.tolist()


def by_slice(shop: Shop, model: Path, *metrics: str, **options) -> dict[tuple[str, str, str], Measurement]:
    names = [parse_metric(metric) for metric in metrics]
    inputs = EvaluationInputs(model=model, **shop.inputs(), images=shop.root / "images", **options)
    found = evaluate(inputs, names, 0)
    return {(one.name, one.slice, one.variant): one for one in found}


def test_pairs_of_unseen_listings_are_evaluated_separately(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    new = {f"L{i}" for i in range(0, 60, 3)}
    shop.searches = [r for r in shop.searches if r["listing_id"] not in new or r["created_at"].day > 8]
    shop.write()
    found = by_slice(shop, shop.train(), "pair_accuracy", "map", runs=tmp_path / "runs")
    assert {slice_ for name, slice_, _ in found if name == "map"} == {"all"}
    grades = read_qrels(tmp_path / "runs/qrels.txt")
    for variant in ("shown", "multimodal"):
        run = read_run(tmp_path / f"runs/{variant}.trec")
        shares = []
        for search_id, scores in run.items():
            grade = grades[search_id]
            right = [
                0.5 * (scores[a] == scores[b]) + (scores[a] > scores[b])
                for a in scores
                for b in scores
                if {a, b} <= new and grade[a] > grade[b]
            ]
            shares += [np.mean(right)] if right else []
        measured = found["pair_accuracy", "unseen", variant]
        assert measured.n == len(shares) < found["pair_accuracy", "all", variant].n
        assert measured.value == pytest.approx(np.mean(shares), abs=1e-12)
    assert found["pair_accuracy", "unseen", "multimodal"].against.baseline == "text"


def test_if_all_listings_are_in_the_training_set_it_is_logged(mall: Shop, caplog) -> None:
    with caplog.at_level(logging.INFO):
        found = by_slice(mall, mall.train("by-day", config=config_of()), "pair_accuracy")
    assert {slice_ for _, slice_, _ in found} == {"all"}
    assert "no test page has two listings of unequal gain that are not in the training set" in caplog.text


def test_photos_dealt_several_ways_are_each_reduced_once_and_to_the_same(mall: Shop) -> None:
    ready = load_training_data(mall.to_learn(config=config_of(photo_dim=2)))
    asked, svd = rows_of_log(ready.log), ready.state.svd
    shuffles = [shuffle_photos(ready.photos, ready.log.listing_ids, 0, number) for number in range(3)]
    assert any((photo == -1).any() for photo in shuffles)
    reduced = []

    class Counting(Svd):
        def project(self, rows):
            reduced.append(len(rows))
            return super().project(rows)

    counting = replace(ready.state, svd=Counting(svd.mean, svd.components, svd.explained))
    together = list(photo_blocks(counting, ready.photos, shuffles, asked))
    assert sum(reduced) == len({row for photo in shuffles for row in photo.tolist()} - {-1})
    for photo, blocks in zip(shuffles, together, strict=True):
        [alone] = photo_blocks(ready.state, ready.photos, [photo], asked)
        for name in ("image", "photo_crosses"):
            assert abs(blocks[name].matrix() - alone[name].matrix()).max() < 1e-6

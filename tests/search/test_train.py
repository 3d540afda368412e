"""Search ranking from tables to lists, on a small catalog with planted tastes."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.io.artifact import RUN, Plan, artifact, read_manifest
from etsyml_cli.io.model import CARD, METRICS, SPLIT, load_json, load_tensors, save_ids, save_tensors
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.tables import parquet_writer, seal, table_draft
from etsyml_cli.io.truth import FOLDER, SCHEMAS, truth_writer
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.photos.store import FEATURES, IDS, KIND, read_image_features
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.evaluate import EvaluationInputs, evaluate, figures_of_pages
from etsyml_cli.search.prepare import Inputs
from etsyml_cli.search.rank import RankInputs, rank
from etsyml_cli.search.store import load_model
from etsyml_cli.search.train import train_ltr
from tests.conftest import REPOSITORY

CONFIG = LtrConfig(l2=(1e-2, 1e-3), max_iterations=50, controls=2)
COLORS, THINGS = ["red", "blue", "green"], ["scarf", "mug", "ring", "lamp"]
KINDS = [(color, thing) for color in COLORS for thing in THINGS]


def write_table(name: str, rows: list[dict], path: Path) -> Path:
    schema = arrow_schema(table_schema(name), list(rows[0]))
    plan = Plan(kind=f"table:{name}")
    with table_draft(path, plan) as draft:
        writer = parquet_writer(draft.scratch / "table.parquet", schema)
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        seal(writer, draft)
    return path


def write_photos(ids: list[str], features: np.ndarray, path: Path, backbone: str = "tiny") -> Path:
    with artifact(path, Plan(kind=KIND, config={"backbone": backbone})) as draft:
        np.save(draft.path / FEATURES, features.astype(np.float32))
        save_ids(draft.path, IDS, ids)
        draft.facts = {
            "backbone": backbone,
            "layer": "average pool",
            "weights_sha256": "0123456789abcdef",
            "svd_sha256": None,
            "normalize": False,
            "dimension": features.shape[1],
        }
    return path


@dataclass
class Shop:
    """A small marketplace: titles contain color and thing, the first number of a photo determines its sales."""

    root: Path
    listings: list[dict]
    searches: list[dict]
    beauty: np.ndarray

    def inputs(self) -> dict[str, Path]:
        return {"listings": self.root / "listings.parquet", "searches": self.root / "searches.parquet"}

    def write(self) -> None:
        write_table("listings", self.listings, self.inputs()["listings"])
        write_table("searches", self.searches, self.inputs()["searches"])

    def train(self, name: str = "model", **options) -> Path:
        train_ltr(self.to_learn(**options), out=self.root / name)
        return self.root / name

    def to_learn(self, **options) -> Inputs:
        return Inputs(**self.inputs(), **({"images": self.root / "images", "config": CONFIG, "seed": 0} | options))

    def evaluate(self, model: Path, *metrics: str, **options) -> dict[tuple[str, str], object]:
        options = {"images": self.root / "images"} | options
        names = [parse_metric(metric) for metric in metrics]
        found = evaluate(EvaluationInputs(model=model, **self.inputs(), **options), names, 0)
        return {(one.name, one.variant): one for one in found}

    def rank(self, model: Path, query: str, k: int = 10) -> dict:
        images = self.root / "images"
        return rank(RankInputs(model, self.inputs()["listings"], images), query, k=k)


def make_shop(root: Path, *, days: int = 10, n_searches: int = 400, times: bool = True) -> Shop:
    rng = np.random.default_rng(4)
    kinds = [KINDS[i % len(KINDS)] for i in range(60)]
    beauty = rng.normal(size=60)
    listings = [
        {"listing_id": f"L{i}", "title": f"{color} thing" if i % 5 == 0 else f"{color} {thing}", "tags": ["gift"]}
        for i, (color, thing) in enumerate(kinds)
    ]
    searches = []
    for number in range(n_searches):
        wanted = KINDS[rng.integers(len(KINDS))]
        shown = rng.permutation(60)[:8]
        fits = np.array([len(set(wanted) & set(kinds[i])) for i in shown])
        chosen = int(np.argmax(3 * fits + 2 * beauty[shown] + rng.gumbel(size=8)))
        for position, i in enumerate(shown.tolist()):
            row = {"search_id": f"S{number}", "query": " ".join(wanted) + "s", "listing_id": f"L{i}"}
            row["position"] = position + 1
            row["event"] = "click" if position == chosen else "impression"
            if times:
                row["created_at"] = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=number * days / n_searches)
            searches.append(row)
    photos = np.column_stack([np.exp(beauty), np.ones(60), rng.random((60, 3))])
    write_photos([f"L{i}" for i in range(60) if i != 7], np.delete(photos, 7, axis=0), root / "images")
    shop = Shop(root, listings, searches, beauty)
    shop.write()
    return shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def model(shop: Shop) -> Path:
    return shop.train()


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != RUN}


def test_words_beat_the_shown_order_and_photos_add_to_words(shop: Shop, model: Path) -> None:
    found = shop.evaluate(model, "ndcg@5", "mrr")
    value = {variant: found["ndcg@5", variant].value for variant in ("shown", "bm25", "text", "image", "multimodal")}
    assert value["multimodal"] > value["text"] + 0.03
    assert value["text"] > value["shown"] + 0.1
    assert found["ndcg@5", "text"].against is None
    gain = found["ndcg@5", "multimodal"].against
    assert (gain.baseline, gain.low > 0, gain.p_value < 0.01, gain.gained > gain.lost) == ("text", True, True, True)
    assert not found["ndcg@5", "permuted"].against.low > 0  # photos of other listings add nothing
    other = shop.evaluate(model, "ndcg@5", baseline="shown")["ndcg@5", "multimodal"].against
    assert other.baseline == "shown" and other.value > gain.value
    assert found["mrr", "random"].n == 80  # the last two of ten days: a fifth of 400 searches


def test_the_figures_of_single_pages_average_to_those_of_all(shop: Shop, model: Path) -> None:
    ndcg = parse_metric("ndcg@5")
    pages = figures_of_pages(EvaluationInputs(model=model, **shop.inputs(), images=shop.root / "images"), ndcg, 0)
    found = shop.evaluate(model, "ndcg@5")
    assert set(pages.values) == {variant for _, variant in found}
    for variant, values in pages.values.items():
        assert values.mean() == pytest.approx(found["ndcg@5", variant].value, abs=1e-12)
    query_of = {row["search_id"]: row["query"] for row in shop.searches}
    assert pages.queries == [query_of[search_id] for search_id in pages.search_ids]
    assert pages.search_ids == [f"S{number}" for number in range(320, 400)]


def test_same_inputs_and_seed_give_the_same_bytes(shop: Shop, model: Path) -> None:
    again = shop.train("again")
    assert files_of(again) == files_of(model)
    assert shop.rank(again, "red scarf") == shop.rank(model, "red scarf")


def test_training_again_is_up_to_date_until_something_changes(shop: Shop, model: Path) -> None:
    assert train_ltr(shop.to_learn(), out=model).up_to_date
    assert not train_ltr(shop.to_learn(), out=shop.root / "other").up_to_date
    assert not train_ltr(shop.to_learn(limit=300), out=shop.root / "other").up_to_date


def test_rank_lists_every_matching_listing_best_first(shop: Shop, model: Path) -> None:
    found = shop.rank(model, "green lamps", k=100)
    matching = {row["listing_id"] for row in shop.listings if {"green", "lamp"} & set(row["title"].split())}
    assert {item.id for item in found.items} == matching
    order = [(np.float32(item.score), item.id.encode()) for item in found.items]
    assert order == sorted(order, reverse=True)
    assert [item.rank for item in found.items] == list(range(1, len(matching) + 1))
    assert found.items[0].title == "green lamp"
    assert shop.rank(model, "green lamps", k=2).items == found.items[:2]


def test_a_query_that_matches_nothing_gives_an_empty_list_and_a_warning(shop, model, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        assert shop.rank(model, "zebra").items == []
        assert shop.rank(model, "?!").items == []
    assert "no listing contains a word of 'zebra'" in caplog.text


def test_a_listing_with_the_same_words_and_no_photo_ranks_by_id(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.listings += [{"listing_id": name, "title": "purple owl", "tags": None} for name in ("N1", "N2", "N10")]
    shop.write()
    assert [item.id for item in shop.rank(shop.train(), "purple owl").items] == ["N2", "N10", "N1"]


def test_without_photos_only_words_are_trained(shop: Shop) -> None:
    model = shop.train("words-only", images=None)
    found = shop.evaluate(model, "map", images=None)
    assert {variant for _, variant in found} == {"shown", "random", "bm25", "text"}
    assert shop.rank(model, "red scarf").items[0].title == "red scarf"


def test_photos_of_another_run_of_the_same_network_will_do(shop: Shop, model: Path) -> None:
    photos = read_image_features(shop.root / "images")
    again = write_photos(photos.ids[::-1], photos.matrix[::-1], shop.root / "images-again")
    listings = shop.inputs()["listings"]
    assert rank(RankInputs(model, listings, again), "red", k=9) == shop.rank(model, "red", 9)


def test_photos_of_another_network_are_refused_by_name(shop: Shop, model: Path) -> None:
    other = write_photos(["L0"], np.ones((1, 4)), shop.root / "other-images", backbone="vgg19")
    with pytest.raises(InputError, match=r"features of vgg19 .*; the model was trained on tiny \(average"):
        rank(RankInputs(model, shop.inputs()["listings"], other), "red", k=1)
    with pytest.raises(InputError, match=r"needs photo features of tiny .*, but --images is missing"):
        shop.evaluate(model, "map", images=None)


def test_the_last_fifth_of_the_days_is_held_out(model: Path) -> None:
    split = load_json(model, SPLIT)
    days = [split["valid_from"] - split["first"], split["test_from"] - split["first"], split["last"] - split["first"]]
    assert (split["rule"], days) == ("days", [7, 8, 9])


def test_pages_without_times_are_held_out_by_the_hash_of_their_id(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, times=False)
    model = shop.train()
    split = load_json(model, SPLIT)
    assert split["rule"] == "hash of search_id"
    assert 40 < shop.evaluate(model, "mrr")["mrr", "text"].n < 120


def test_the_test_set_is_not_used_for_training(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    before = shop.train("before")
    for row in shop.searches:
        if row["created_at"].day > 8:
            row["event"] = "impression" if row["event"] == "click" else "click"
    shop.write()
    after = shop.train("after")
    assert files_of(after)["model.safetensors"] == files_of(before)["model.safetensors"]


def test_with_nothing_held_out_there_is_nothing_to_evaluate(shop: Shop) -> None:
    model = shop.train("no-test", holdout="none")
    with pytest.raises(DataError, match="--holdout none"):
        shop.evaluate(model, "map")


@pytest.mark.parametrize("holdout", ["half", "0", "1.5", "0.95"])
def test_a_holdout_that_is_no_share_or_leaves_nothing_is_refused(shop: Shop, holdout: str) -> None:
    with pytest.raises(UsageError, match=r"share|leave nothing"):
        shop.train("never", holdout=holdout)


def test_a_log_without_clicks_is_refused(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, n_searches=20)
    for row in shop.searches:
        row["event"] = "impression"
    shop.write()
    with pytest.raises(DataError, match="both a stronger and a weaker event"):
        shop.train()
    assert not (tmp_path / "model").exists()


def test_shown_listings_that_the_table_lacks_are_kept_and_reported(tmp_path: Path, caplog) -> None:
    shop = make_shop(tmp_path)
    shop.listings = shop.listings[:50]
    shop.write()
    with caplog.at_level(logging.INFO, "etsyml"):
        found = shop.evaluate(shop.train(), "mrr")
    assert found["mrr", "shown"].n == 80  # every page is evaluated as a whole
    assert "50 of 60 listings of searches are in listings" in caplog.text


def test_pages_without_a_click_are_left_out_and_counted(tmp_path: Path, caplog) -> None:
    shop = make_shop(tmp_path)
    for row in shop.searches[-8 * 30 :]:
        row["event"] = "impression"
    shop.write()
    with caplog.at_level(logging.INFO):
        assert shop.evaluate(shop.train(), "mrr")["mrr", "text"].n == 50
    assert "30 of 80 test pages have no relevant listing" in caplog.text


def write_grades(shop: Shop, rows: list[dict], root: Path) -> Path:
    grades = [
        {"search_id": row["search_id"], "listing_id": row["listing_id"], "grade": max(0, 4 - row["position"])}
        for row in rows
    ]
    (root / FOLDER).mkdir()
    with truth_writer(root, "page_grades") as writer:
        writer.write_table(pa.Table.from_pylist(grades, schema=SCHEMAS["page_grades"]))
    return root


def test_the_planted_truth_replaces_clicks_in_evaluation(shop: Shop, model: Path, tmp_path: Path) -> None:
    """Were the shown order the truth, it would be perfect."""
    found = shop.evaluate(model, "ndcg@10", truth=write_grades(shop, shop.searches, tmp_path))
    assert found["ndcg@10", "shown"].value == 1
    assert found["ndcg@10", "multimodal"].value < 1


def test_a_truth_of_other_pages_is_refused(shop: Shop, model: Path, tmp_path: Path) -> None:
    truth = write_grades(shop, shop.searches[:-2], tmp_path)
    with pytest.raises(DataError, match="no grades for 2 of 640 rows"):
        shop.evaluate(model, "ndcg@10", truth=truth)


def test_a_model_of_the_first_pages_is_evaluated_on_their_test_set(shop: Shop) -> None:
    model = shop.train("limited", limit=200)
    assert read_manifest(model).rows["test_pages"] == 40
    assert shop.evaluate(model, "mrr")["mrr", "text"].n == 40


def test_other_searches_than_the_trained_ones_are_refused(shop: Shop, model: Path, tmp_path: Path) -> None:
    other = write_table("searches", shop.searches[:-8], tmp_path / "other.parquet")
    inputs = {"listings": shop.inputs()["listings"], "images": shop.root / "images"}
    with pytest.raises(InputError, match=r"other\.parquet: not the searches"):
        evaluate(EvaluationInputs(model=model, searches=other, **inputs), [parse_metric("map")], 0)


def test_missing_listings_are_reported_with_the_command_to_make_them(shop: Shop, model: Path, tmp_path: Path) -> None:
    inputs = {"listings": tmp_path / "none.parquet", "searches": shop.inputs()["searches"]}
    with pytest.raises(InputError, match=r"none\.parquet: listings table not found"):
        evaluate(EvaluationInputs(model=model, images=shop.root / "images", **inputs), [parse_metric("map")], 0)


@pytest.mark.parametrize("tensor", ["document_frequency", "multimodal.image", "text.overlap"])
def test_a_model_without_a_tensor_is_reported(model: Path, tmp_path: Path, tensor: str) -> None:
    damaged = shutil.copytree(model, tmp_path / "ltr")
    tensors = load_tensors(damaged)
    del tensors[tensor]
    save_tensors(damaged, tensors)
    with pytest.raises(InputError, match=f"no tensor '{tensor}'") as caught:
        load_model(damaged)
    assert str(damaged) in caught.value.message and caught.value.hint == "Train the model again with --force."


def test_a_model_with_too_few_words_is_reported(model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(model, tmp_path / "ltr")
    save_ids(damaged, "words", ["one"])
    with pytest.raises(InputError, match="does not fit") as caught:
        load_model(damaged)
    assert caught.value.hint == "Train the model again with --force."


def test_the_card_shows_how_l2_was_chosen(model: Path) -> None:
    card = (model / CARD).read_text()
    assert "chosen on the 40 validation pages with a click" in card
    assert "The overlap's l2 is fixed" in card


def test_without_a_validation_click_the_strongest_l2_is_kept_and_on_the_card(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    for row in shop.searches:
        if row["created_at"].day == 8:
            row["event"] = "impression"
    shop.write()
    model = shop.train()
    valid = load_json(model, METRICS)["valid"]
    assert valid["pages"] == 0
    assert {(one["l2"].get("text"), one["value"]) for one in valid["variants"].values()} == {(1e-2, None), (None, None)}
    card = (model / CARD).read_text()
    assert "no validation page holds a click" in card and "chosen on" not in card and "0.0000" not in card
    assert "valid_ndcg@10" not in read_manifest(model).facts


def test_the_yaml_file_holds_the_defaults() -> None:
    text = (REPOSITORY / "configs/ltr.yaml").read_text()
    assert resolve_config(LtrConfig, file_text=text).value == LtrConfig()

"""The click model from tables to figures, on a small log where the title's adjective decides who clicks."""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace
from sklearn.metrics import roc_auc_score

from etsyml_cli.ads.click_model import concatenate, learn_days
from etsyml_cli.ads.columns import resolve_columns
from etsyml_cli.ads.config import AdFeatures, AdHistory, CtrConfig
from etsyml_cli.ads.evaluate import EvaluationInputs
from etsyml_cli.ads.evaluate import evaluate as evaluate_ctr
from etsyml_cli.ads.log.day_totals import Averages
from etsyml_cli.ads.log.log import open_log
from etsyml_cli.ads.new_model import new_model
from etsyml_cli.ads.prepare import Inputs
from etsyml_cli.ads.score import Inputs as ScoreInputs
from etsyml_cli.ads.score import score_table
from etsyml_cli.ads.side_inputs import SideInputs
from etsyml_cli.ads.store import load_model, side_inputs_of
from etsyml_cli.ads.train import train_ctr
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.rng import generator
from etsyml_cli.io.artifact import RUN, Plan, read_manifest, to_json
from etsyml_cli.io.atomic import sha256_of
from etsyml_cli.io.model import load_json, load_tensors, save_tensors
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.tables import parquet_writer, seal, table_draft
from etsyml_cli.metrics.names import parse_metric

DAYS, ADS_A_DAY = 8, 200
CONFIG = CtrConfig(bits=12)
WITHOUT_IDS = CtrConfig(bits=12, history=AdHistory(categorical=()))
READER = "etsyml_cli.ads.evaluate.read_click_probabilities"
ADJECTIVES = ["lovely", "plain"]
LISTINGS = [{"listing_id": f"L{i}", "title": f"{ADJECTIVES[i % 2]} mug {i}", "price": 5.0 + i} for i in range(20)]


def write_table(name: str, rows: list[dict], path: Path, group_rows: int = 500) -> Path:
    schema = arrow_schema(table_schema(name), list(rows[0]))
    with table_draft(path, Plan(kind=f"table:{name}", config={"rows": len(rows)})) as draft:
        writer = parquet_writer(draft.table, schema)
        writer.write_table(pa.Table.from_pylist(rows, schema=schema), row_group_size=group_rows)
        seal(writer, draft)
    return path


def draw_log() -> list[dict]:
    rng = generator(5, "ads")
    start = datetime(2024, 3, 1, tzinfo=UTC)
    rows = []
    for i in range(DAYS * ADS_A_DAY):
        listing = int(rng.integers(20))
        position = int(rng.integers(1, 5))
        rate = (0.5 if listing % 2 == 0 else 0.1) / position**0.4
        rows.append(
            {
                "impression_id": f"A{i}",
                "created_at": start + timedelta(days=i // ADS_A_DAY, seconds=i % ADS_A_DAY),
                "listing_id": f"L{listing}",
                "query": "mug",
                "position": position,
                "clicked": int(rng.random() < rate),
            }
        )
    return rows


@pytest.fixture(scope="module")
def log() -> list[dict]:
    return draw_log()


@pytest.fixture(scope="module")
def shop(tmp_path_factory, log) -> Path:
    return ad_shop(tmp_path_factory.mktemp("shop"), log)


def ad_shop(root: Path, log: list[dict]) -> Path:
    """A directory with the two tables and a model trained on them."""
    write_table("listings", LISTINGS, root / "listings.parquet")
    write_table("impressions", log, root / "impressions.parquet")
    train(root, root / "model")
    return root


def train(root: Path, out: Path, *, impressions: Path | None = None, listings: bool = True, force=False, **options):
    inputs = Inputs(
        log=impressions or root / "impressions.parquet",
        listings=root / "listings.parquet" if listings else None,
        **{"config": CONFIG, **options},
    )
    return train_ctr(inputs, out=out, force=force)


def evaluate(root: Path, model: Path, *names: str, **options):
    inputs = {"impressions": root / "impressions.parquet", "listings": root / "listings.parquet", **options}
    metrics = [parse_metric(name) for name in names or ("auc", "logloss", "ne", "calibration")]
    return evaluate_ctr(EvaluationInputs(model=model, **inputs), metrics, 0)


def state(model: Path, root: Path) -> bytes:
    found = load_model(model, side_inputs_of(model, root / "listings.parquet", None))
    arrays = [
        *(part.zn for part in found.parts.values()),
        *(history.counts for history in found.histories),
        *found.blend,
    ]
    return b"".join(array.tobytes() for array in arrays)


def test_the_model_beats_the_base_rate_on_the_last_day(shop, tmp_path):
    train(shop, tmp_path / "model", config=WITHOUT_IDS)
    mixed = [m for m in evaluate(shop, tmp_path / "model") if m.slice == "mixed"]
    assert list(dict.fromkeys(m.variant for m in mixed)) == ["baseline", "historical", "content", "ensemble"]
    found = {(m.name, m.variant): m for m in mixed}
    assert len(found) == 16
    assert found["auc", "baseline"].value == 0.5
    for variant in ("historical", "content", "ensemble"):
        assert found["auc", variant].against.low > 0.1
        assert found["logloss", variant].against.high < 0
        assert found["auc", variant].n == ADS_A_DAY


def shown_before_the_test(log):
    return Counter(row["listing_id"] for row in log[: 7 * ADS_A_DAY])


def test_cold_and_warm_ads_differ_by_their_earlier_impressions(shop, log, tmp_path):
    shown = shown_before_the_test(log)
    middle = sorted(shown.values())[len(shown) // 2]
    train(shop, tmp_path / "model", config=CtrConfig(bits=12, cold=middle))
    n = {m.slice: m.n for m in evaluate(shop, tmp_path / "model", "auc")}
    cold = sum(shown[row["listing_id"]] < middle for row in log[7 * ADS_A_DAY :])
    assert n == {"mixed": ADS_A_DAY, "cold": cold, "warm": ADS_A_DAY - cold}
    assert 0 < cold < ADS_A_DAY
    assert f"fewer than {middle} earlier impressions" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_a_slice_that_cannot_be_evaluated_is_skipped_and_logged(shop, tmp_path, caplog):
    train(shop, tmp_path / "model", config=CtrConfig(bits=12, cold=1))
    with caplog.at_level(logging.WARNING, "etsyml"):
        assert {m.slice for m in evaluate(shop, tmp_path / "model", "auc")} == {"mixed", "warm"}
    assert "cold ads: skipped, the 0 rows have only one class" in caplog.text


def test_labels_of_a_day_do_not_change_earlier_predictions(shop, log, tmp_path):
    def said(rows, name):
        opened = open_log(write_table("impressions", rows, tmp_path / name), None)
        first = int(opened.days()[0])
        model = new_model(resolve_columns(CONFIG, opened.columns), SideInputs(None, None), Averages(0.3, 1), first)
        return concatenate([scored for _, _, scored in learn_days(model, opened, first, first + DAYS)])

    flipped = [*log[: 4 * ADS_A_DAY], *({**row, "clicked": 1 - row["clicked"]} for row in log[4 * ADS_A_DAY :])]
    before, after = said(log, "log.parquet"), said(flipped, "flipped.parquet")
    same = 4 * ADS_A_DAY + 1  # later rows of the day meet other weights
    for p, p_after in zip(before.p.T, after.p.T, strict=True):
        assert np.array_equal(p[:same], p_after[:same])
        assert not np.array_equal(p[same:], p_after[same:])
    assert np.array_equal(before.shown, after.shown)


def test_the_day_that_calibrates_does_not_weigh_the_models(shop, log, tmp_path):
    day = slice(6 * ADS_A_DAY, 7 * ADS_A_DAY)
    flipped = [*log[: day.start], *({**row, "clicked": 1 - row["clicked"]} for row in log[day]), *log[day.stop :]]
    train(shop, tmp_path / "model", impressions=write_table("impressions", flipped, tmp_path / "flipped.parquet"))
    one, other = (load_json(path, "metrics.json")["blend"] for path in (shop / "model", tmp_path / "model"))
    assert one["weights"] == other["weights"]
    assert one["platt"] != other["platt"]


def test_the_ensemble_equals_the_scores(shop, tmp_path):
    train(shop, tmp_path / "model", config=replace(CONFIG, position=None))
    inputs = ScoreInputs(tmp_path / "model", shop / "listings.parquet")
    score_table(inputs, shop / "impressions.parquet", out=tmp_path / "scores.parquet")
    scores = pq.read_table(tmp_path / "scores.parquet")["score"].to_numpy()
    labels = pq.read_table(shop / "impressions.parquet")["clicked"].to_numpy()
    tested = slice(7 * ADS_A_DAY, None)
    said = {(m.name, m.variant): m.value for m in evaluate(shop, tmp_path / "model", "auc") if m.slice == "mixed"}
    assert said["auc", "ensemble"] == pytest.approx(roc_auc_score(labels[tested], scores[tested]))


def test_split_rows_and_figures_are_written_down(shop, log):
    manifest = read_manifest(shop / "model")
    assert manifest.rows == {"train": 6 * ADS_A_DAY, "valid": ADS_A_DAY, "test": ADS_A_DAY}
    metrics = load_json(shop / "model", "metrics.json")
    learned = [row["clicked"] for row in log[: 7 * ADS_A_DAY]]
    assert metrics["train"]["base_rate"] == pytest.approx(np.mean(learned))
    assert list(metrics["valid"]) == ["base_rate", "historical", "content", "ensemble"]
    assert metrics["valid"]["ensemble"]["auc"] > 0.6
    assert [of_day["rows"] for of_day in metrics["progressive"]] == [ADS_A_DAY] * 7
    assert metrics["absent_columns"] == ["tags", "shop_id", "user_id"]
    card = (shop / "model" / "README.md").read_text(encoding="utf-8")
    assert "2024-03-01 … 2024-03-06" in card
    assert "test: 2024-03-08" in card
    assert "skipped, because the column is in no table: tags, shop_id, user_id" in card


def test_without_ids_the_baseline_is_the_rate_of_the_rows_before_the_test(shop, log, tmp_path):
    train(shop, tmp_path / "model", config=WITHOUT_IDS)
    baseline = evaluate(shop, tmp_path / "model", "calibration")[0]
    tested = [row["clicked"] for row in log[7 * ADS_A_DAY :]]
    learned = [row["clicked"] for row in log[: 7 * ADS_A_DAY]]
    assert baseline.value == pytest.approx(np.mean(learned) / np.mean(tested))


def test_the_test_day_is_not_used_for_training(shop, log, tmp_path):
    flipped = [*log[: 7 * ADS_A_DAY], *({**row, "clicked": 1 - row["clicked"]} for row in log[7 * ADS_A_DAY :])]
    train(shop, tmp_path / "model", impressions=write_table("impressions", flipped, tmp_path / "flipped.parquet"))
    assert state(tmp_path / "model", shop) == state(shop / "model", shop)


def test_the_same_bytes_twice_and_then_up_to_date(shop, tmp_path):
    assert not train(shop, tmp_path / "model").up_to_date
    for path in (shop / "model").iterdir():
        if path.name != RUN:
            assert (tmp_path / "model" / path.name).read_bytes() == path.read_bytes()
    assert train(shop, tmp_path / "model").up_to_date
    assert not train(shop, tmp_path / "model", limit=1000).up_to_date


def test_rows_are_learned_in_time_order(shop, log, tmp_path):
    shuffled = [log[i] for i in generator(0, "shuffle").permutation(len(log))]
    table = write_table("impressions", shuffled, tmp_path / "shuffled.parquet")
    train(shop, tmp_path / "model", impressions=table)
    assert state(tmp_path / "model", shop) == state(shop / "model", shop)
    again = evaluate(shop, tmp_path / "model", impressions=table)
    assert [m.value for m in again] == pytest.approx([m.value for m in evaluate(shop, shop / "model")])


def test_row_groups_do_not_matter(shop, log, tmp_path):
    table = write_table("impressions", log, tmp_path / "groups.parquet", group_rows=70)
    train(shop, tmp_path / "model", impressions=table)
    assert state(tmp_path / "model", shop) == state(shop / "model", shop)


def test_aggregated_rows_are_trained_on_and_evaluated(shop, log, tmp_path):
    keys = sorted({(row["created_at"].date(), row["listing_id"]) for row in log})
    rows = []
    for day, listing in keys:
        same = [r["clicked"] for r in log if (r["created_at"].date(), r["listing_id"]) == (day, listing)]
        time = datetime(day.year, day.month, day.day, tzinfo=UTC)
        rows.append({"created_at": time, "listing_id": listing, "clicks": sum(same), "impressions": len(same)})
    table = write_table("impressions", rows, tmp_path / "aggregated.parquet")
    train(shop, tmp_path / "model", impressions=table)
    assert load_json(tmp_path / "model", "metrics.json")["train"]["impressions"] == 7 * ADS_A_DAY
    ensemble = evaluate(shop, tmp_path / "model", "auc", impressions=table)[3]
    assert ensemble.variant == "ensemble"
    assert ensemble.low > 0.55


def test_rows_of_many_impressions_learn_words_that_they_have_in_common(shop, tmp_path):
    """Thousands of impressions a row, twenty words each, make no steps that lose to the base rate."""
    rng, start, rows = generator(3, "headlines"), datetime(2024, 3, 1, tzinfo=UTC), []
    for i in range(1500):
        words = rng.choice(80, 20, replace=False)
        rate = 0.02 * np.exp(np.where(words < 10, 0.4, 0.0).sum() + rng.normal(0, 0.3))
        texts = {"listing_id": f"L{i}", "headline": " ".join(f"w{word}" for word in words)}
        counts = {"clicks": int(rng.binomial(3000, rate)), "impressions": 3000}
        rows.append({"created_at": start + timedelta(days=i // 150), **texts, **counts})
    table = write_table("impressions", rows, tmp_path / "log.parquet")
    config = CtrConfig(bits=16, features=AdFeatures(text=("headline",)))
    train(shop, tmp_path / "model", impressions=table, listings=False, config=config)
    judged = evaluate(shop, tmp_path / "model", "auc", "logloss", impressions=table)
    content = {m.name: m.against for m in judged if (m.variant, m.slice) == ("content", "mixed")}
    assert content["auc"].low > 0
    assert content["logloss"].high < 0
    assert load_model(tmp_path / "model", SideInputs(None, None)).parts["content"].config.beta == 3000


@pytest.mark.parametrize(("holdout", "test_days"), [(None, 1), ("0.25", 2), ("none", 0)])
def test_holdout(shop, tmp_path, holdout, test_days):
    rows = train(shop, tmp_path / "model", holdout=holdout).rows
    assert (rows["test"], rows["valid"]) == (test_days * ADS_A_DAY, ADS_A_DAY)
    if holdout == "none":
        with pytest.raises(DataError, match="holdout none"):
            evaluate(shop, tmp_path / "model")


def test_a_window_of_training_days_is_all_that_is_learned(shop, log, tmp_path):
    """As if the log had begun with it."""
    window = [row for row in log if row["created_at"].day >= 5]  # of 03-01 … 03-08, the last of which is the test
    table = write_table("impressions", window, tmp_path / "window.parquet")
    rows = train(shop, tmp_path / "model", train_days=3).rows
    assert rows == {"train": 2 * ADS_A_DAY, "valid": ADS_A_DAY, "test": ADS_A_DAY, "earlier": 4 * ADS_A_DAY}
    train(shop, tmp_path / "expected", impressions=table)
    assert state(tmp_path / "model", shop) == state(tmp_path / "expected", shop)
    assert evaluate(shop, tmp_path / "model") == evaluate(shop, tmp_path / "expected", impressions=table)
    assert read_manifest(tmp_path / "model").plan.config["train_days"] == 3
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "training: 2024-03-05 … 2024-03-06; with validation, the last 3 days" in card
    assert not train(shop, tmp_path / "model", train_days=4).up_to_date


def test_a_window_longer_than_the_log_takes_what_there_is(shop, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "etsyml"):
        rows = train(shop, tmp_path / "model", train_days=30).rows
    assert "only 7 days before the test, fewer than --train-days 30" in caplog.text
    assert rows == {"train": 6 * ADS_A_DAY, "valid": ADS_A_DAY, "test": ADS_A_DAY}
    assert state(tmp_path / "model", shop) == state(shop / "model", shop)


def test_a_window_without_a_day_to_train_on(shop, log, tmp_path):
    with pytest.raises(UsageError, match="--train-days 1: expected at least 2"):
        train(shop, tmp_path / "model", train_days=1)
    gap = [row for row in log if row["created_at"].day not in (5, 6)]
    table = write_table("impressions", gap, tmp_path / "gap.parquet")
    with pytest.raises(DataError, match="no rows on the training days"):
        train(shop, tmp_path / "model", impressions=table, train_days=3)


@pytest.mark.parametrize("holdout", ["0", "1.5", "last week", "held_out.parquet"])
def test_a_holdout_that_is_no_share_is_refused_before_anything_is_read(shop, tmp_path, holdout):
    with pytest.raises(UsageError, match="--holdout"):
        train(shop, tmp_path / "model", holdout=holdout, impressions=tmp_path / "not_even_here.parquet")


@pytest.mark.parametrize("shuffled", [False, True])
def test_limit_thins_the_file_and_keeps_its_days(shop, log, tmp_path, shuffled):
    stored = [log[i] for i in generator(0, "shuffle").permutation(len(log))] if shuffled else log
    table = write_table("impressions", stored, tmp_path / "log.parquet", group_rows=500)
    thinned = open_log(table, limit=len(log) // 3 + 1)
    batches = thinned.batches(["impression_id"], int(thinned.days()[0]), int(thinned.days()[-1]) + 1)
    read = [impression for batch in batches for impression in batch["impression_id"].to_pylist()]
    expected = sorted(stored[::3], key=lambda row: row["created_at"])
    assert read == [row["impression_id"] for row in expected]
    rows = train(shop, tmp_path / "model", impressions=table, limit=len(log) // 3 + 1).rows
    assert sum(rows.values()) == len(expected)
    assert min(rows.values()) > 0
    assert evaluate(shop, tmp_path / "model", "auc", impressions=table)[0].n == rows["test"]


def test_only_the_training_log_is_evaluated(shop, log, tmp_path):
    longer = write_table("impressions", [*log, log[-1] | {"impression_id": "A-1"}], tmp_path / "longer.parquet")
    with pytest.raises(InputError, match=r"longer\.parquet: not the impressions that model:ctr was trained on"):
        evaluate(shop, shop / "model", impressions=longer)


@pytest.mark.parametrize(
    ("features", "problem", "hint"),
    [
        ({"text": ("price",)}, "text: 'price' has numbers", "Put it under numeric or categorical."),
        ({"text": ("position",)}, "text: 'position' has numbers", "Put it under numeric or categorical."),
        ({"categorical": ("tags",)}, "categorical: 'tags' has lists of texts", "Put it under text."),
        ({"crosses": (("query", "tags"),)}, "crosses: 'tags' has lists of texts", "Put it under text."),
        ({"numeric": ("tags",)}, "numeric: 'tags' has lists of texts", "Put it under text."),
        ({"numeric": ("created_at",)}, "numeric: 'created_at' has times", "A time cannot be a feature: leave it out."),
    ],
)
def test_a_column_that_holds_what_its_role_cannot_take(shop, tmp_path, features, problem, hint):
    tagged = [{**listing, "tags": ["tea"]} for listing in LISTINGS]
    write_table("listings", tagged, tmp_path / "listings.parquet")
    with pytest.raises(UsageError) as error:
        train(
            tmp_path,
            tmp_path / "model",
            impressions=shop / "impressions.parquet",
            config=CtrConfig(bits=12, features=AdFeatures(**features)),
        )
    assert (error.value.message, error.value.hint) == (f"features.{problem}", hint)
    assert not (tmp_path / "model").exists()


def test_text_that_is_no_number_names_its_column(shop, tmp_path):
    with pytest.raises(DataError, match=r"features\.numeric: 'query' has a value that is not a number"):
        train(shop, tmp_path / "model", config=CtrConfig(features=AdFeatures(numeric=("query",))))


def test_a_test_day_of_one_class(shop, log, tmp_path):
    unclicked = [*log[: 7 * ADS_A_DAY], *({**row, "clicked": 0} for row in log[7 * ADS_A_DAY :])]
    table = write_table("impressions", unclicked, tmp_path / "unclicked.parquet")
    train(shop, tmp_path / "model", impressions=table)
    with pytest.raises(DataError, match="no click"):
        evaluate(shop, tmp_path / "model", impressions=table)


def test_a_log_without_clicks(shop, log, tmp_path):
    table = write_table("impressions", [{**row, "clicked": 0} for row in log], tmp_path / "none.parquet")
    with pytest.raises(DataError, match="no click"):
        train(shop, tmp_path / "model", impressions=table)
    assert not (tmp_path / "model").exists()


def test_a_log_of_two_days(shop, log, tmp_path):
    table = write_table("impressions", log[: 2 * ADS_A_DAY], tmp_path / "short.parquet")
    with pytest.raises(DataError, match="spans 2 days"):
        train(shop, tmp_path / "model", impressions=table)


def test_one_day_can_be_learned_with_nothing_held_out(shop, log, tmp_path, caplog):
    table = write_table("impressions", log[:ADS_A_DAY], tmp_path / "day.parquet")
    with caplog.at_level(logging.WARNING, "etsyml"):
        rows = train(shop, tmp_path / "model", impressions=table, holdout="none").rows
    assert rows == {"train": ADS_A_DAY, "valid": 0, "test": 0}
    assert "no validation metrics" in caplog.text


def test_an_empty_log(shop, log, tmp_path):
    write_table("impressions", log[:1], tmp_path / "empty.parquet")
    schema = arrow_schema(table_schema("impressions"), list(log[0]))
    with table_draft(tmp_path / "empty.parquet", Plan(kind="table:impressions")) as draft:
        seal(parquet_writer(draft.table, schema), draft)
    with pytest.raises(DataError, match="no rows"):
        open_log(tmp_path / "empty.parquet", None)


def test_several_passes_learn_the_training_days_again(shop, tmp_path):
    train(shop, tmp_path / "model", config=CtrConfig(bits=12, passes=2))
    once, twice = (load_json(path, "metrics.json") for path in (shop / "model", tmp_path / "model"))
    assert twice["train"] == once["train"]
    assert twice["progressive"][:6] == once["progressive"][:6]  # later passes have seen the rows
    assert twice["valid"] != once["valid"]


def test_columns_that_are_missing(shop, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "etsyml"):
        train(shop, tmp_path / "model", listings=False)
    assert "title, tags, price, shop_id, user_id" in caplog.text
    asked = CtrConfig(features=AdFeatures(text=("title",)))
    with pytest.raises(UsageError, match=r"features\.text: no column 'title'"):
        train(shop, tmp_path / "model", listings=False, config=asked)


def test_a_model_without_listings_is_evaluated_without_them(shop, tmp_path):
    train(shop, tmp_path / "model", listings=False)
    figures = [evaluate(shop, tmp_path / "model", listings=path) for path in (None, tmp_path / "not_here.parquet")]
    assert figures[0] == figures[1]


def test_a_model_of_listings_is_not_evaluated_without_them(shop):
    with pytest.raises(UsageError, match="listings"):
        evaluate(shop, shop / "model", listings=None)


def test_metrics_of_other_models_and_no_model(shop, tmp_path):
    with pytest.raises(UsageError, match="ndcg@10"):
        evaluate(shop, shop / "model", "ndcg@10")
    with pytest.raises(InputError, match="model:ctr") as error:
        evaluate(shop, tmp_path)
    assert error.value.hint == "Make it with: etsyml train ctr"


def without_tensor(name):
    def damage(model):
        kept = {other: values for other, values in load_tensors(model).items() if other != name}
        save_tensors(model, kept)
        seal_again(model)

    return damage


def seal_again(model):
    """As if all files had been written so."""
    manifest = read_manifest(model)
    outputs = {name: sha256_of(model / name) for name in manifest.outputs}
    (model / "manifest.json").write_bytes(to_json(replace(manifest, outputs=outputs)))


def rewritten(name, change):
    return lambda model: (model / name).write_bytes(change((model / name).read_bytes()))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (rewritten("model.safetensors", lambda data: data[:-8]), r"model\.safetensors"),
        (without_tensor("content.zn"), r"model\.safetensors: no tensor 'content\.zn'"),
        (without_tensor("count.listing_id.keys"), r"model\.safetensors: no tensor 'count\.listing_id\.keys'"),
        (
            rewritten("config.yaml", lambda data: data.replace(b"bits: 12", b"bits: 8")),
            r"config\.yaml: missing, or changed since training",
        ),
        (rewritten("config.yaml", lambda _: b"{}"), r"config\.yaml: missing, or changed since training"),
        (
            rewritten("model.safetensors", lambda data: data[:-8] + bytes(8)),
            r"model\.safetensors: missing, or changed since training",
        ),
        (rewritten("config.yaml", lambda data: data.replace(b"bits: 12", b"bits: many")), r"config\.yaml"),
        (rewritten("metrics.json", lambda data: data.replace(b"base_rate", b"base")), r"metrics\.json"),
        (rewritten("split.json", lambda data: data[:-3]), r"split\.json"),
    ],
)
def test_a_damaged_model_is_refused(shop, tmp_path, damage, named):
    shutil.copytree(shop / "model", tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(InputError, match=named):
        evaluate(shop, tmp_path / "model")


def test_the_oracle_is_evaluated_with_the_truth(shop, log, monkeypatch, tmp_path):
    planted = pa.table({"impression_id": [row["impression_id"] for row in log][::-1], "probability": [0.25] * len(log)})
    monkeypatch.setattr(READER, lambda directory: planted)
    oracle = evaluate(shop, shop / "model", "auc", truth=tmp_path)[4]
    assert (oracle.variant, oracle.value) == ("oracle", 0.5)
    monkeypatch.setattr(READER, lambda directory: planted.slice(0, 3))
    with pytest.raises(DataError, match="lacks"):
        evaluate(shop, shop / "model", "auc", truth=tmp_path)


def test_the_configuration_in_the_model_is_what_was_used(shop):
    text = (shop / "model" / "config.yaml").read_text(encoding="utf-8")
    assert "shop_id" not in text
    plan = json.loads((shop / "model" / "manifest.json").read_text(encoding="utf-8"))["plan"]
    assert "shop_id" in plan["config"]["history"]["categorical"]  # what was asked for


def test_conversions_are_learned_in_place_of_clicks(shop, log, tmp_path):
    """As if they were clicks; the clicks themselves have no effect."""
    rng = generator(9, "sales")
    sold = [row | {"converted": int(rng.random() < 0.3)} for row in log]  # also of ads without clicks
    table = write_table("impressions", sold, tmp_path / "sold.parquet")
    as_clicks = write_table(
        "impressions", [row | {"clicked": row["converted"]} for row in sold], tmp_path / "c.parquet"
    )
    summary = train(shop, tmp_path / "model", impressions=table, label="converted")
    train(shop, tmp_path / "expected", impressions=as_clicks)
    assert state(tmp_path / "model", shop) == state(tmp_path / "expected", shop)
    found = evaluate(shop, tmp_path / "model", impressions=table)
    assert found == evaluate(shop, tmp_path / "expected", impressions=as_clicks)
    assert summary.facts["label"] == "converted"
    assert not train(shop, tmp_path / "model", impressions=table).up_to_date
    train(shop, tmp_path / "again", impressions=table, label="converted")
    with pytest.raises(UsageError, match="conversions"):
        evaluate(shop, tmp_path / "again", impressions=table, truth=tmp_path)


def test_the_card_describes_the_training(shop, log, tmp_path):
    table = write_table("impressions", [row | {"converted": row["clicked"]} for row in log], tmp_path / "sold.parquet")
    train(shop, tmp_path / "model", impressions=table, label="converted")
    cards = [(model / "README.md").read_text(encoding="utf-8") for model in (shop / "model", tmp_path / "model")]
    assert [card.splitlines()[0] for card in cards] == ["# Click model", "# Conversion model"]
    assert "1,400 impressions, " in cards[1]
    assert " converted (" in cards[1]
    assert "click" not in cards[1].lower()


@pytest.mark.parametrize(
    ("rows", "label", "error", "problem"),
    [
        ({}, "converted", InputError, "has no column 'converted'"),
        ({"converted": 0}, "converted", DataError, "no conversion"),
        ({"converted": 1}, "converted", DataError, "conversions only"),
        ({"converted": None}, "converted", DataError, "without a label"),
        ({}, "converts", UsageError, "unknown label 'converts'"),
    ],
)
def test_a_label_that_cannot_be_learned(shop, log, tmp_path, rows, label, error, problem):
    table = write_table("impressions", [row | rows for row in log], tmp_path / "log.parquet")
    with pytest.raises(error, match=problem):
        train(shop, tmp_path / "model", impressions=table, label=label)
    assert not (tmp_path / "model").exists()


def test_counted_clicks_have_no_conversions_of_their_own(shop, log, tmp_path):
    rows = [{**row, "clicks": row["clicked"], "impressions": 1, "converted": 0} for row in log]
    table = write_table(
        "impressions", [{k: v for k, v in row.items() if k != "clicked"} for row in rows], tmp_path / "t.parquet"
    )
    with pytest.raises(InputError, match="rows are aggregates"):
        train(shop, tmp_path / "model", impressions=table, label="converted")

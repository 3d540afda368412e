"""Search beyond the default chain: other shapes and splits, grades from a file, logged pages, own features, pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from scipy import sparse
from sklearn.datasets import load_svmlight_file

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.io.artifact import MANIFEST
from etsyml_cli.io.model import CARD, METRICS, SPLIT, load_json
from etsyml_cli.io.trec import read_qrels, read_run
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.features import log_blocks
from etsyml_cli.search.log import read_searches
from etsyml_cli.search.prepare import load_training_data
from etsyml_cli.search.rank import RankInputs, before_and_after, rank, rank_searches
from etsyml_cli.search.store import load_model
from etsyml_cli.search.svmlight_ranker import EvaluationInputs, Inputs, evaluate_rows, rank_rows, train_on_rows
from etsyml_cli.search.train import export_ltr
from etsyml_cli.text.listings import read_listings
from tests.conftest import REPOSITORY
from tests.search.test_train import Shop, make_shop

EXAMPLE = REPOSITORY.parent / "shared/data/lightgbm-rank"


def config_of(**settings) -> LtrConfig:
    options = {"l2": [1e-2, 1e-3], "max_iterations": 50, "controls": 1} | settings
    return resolve_config(LtrConfig, options=options).value


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def model(shop: Shop) -> Path:
    return shop.train(config=config_of())


def inputs(shop: Shop, model: Path) -> dict:
    return {"model": model, "listings": shop.inputs()["listings"], "images": shop.root / "images"}


def rank_inputs(shop: Shop, model: Path) -> RankInputs:
    return RankInputs(**inputs(shop, model))


def test_the_global_shape_knows_the_listing_and_not_the_query(shop: Shop, model: Path) -> None:
    everywhere = shop.train("global", config=config_of(shape="global"))
    found = shop.evaluate(everywhere, "ndcg@5")
    assert ("ndcg@5", "bm25") not in found
    assert found["ndcg@5", "text"].value < shop.evaluate(model, "ndcg@5")["ndcg@5", "text"].value - 0.1
    asked = {"candidates": _all_ids(shop), "k": 60}
    orders = [
        [item.id for item in rank(rank_inputs(shop, everywhere), query, **asked).items]
        for query in ("red scarf", "blue lamp")
    ]
    assert orders[0] == orders[1]
    assert "exactly Algorithms 1 and 2" in (everywhere / CARD).read_text()


@pytest.mark.parametrize(
    "settings",
    [
        {"shape": "per-query", "min_query_pages": 30},
        {"loss": "hinge"},
        {"solver": "descent"},
        {"l1": 1e-4},
        {"pairs": "adjacent"},
        {"pairs": "skip-above"},
        {"debias": "position"},
        {"text.weighting": "tf-idf", "text.ngrams": 1},
        {"text.weighting": "counts", "text.hash_bits": 12},
        {"indicators": ["listing_id", "shop_id"]},
        {"photo_dim": 2, "cross_bits": 12},
    ],
    ids=str,
)
def test_every_choice_learns_more_than_the_shown_order(shop: Shop, settings: dict) -> None:
    trained = shop.train("-".join(map(str, settings)), config=config_of(**settings))
    found = shop.evaluate(trained, "ndcg@5", baseline="shown")
    assert found["ndcg@5", "multimodal"].against.low > 0.1


def test_descent_shows_every_pass_and_finds_what_lbfgs_finds(shop: Shop, model: Path) -> None:
    found = {}
    for name, settings in (("steep", {"solver": "descent", "passes": 40}), ("exact", {})):
        trained = shop.train(name, config=config_of(l2=[1e-2], controls=0, **settings))
        found[name] = json.loads((trained / METRICS).read_text())["valid"]["variants"]["multimodal"]
    assert len(found["steep"]["passes"]) == found["steep"]["iterations"] == 40
    assert found["steep"]["passes"][0] > found["steep"]["passes"][-1]
    assert "passes" not in found["exact"]
    assert found["steep"]["objective"] == pytest.approx(found["exact"]["objective"], rel=0.01)


def test_descent_refuses_l1_before_it_reads_anything(shop: Shop, tmp_path: Path) -> None:
    config = config_of(solver="descent", l1=1e-4)
    with pytest.raises(UsageError, match="descent does not support l1"):
        shop.train("refused", config=config)
    with pytest.raises(UsageError, match="descent does not support l1"):
        train_on_rows(Inputs(features=tmp_path / "none", groups=None, config=config, seed=0), out=tmp_path / "model")


def test_a_shop_that_sells_is_known_by_its_indicator_alone(tmp_path: Path) -> None:
    """With uninformative words and without photos, only the shop predicts clicks."""
    shop = make_shop(tmp_path)
    for number, row in enumerate(shop.listings):
        row |= {"title": ("thing", "object")[number % 2], "shop_id": f"S{number % 5}"}
    good = {row["listing_id"] for row in shop.listings if row["shop_id"] == "S3"}
    for row in shop.searches:
        row["event"] = "click" if row["listing_id"] in good else "impression"
    shop.write()
    value = {
        indicators: shop.evaluate(
            shop.train("-".join(indicators) or "none", images=None, config=config_of(indicators=list(indicators))),
            "ndcg@5",
            images=None,
        )["ndcg@5", "text"].value
        for indicators in ((), ("shop_id",))
    }
    assert value["shop_id",] > 0.99 > value[()] + 0.2


def test_a_query_with_enough_pages_has_weights_of_its_own(tmp_path: Path) -> None:
    """Only for "red scarf" is the listing with the dullest photo clicked: its words, shared with others, cannot say so."""
    shop = make_shop(tmp_path, n_searches=800)
    dull = {}
    for row in shop.searches:
        beauty = shop.beauty[int(row["listing_id"][1:])]
        if row["query"] == "red scarfs" and beauty < dull.get(row["search_id"], (np.inf, ""))[0]:
            dull[row["search_id"]] = (beauty, row["listing_id"])
    for row in shop.searches:
        if row["search_id"] in dull:
            row["event"] = "click" if row["listing_id"] == dull[row["search_id"]][1] else "impression"
    shop.write()
    asked = {"query": "red scarf", "candidates": _all_ids(shop), "k": 60}
    shared = shop.train("shared", config=config_of(), holdout="none")
    own = shop.train("own", config=config_of(shape="per-query", min_query_pages=30), holdout="none")
    agreement = {}
    for model in (shared, own):
        items = rank(rank_inputs(shop, model), **asked).items
        place = {item.id: item.rank for item in items if item.id != "L7"}  # it has no photo
        agreement[model.name] = np.corrcoef([shop.beauty[int(i[1:])] for i in place], list(place.values()))[0, 1]
    assert agreement["own"] > agreement["shared"] + 0.1
    assert load_model(own).state.own_queries >= {"=red scarf"}
    assert load_model(shared).state.own_queries == frozenset()


def test_a_split_by_query_evaluates_queries_not_in_the_training_set(shop: Shop) -> None:
    trained = shop.train("by-query", config=config_of(split="query", test_share=0.3))
    assert load_json(trained, SPLIT)["rule"] == "hash of query"
    ready = load_training_data(shop.to_learn(images=None, config=config_of(split="query", test_share=0.3)))
    log = read_searches(shop.inputs()["searches"])
    unseen = [query for query in log.queries if query not in set(ready.log.queries)]
    assert 0 < len(unseen) < len(log.queries)
    found = shop.evaluate(trained, "ndcg@5")
    assert found["ndcg@5", "text"].n == len(unseen)
    assert found["ndcg@5", "text"].value > found["ndcg@5", "shown"].value + 0.1


def test_the_written_runs_and_qrels_give_trec_eval_the_same_figures(shop: Shop, model: Path, tmp_path: Path) -> None:
    qrels = tmp_path / "grades.txt"
    words = {row["listing_id"]: set(row["title"].split()) for row in shop.listings}
    pairs = {(row["query"], row["listing_id"]) for row in shop.searches}
    grade = {(q, i): len(words[i] & {word.rstrip("s") for word in q.split()}) for q, i in pairs}
    qrels.write_text("".join(f"{'_'.join(q.split())} 0 {i} {n}\n" for (q, i), n in sorted(grade.items()) if n))
    found = shop.evaluate(model, "ndcg@10", "map", "p@5", qrels=qrels, runs=tmp_path / "runs")
    projected = read_qrels(tmp_path / "runs/qrels.txt")
    for variant in ("shown", "text", "multimodal"):
        run = read_run(tmp_path / f"runs/{variant}.trec")
        judge = pytrec_eval.RelevanceEvaluator(projected, {"ndcg_cut.10", "map", "P.5"})
        per_page = judge.evaluate(run)
        for ours, theirs in (("ndcg@10", "ndcg_cut_10"), ("map", "map"), ("p@5", "P_5")):
            mean = np.mean([values[theirs] for values in per_page.values()])
            assert found[ours, variant].value == pytest.approx(mean, abs=1e-12)
    assert found["ndcg@10", "text"].value > found["ndcg@10", "shown"].value + 0.2


def test_grades_of_other_queries_and_unknown_baselines_are_refused(shop: Shop, model: Path, tmp_path: Path) -> None:
    (tmp_path / "grades.txt").write_text("zebra 0 L1 1\n")
    with pytest.raises(DataError, match=r"0 of [0-9]+ queries of test pages are in qrels"):
        shop.evaluate(model, "map", qrels=tmp_path / "grades.txt")
    with pytest.raises(UsageError, match="--baseline txt"):
        shop.evaluate(model, "map", baseline="txt")


def test_pages_without_a_grade_are_in_no_written_file(shop: Shop, model: Path, tmp_path: Path) -> None:
    """So the average of trec_eval over the files is over the evaluated pages."""
    queries = sorted({row["query"] for row in shop.searches})
    first = {row["listing_id"] for row in shop.searches if row["query"] == queries[0]}
    (tmp_path / "grades.txt").write_text("".join(f"{'_'.join(queries[0].split())} 0 {i} 1\n" for i in sorted(first)))
    found = shop.evaluate(model, "map", qrels=tmp_path / "grades.txt", runs=tmp_path / "runs")
    n = found["map", "text"].n
    assert 0 < n < 80
    assert len(read_qrels(tmp_path / "runs/qrels.txt")) == len(read_run(tmp_path / "runs/text.trec")) == n


def test_logged_pages_are_ranked_as_in_evaluation(shop: Shop, model: Path, tmp_path: Path) -> None:
    shop.evaluate(model, "map", runs=tmp_path)
    judged = read_run(tmp_path / "multimodal.trec")
    pages = rank_searches(rank_inputs(shop, model), shop.inputs()["searches"], k=100)
    ranked = {page.search_id: page for page in pages}
    assert len(ranked) == 400
    for search_id, scores in judged.items():
        items = ranked[search_id].items
        assert {item.id: item.score for item in items} == pytest.approx(scores)
        assert [item.score for item in items] == sorted(scores.values(), reverse=True)


def _all_ids(shop: Shop) -> Path:
    path = shop.root / "all-ids.txt"
    path.write_text("".join(f"{row['listing_id']}\n" for row in shop.listings))
    return path


def test_candidates_are_ranked_whether_they_match_or_not(shop: Shop, model: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "ids.txt"
    chosen.write_text("L3\n\nL1\nL3\nL14\n")
    found = rank(rank_inputs(shop, model), "red scarf", candidates=chosen, k=9)
    assert sorted(item.id for item in found.items) == ["L1", "L14", "L3"]
    every = rank(rank_inputs(shop, model), "red scarf", candidates=_all_ids(shop), k=60)
    score_of = {item.id: item.score for item in every.items}
    assert all(item.score == pytest.approx(score_of[item.id], abs=1e-5) for item in found.items)
    chosen.write_text("L3\nnobody\n")
    with pytest.raises(InputError, match=r"1 ids are not in the listings table \('nobody'"):
        rank(rank_inputs(shop, model), "red scarf", candidates=chosen, k=9)


def test_the_reasons_add_up_to_the_score(shop: Shop, model: Path) -> None:
    for item in rank(rank_inputs(shop, model), "red scarf", k=5, explain=True).items:
        assert sum(one.adds for one in item.why) == pytest.approx(item.score, abs=1e-4)
        assert {"bm25", "text", "image", "word_crosses", "photo_crosses"} <= {one.what for one in item.why}


def test_before_and_after_show_the_listing_at_each_percentile(shop: Shop, model: Path) -> None:
    found, nothing = before_and_after(rank_inputs(shop, model), ["red scarf", "zebra"])
    ranked = rank(rank_inputs(shop, model), "red scarf", k=100).items
    assert found.matching == len(ranked)
    assert (nothing.query, nothing.matching, nothing.rows) == ("zebra", 0, [])
    assert [row.percentile for row in found.rows] == [90, 80, 70, 60, 50]
    for row in found.rows:
        place = round((100 - row.percentile) / 100 * (len(ranked) - 1))
        assert row.multimodal.id == ranked[place].id
        assert row.text.rank == row.multimodal.rank == place + 1


def test_a_query_of_unknown_words_is_still_ranked(shop: Shop, model: Path) -> None:
    found = rank(rank_inputs(shop, model), "zebra", candidates=_all_ids(shop), k=60)
    assert len(found.items) == 60
    assert np.isfinite([item.score for item in found.items]).all()


def test_position_bias_is_in_the_metrics_and_on_the_card(model: Path) -> None:
    bias = load_json(model, METRICS)["position_bias"]
    assert len(bias["examination"]) == 8 and bias["examination"][0] == 1
    assert "Examination probability of each position" in (model / CARD).read_text()


def test_exported_pairs_are_algorithm_2s_instances(shop: Shop, tmp_path: Path) -> None:
    inputs = shop.to_learn(config=config_of(shape="global"))
    told = export_ltr(inputs, out=tmp_path / "pairs.txt")
    x, y, qid = load_svmlight_file(str(tmp_path / "pairs.txt"), query_id=True, zero_based=False)
    ready = load_training_data(inputs)
    assert told.rows["pairs"] == len(y) == 320 * 7  # one click among eight on each of 320 pages
    assert 0.4 < (y > 0).mean() < 0.6
    d = sparse.hstack([block.matrix() for block in ready.blocks.values()]).toarray()
    clicked = np.flatnonzero(ready.pages.level)
    for row in (0, 1000, len(y) - 1):
        better = clicked[int(qid[row]) - 1]
        page = range(8 * (better // 8), 8 * (better // 8) + 8)
        differences = [d[better] - d[worse] for worse in page if worse != better]
        dense = np.zeros(d.shape[1])
        dense[: x.shape[1]] = x[row].toarray()[0] * y[row]
        assert min(np.abs(dense - one).max() for one in differences) < 1e-6
    again = export_ltr(inputs, out=tmp_path / "again.txt")
    assert again.rows == told.rows
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "pairs.txt").read_bytes()
    (tmp_path / "again.txt").write_text("mine")
    with pytest.raises(UsageError, match="changed since etsyml wrote it"):
        export_ltr(inputs, out=tmp_path / "again.txt")


def write_rows_file(path: Path, n_pages: int = 120, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    lines = []
    for page in range(n_pages):
        x = rng.normal(size=(6, 3)) * [1, 100, 0.01]
        grade = np.clip(np.round(x @ [1, 0.01, 0] + rng.normal(size=6) * 0.3 + 1), 0, 4).astype(int)
        lines += [f"{g} qid:{page} 1:{a} 2:{b} 4:{c}" for g, (a, b, c) in zip(grade, x, strict=True)]
    rng.shuffle(lines)  # scattered qids
    path.write_text("\n".join(lines))
    return path


def test_rows_of_custom_features_are_trained_on_evaluated_and_ranked(tmp_path: Path) -> None:
    train, test = write_rows_file(tmp_path / "train.txt"), write_rows_file(tmp_path / "test.txt", 40, seed=1)
    options = {"features": train, "groups": None, "config": config_of(valid_share=0.2), "seed": 0}
    assert not train_on_rows(Inputs(**options), out=tmp_path / "model").up_to_date
    assert train_on_rows(Inputs(**options), out=tmp_path / "model").up_to_date
    metrics = [parse_metric("ndcg@3")]
    found = evaluate_rows(EvaluationInputs(tmp_path / "model", test), metrics, 0)
    assert found[1].variant == "features" and found[1].against.low > 0.1 and found[1].n == 40
    lists = list(rank_rows(model=tmp_path / "model", features=test, groups=None, k=2))
    lines = test.read_text().splitlines()
    assert len(lists) == 40 and all(len(one.items) == 2 for one in lists)
    assert all(f"qid:{one.query} " in lines[int(item.id) - 1] for one in lists for item in one.items)
    with pytest.raises(DataError, match="is the training file, and no page of it was held out"):
        evaluate_rows(EvaluationInputs(tmp_path / "model", train), metrics, 0)


def test_a_training_file_is_evaluated_on_its_held_out_pages(tmp_path: Path) -> None:
    train = write_rows_file(tmp_path / "train.txt")
    options = {"features": train, "groups": None, "config": config_of(valid_share=0.2), "seed": 0}
    train_on_rows(Inputs(**options, holdout="0.25"), out=tmp_path / "model")
    metrics = [parse_metric("map")]
    found = evaluate_rows(EvaluationInputs(tmp_path / "model", train), metrics, 0)
    assert 15 < found[0].n < 45


@pytest.mark.parametrize("label", ["-1", "0.5", "200"])
def test_labels_that_are_no_grades_are_refused(tmp_path: Path, label: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(f"1 qid:1 1:1\n{label} qid:1 1:2\n")
    with pytest.raises(DataError, match=rf"rows\.txt:2: the label {label} is not a grade"):
        train_on_rows(Inputs(features=path, groups=None, config=config_of(), seed=0), out=tmp_path / "model")


def test_models_of_listings_and_of_rows_are_not_mixed_up(shop: Shop, model: Path, tmp_path: Path) -> None:
    rows = write_rows_file(tmp_path / "rows.txt", 30)
    with pytest.raises(InputError, match="was trained on listings, not on feature rows") as caught:
        list(rank_rows(model=model, features=rows, groups=None, k=1))
    assert caught.value.hint == "Train another model with: etsyml train ltr --features FILE"
    train_on_rows(Inputs(features=rows, groups=None, config=config_of(valid_share=0.3), seed=0), out=tmp_path / "rows")
    with pytest.raises(InputError, match="was trained on feature rows") as caught:
        shop.rank(tmp_path / "rows", "wool")
    assert caught.value.hint == f"Rank feature rows with: etsyml rank --features FILE --model {tmp_path / 'rows'}"


def test_a_ranker_of_rows_of_an_older_version_is_to_be_trained_again(shop: Shop, tmp_path: Path) -> None:
    rows, old = write_rows_file(tmp_path / "rows.txt", 30), tmp_path / "rows"
    train_on_rows(Inputs(features=rows, groups=None, config=config_of(valid_share=0.3), seed=0), out=old)
    manifest = (old / MANIFEST).read_text()
    (old / MANIFEST).write_text(manifest.replace('"model:ltr-rows"', '"model:ltr"'))
    for use in (lambda: shop.rank(old, "wool"), lambda: list(rank_rows(model=old, features=rows, groups=None, k=1))):
        with pytest.raises(InputError, match="trained on feature rows by an older version of etsyml") as caught:
            use()
        assert caught.value.hint == "Train it again with: etsyml train ltr --features FILE"


def test_blocks_of_a_log_do_not_depend_on_what_else_it_shows(shop: Shop) -> None:
    ready = load_training_data(shop.to_learn(images=None, config=config_of(), holdout="none"))
    first = np.arange(400) < 5
    few = log_blocks(ready.state, read_listings(shop.inputs()["listings"], "english"), None, ready.log.take(first))
    for name, block in few.items():
        whole = ready.blocks[name].take(ready.pages.rows(first))
        np.testing.assert_allclose(block.matrix().toarray(), whole.matrix().toarray(), atol=1e-12)

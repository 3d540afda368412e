"""Choice of models, gates and inputs of `evaluate`. The evaluation of each kind has its own tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etsyml_cli.core.errors import GateError, InputError, UsageError
from etsyml_cli.io.artifact import MANIFEST
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.systems import KINDS
from etsyml_cli.workspace.evaluate import Evaluation, check_gates, evaluate, parse_gate
from tests.lda_chain import table_of, train, two_tastes

ALL = {kind: Path(kind) for kind in ("ltr", "lda", "ctr")}


@pytest.mark.parametrize("text", ["auc", "0.7", "=0.7", "auc=", "auc=high", "ndcg(gains=exp)@10", ""])
def test_an_invalid_gate_is_reported_as_written(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_gate(text)
    assert caught.value.message == f"--min {text}: expected METRIC=NUMBER, as in auc=0.7"


def test_a_gate_may_have_parameters() -> None:
    gate = parse_gate("ndcg(gains=exp)@10=0.3")
    assert (str(gate.metric), gate.least) == ("ndcg(gains=exp)@10", 0.3)


@pytest.mark.parametrize("metric", ["perplexity", "gini@10", "logloss", "ne", "calibration"])
def test_a_gate_needs_a_metric_for_which_higher_is_better(metric: str) -> None:
    with pytest.raises(UsageError, match=f"needs a metric for which higher is better; {re.escape(metric)} is not"):
        parse_gate(f"{metric}=1")


def test_a_gate_is_missed_by_nan() -> None:
    nan = float("nan")
    measured = Measurement(name="auc", variant="content", slice="mixed", value=nan, low=nan, high=nan, n=1)
    with pytest.raises(GateError, match="below 0"):
        check_gates(["auc=0"], [Evaluation(model="ctr", data={}, metrics=[measured])])


def test_a_gate_looks_at_the_whole_and_not_at_a_slice_of_it() -> None:
    whole, part = (
        Measurement(name="pair_accuracy", variant="multimodal", slice=slice_, value=value, low=0, high=1, n=1)
        for slice_, value in (("all", 0.8), ("unseen", 0.6))
    )
    found = [Evaluation(model="ltr", data={}, metrics=[whole, part])]
    check_gates(["pair_accuracy=0.7"], found)
    with pytest.raises(GateError, match=r"is 0\.8000, below 0\.9"):
        check_gates(["pair_accuracy=0.9"], found)


def test_what_compares_with_a_planted_truth_needs_one() -> None:
    with pytest.raises(UsageError, match="style_cosine needs the ground truth") as caught:
        evaluate(models=ALL, inputs={}, metrics=["style_cosine"], gates=[], seed=0)
    assert caught.value.hint == "Give it with --truth DIR."


def test_each_metric_is_measured_once_and_the_truth_is_among_the_data(tmp_path: Path) -> None:
    favorites = table_of(two_tastes(20), tmp_path / "f.parquet")
    train(favorites, tmp_path / "lda")
    [found] = evaluate(
        models={"lda": tmp_path / "lda"},
        inputs={"favorites": favorites},
        metrics=["recall@5", "recall@5"],
        gates=["recall@5=0.1", "hit@5=0.1"],
        seed=0,
        truth=tmp_path,
    )
    assert [(one.name, one.variant) for one in found.metrics] == [
        (name, variant) for name in ("recall@5", "hit@5") for variant in ("popularity", "lda", "item-knn", "mix")
    ]
    assert found.data == {"favorites": str(favorites), "truth": str(tmp_path)}


@pytest.mark.parametrize(("option", "judged"), [("backtest", "ltr"), ("qrels", "ctr")])
def test_an_option_is_refused_if_no_model_kind_takes_it(tmp_path: Path, option: str, judged: str) -> None:
    (tmp_path / MANIFEST).touch()
    with pytest.raises(UsageError, match=f"--{option} applies to (lda and ctr|ltr) models only"):
        evaluate(models={judged: tmp_path}, inputs={}, metrics=[], gates=[], seed=0, options={option: 3})


def test_a_model_that_lacks_its_rows_is_skipped_if_another_can_be_evaluated(tmp_path: Path) -> None:
    favorites = table_of(two_tastes(20), tmp_path / "f.parquet")
    train(favorites, tmp_path / "lda")
    (tmp_path / "ltr-rows").mkdir()
    (tmp_path / "ltr-rows" / MANIFEST).touch()
    models = {kind: tmp_path / kind for kind in ("ltr-rows", "lda")}
    measured = evaluate(models=models, inputs={"favorites": favorites}, metrics=["ndcg@5"], gates=[], seed=0)
    assert [one.model for one in measured] == ["lda"]
    with pytest.raises(UsageError, match="ltr-rows models are evaluated on rows of a file") as caught:
        evaluate(models=models, inputs={"favorites": favorites}, metrics=["mrr"], gates=[], seed=0)
    assert caught.value.hint == "Give it with --features FILE."


@pytest.mark.parametrize(
    ("name", "kind", "hint"),
    [
        ("lda-shops", "lda", "Train one with: etsyml train lda --shops"),
        ("ctr-converted", "ctr", "Train one with: etsyml train ctr --label converted"),
        ("mine", "ltr", "Train one with: etsyml train ltr --out mine"),
    ],
)
def test_the_hint_for_a_missing_model_trains_exactly_that_one(name: str, kind: str, hint: str) -> None:
    metric = KINDS[kind].default_metrics[0]
    with pytest.raises(InputError, match=f"{name}: {kind} model not found") as caught:
        evaluate(models={kind: Path(name)}, inputs={}, metrics=[metric], gates=[], seed=0)
    assert caught.value.hint == hint

"""The table of metrics, and what it takes to add one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from etsyml_cli.cli.complete import metrics as offered
from etsyml_cli.metrics.registry import METRICS, all_metrics
from tests.conftest import Etsyml

TOY = """
from etsyml_cli.metrics.metric import Metric, Number
from etsyml_cli.metrics.shapes import PageMetric

TOY = Metric(
    name="toy",
    definition="number of relevant listings, times a factor",
    better="higher",
    cutoff="optional",
    parameters=(Number("factor", default=1, above=0, below=100),),
    shapes=(PageMetric(lambda pages, k=None, *, factor: factor * pages.sums((pages.gains > 0) & pages.within(k))),),
)
"""


def test_the_table_holds_each_metric_by_the_name_that_it_has() -> None:
    for key, metric in zip(METRICS, all_metrics(), strict=True):
        assert key == metric.name + ("@k" if metric.cutoff == "required" else "")


def test_a_metric_has_one_function_for_a_kind_of_model() -> None:
    for metric in all_metrics():
        assert metric.shapes, metric.name
        assert set(Counter(metric.models).values()) == {1}, metric.name
        assert metric.definition


def test_every_file_of_a_metric_is_in_the_table() -> None:
    import etsyml_cli.metrics.definitions as package

    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert {path.partition(":")[0].rpartition(".")[2] for path in METRICS.values()} == files


def test_a_new_metric_is_one_file_and_one_line(etsyml: Etsyml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_metric.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METRICS, "toy", "toy_metric:TOY")

    for name in ("a", "b"):
        (tmp_path / f"{name}.trec").write_text("q Q0 x 1 2 t\nq Q0 y 2 1 t\n")
    (tmp_path / "qrels").write_text("q 0 x 1\nq 0 y 2\n")
    runs = [tmp_path / "a.trec", tmp_path / "b.trec", "--qrels", tmp_path / "qrels"]
    found = json.loads(etsyml("compare", *runs, "-m", "toy", "-m", "toy(factor=3.0)@1", "--json").out)["metrics"]
    assert [(m["name"], m["value"]) for m in found[::2]] == [("toy", 2), ("toy(factor=3.0)@1", 3)]

    assert offered("to") == ["toy"]
    said = etsyml("evaluate", "--metric", "tyo").err
    assert "Did you mean 'toy'?" in said
    wrong = etsyml("evaluate", "--model", "ctr", "--min", "toy(factor=2)=0.5")
    assert "toy(factor=2.0) is a metric of ltr models, not ctr" in wrong.err

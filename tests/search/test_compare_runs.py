from __future__ import annotations

import json

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from etsyml_cli.cli.main import run as etsyml
from etsyml_cli.core.errors import DataError, UsageError
from etsyml_cli.search.compare_runs import compare, ranked_pages
from tests.metrics.pages import values

NEAR = [0.0, 0.1, 0.1 + 1e-9, 1.0, 1.0 + 6e-8, -3.5, 1e30]
MEASURES = {"ndcg@1": "ndcg_cut_1", "ndcg@3": "ndcg_cut_3", "ndcg@10": "ndcg_cut_10", "map": "map", "map@3": "map_cut_3", "mrr": "recip_rank", "p@5": "P_5"}  # fmt: skip
documents = st.sampled_from(["L1", "L10", "L2", "é", "日本", "𝄞", "z", "Z"])
grades = st.dictionaries(documents, st.integers(-1, 3), min_size=1).filter(lambda of: max(of.values()) > 0)
lists = st.dictionaries(documents, st.sampled_from(NEAR) | st.floats(-1e6, 1e6), min_size=1)
queries = st.sampled_from("abcde")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(queries, grades, min_size=1), st.dictionaries(queries, lists))
def test_equal_to_trec_eval_with_missing_queries_and_documents(qrels, run):
    pages = ranked_pages(run, qrels)
    asked = {"ndcg_cut.1,3,10", "map", "map_cut.3", "recip_rank", "P.5"}
    found = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    for ours, theirs in MEASURES.items():
        expected = [found[query][theirs] if query in run else 0.0 for query in qrels]
        np.testing.assert_allclose(values(ours, pages), expected, rtol=0, atol=1e-12, err_msg=ours)


@pytest.fixture
def files(tmp_path):
    """Query q2 is missing from b, q3 is not judged, q4 has no relevant document."""
    (tmp_path / "a.trec").write_text("q1 Q0 x 1 2 t\nq1 Q0 y 2 1 t\nq2 Q0 x 1 1 t\nq3 Q0 x 1 1 t\n")
    (tmp_path / "b.trec").write_text("q1 Q0 y 1 2 t\nq1 Q0 x 2 1 t\nq4 Q0 x 1 1 t\n")
    (tmp_path / "qrels").write_text("q1 0 y 1\nq1 0 x 0\nq2 0 x 1\nq4 0 x -1\n")
    return tmp_path / "a.trec", tmp_path / "b.trec", tmp_path / "qrels"


def test_two_runs_are_paired_query_by_query(files, caplog):
    a, b, qrels = files
    with caplog.at_level("INFO", logger="etsyml"):
        one, other = compare(runs=(a, b), qrels=qrels, metrics=["mrr"], seed=0).metrics
    assert (one.variant, one.value, one.n) == ("a", 0.75, 2)
    assert (other.variant, other.value, other.against.value) == ("b", 0.5, -0.25)
    assert (other.against.baseline, other.against.gained, other.against.lost) == ("a", 1, 1)


def test_the_order_of_lines_changes_no_figure(files):
    *runs, qrels = files
    before = compare(runs=tuple(runs), qrels=qrels, metrics=[], seed=0)
    qrels.write_text("".join(sorted(qrels.read_text().splitlines(keepends=True), reverse=True)))
    assert compare(runs=tuple(runs), qrels=qrels, metrics=[], seed=0) == before


def test_runs_of_one_name_are_distinguished(files):
    a, b, qrels = files
    (a.parent / "other").mkdir()
    twin = b.rename(a.parent / "other" / "a.trec")
    assert [m.variant for m in compare(runs=(a, twin), qrels=qrels, metrics=["map"], seed=0).metrics] == [
        str(a),
        str(twin),
    ]
    one, other = compare(runs=(a, a), qrels=qrels, metrics=["map"], seed=0).metrics
    assert one.variant != other.variant
    assert (other.against.value, other.against.p_value) == (0, 1)


def test_invalid_comparisons_are_reported(files):
    a, b, qrels = files
    for metric in ("auc", "pair_accuracy"):
        with pytest.raises(UsageError, match=f"{metric} cannot be computed for runs"):
            compare(runs=(a, b), qrels=qrels, metrics=[metric], seed=0)
    qrels.write_text("other 0 x 1\n")
    with pytest.raises(DataError, match=r"0 of 1 queries of qrels are in a.trec: .* has 'other', a.trec has 'q1'"):
        compare(runs=(a, b), qrels=qrels, metrics=[], seed=0)
    qrels.write_text("q1 0 x 0\n")
    with pytest.raises(DataError, match="none of 1 queries has a relevant document"):
        compare(runs=(a, b), qrels=qrels, metrics=[], seed=0)


def test_the_command_prints_one_object_or_a_line_a_figure(files, capsys):
    a, b, qrels = map(str, files)
    assert etsyml(["compare", a, b, "--qrels", qrels, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema_version"], found["runs"], found["qrels"]) == (1, [a, b], qrels)
    assert etsyml(["compare", a, b, "--qrels", qrels]) == 0
    said = capsys.readouterr()
    assert [json.loads(line) for line in said.out.splitlines()] == found["metrics"]
    assert "1 of 2 judged queries are missing and count as 0" in said.err

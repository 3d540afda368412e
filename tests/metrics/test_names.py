from __future__ import annotations

import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.metrics import probability, ranking, recommendation
from etsyml_cli.metrics.names import METRICS, MetricName, parse_metric

OF_LISTS = ("longtail", "novelty", "same_shop")


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("auc", MetricName("auc")),
        ("ndcg@10", MetricName("ndcg", 10)),
        ("ndcg(gains=exp)@5", MetricName("ndcg", 5, {"gains": "exp"})),
        ("map", MetricName("map")),
        ("map@5", MetricName("map", 5)),
        ("style_cosine", MetricName("style_cosine")),
        ("same_shop@10", MetricName("same_shop", 10)),
    ],
)
def test_a_name_is_read_and_written_alike(text: str, metric: MetricName) -> None:
    assert parse_metric(text) == metric
    assert str(metric) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aucc", "unknown metric 'aucc'"),
        ("ndcg", "ndcg needs a cutoff"),
        ("ndcg@0", "ndcg needs a cutoff"),
        ("auc@10", "auc has no cutoff"),
        ("longtail", "longtail needs a cutoff"),
        ("ndcg(gain=exp)@10", "ndcg has no parameter 'gain'"),
        ("ndcg(gains=cubic)@10", "ndcg: gains cannot be 'cubic'"),
        ("", "no metric is written ''"),
        ("ndcg@ten", "no metric is written 'ndcg@ten'"),
    ],
)
def test_what_is_no_metric_is_said(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_metric(text)
    assert caught.value.message == message
    assert caught.value.hint


def test_every_metric_can_be_measured_by_the_models_that_it_names() -> None:
    """What is written out here is measured by evaluate_lda's own tests."""
    measured = {
        "ltr": set(ranking.PER_PAGE),
        "lda": {*recommendation.PER_USER, *recommendation.OVER_LISTINGS, *OF_LISTS, "perplexity", "style_cosine"},
        "ctr": set(probability.METRICS),
    }
    for model, names in measured.items():
        assert {name for name, spec in METRICS.items() if model in spec.models} == names
    assert {model for spec in METRICS.values() for model in spec.models} == set(measured)

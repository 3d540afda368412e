from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.core.errors import UsageError
from etsyml_cli.metrics.metric import Choice, Number
from etsyml_cli.metrics.names import MetricName, parse_metric
from etsyml_cli.metrics.registry import all_metrics
from etsyml_cli.metrics.shapes import HitMetric, RowMetric


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
        ("rbp(p=0.8)", MetricName("rbp", None, {"p": 0.8})),
        ("rbp(p=0.95)@20", MetricName("rbp", 20, {"p": 0.95})),
    ],
)
def test_a_name_round_trips(text: str, metric: MetricName) -> None:
    assert parse_metric(text) == metric
    assert str(metric) == text


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("aucc", "unknown metric 'aucc'", "Did you mean 'auc'?"),
        ("ndcg", "ndcg needs a cutoff", "Write ndcg@10, for example."),
        ("ndcg@0", "ndcg needs a cutoff", "Write ndcg@10, for example."),
        ("map@0", "map@0: the cutoff must be at least 1", "Write map@10, for example."),
        ("auc@10", "auc has no cutoff", "Write auc."),
        ("longtail", "longtail needs a cutoff", "Write longtail@10, for example."),
        ("ndcg(gain=exp)@10", "ndcg: unknown parameter 'gain'", "Did you mean 'gains'?"),
        ("ndcg(gains=cubic)@10", "ndcg: invalid gains 'cubic'", "Choose linear or exp."),
        ("auc(p=1)", "auc: unknown parameter 'p'", "auc has no parameters."),
        ("rbp(q=0.8)", "rbp: unknown parameter 'q'", "Choose from: p."),
        ("rbp(p=1)", "rbp: invalid p '1'", "Choose a number greater than 0 and less than 1."),
        ("rbp(p=nan)", "rbp: invalid p 'nan'", "Choose a number greater than 0 and less than 1."),
        ("rbp(p=high)", "rbp: invalid p 'high'", "Choose a number greater than 0 and less than 1."),
        ("rbp(p)", "rbp: invalid p ''", "Choose a number greater than 0 and less than 1."),
        ("rbp(p=0.8,p=0.5)", "rbp: duplicate parameter p", "Write rbp(p=0.8)."),
        ("", "invalid metric ''", "Examples: auc, ndcg@10, ndcg(gains=exp)@10."),
        ("ndcg@ten", "invalid metric 'ndcg@ten'", "Examples: auc, ndcg@10, ndcg(gains=exp)@10."),
    ],
)
def test_an_invalid_metric_is_reported(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_metric(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_metric_of_other_models_is_refused() -> None:
    assert parse_metric("ndcg@10").shape(HitMetric)
    with pytest.raises(UsageError, match="ndcg@10 does not apply to ctr models"):
        parse_metric("ndcg@10").shape(RowMetric)


@given(st.data())
def test_every_name_that_is_written_can_be_read_again(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from([*all_metrics()]))
    cutoffs = {"required": st.integers(1, 10_000), "optional": st.none() | st.integers(1, 10_000), "none": st.none()}
    parameters = {one.name: data.draw(values_of(one)) for one in spec.parameters if data.draw(st.booleans())}
    name = MetricName(spec.name, data.draw(cutoffs[spec.cutoff]), parameters)
    assert parse_metric(str(name)) == name
    assert str(parse_metric(str(name))) == str(name)


def values_of(parameter: Choice | Number) -> st.SearchStrategy[str | float]:
    if isinstance(parameter, Choice):
        return st.sampled_from(parameter.values)
    return st.floats(parameter.above, parameter.below, exclude_min=True, exclude_max=True)


@pytest.mark.parametrize("text", ["rbp(p=.80)", "rbp( p = 0.8 )", "rbp(p=8e-1)"])
def test_numbers_have_one_way_of_writing(text: str) -> None:
    assert str(parse_metric(text)) == "rbp(p=0.8)"


def test_a_parameter_that_is_left_out_has_its_default() -> None:
    assert parse_metric("rbp").arguments == {"p": 0.8}
    assert parse_metric("rbp(p=0.5)@10").arguments == {"p": 0.5}
    assert parse_metric("ndcg@10").arguments == {"gains": "linear"}

"""The table of all metrics. A metric is one file in `definitions/` and one line here; it is imported on use."""

from __future__ import annotations

from collections.abc import Iterator

from etsyml_cli.core.registry import resolve
from etsyml_cli.metrics.metric import Metric

HERE = "etsyml_cli.metrics.definitions"

METRICS = {  # a name ends in @k if the metric needs a cutoff, so that the shell can complete it without an import
    "ndcg@k": f"{HERE}.ndcg:NDCG",
    "map": f"{HERE}.map:MAP",
    "mrr": f"{HERE}.mrr:MRR",
    "p@k": f"{HERE}.p:P",
    "rbp": f"{HERE}.rbp:RBP",
    "err@k": f"{HERE}.err:ERR",
    "pair_accuracy": f"{HERE}.pair_accuracy:PAIR_ACCURACY",
    "recall@k": f"{HERE}.recall:RECALL",
    "hit@k": f"{HERE}.hit:HIT",
    "coverage@k": f"{HERE}.coverage:COVERAGE",
    "longtail@k": f"{HERE}.longtail:LONGTAIL",
    "gini@k": f"{HERE}.gini:GINI",
    "novelty@k": f"{HERE}.novelty:NOVELTY",
    "same_shop@k": f"{HERE}.same_shop:SAME_SHOP",
    "perplexity": f"{HERE}.perplexity:PERPLEXITY",
    "style_cosine": f"{HERE}.style_cosine:STYLE_COSINE",
    "auc": f"{HERE}.auc:AUC",
    "logloss": f"{HERE}.logloss:LOGLOSS",
    "ne": f"{HERE}.ne:NE",
    "brier": f"{HERE}.brier:BRIER",
    "calibration": f"{HERE}.calibration:CALIBRATION",
}


def metric(name: str) -> Metric:
    """The metric of this name, without cutoff. Raises UsageError if there is none."""
    found: Metric = resolve({key.removesuffix("@k"): path for key, path in METRICS.items()}, name, "metric")
    return found


def all_metrics() -> Iterator[Metric]:
    """Every metric, in the order of the table."""
    return (metric(key.removesuffix("@k")) for key in METRICS)

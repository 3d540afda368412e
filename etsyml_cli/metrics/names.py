"""Names of metrics: `ndcg@10`, `ndcg(gains=exp)@10`, `auc`; one grammar for command line and output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from etsyml_cli.core.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Spec:
    """Which models a metric judges, how it is written and which values are good."""

    models: tuple[str, ...]
    cutoff: Literal["required", "optional", "none"]
    better: Literal["higher", "lower", "one"]
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs_truth: bool = False  # it compares with what only `etsyml sample-data` knows
    needs: tuple[str, ...] = ()  # tables beside those that its models are always judged with


METRICS = {
    "ndcg": Spec(("ltr", "lda"), "required", "higher", {"gains": ("linear", "exp")}),
    "map": Spec(("ltr", "lda"), "optional", "higher"),
    "mrr": Spec(("ltr",), "optional", "higher"),
    "p": Spec(("ltr",), "required", "higher"),
    "pair_accuracy": Spec(("ltr",), "none", "higher"),
    "recall": Spec(("lda",), "required", "higher"),
    "hit": Spec(("lda",), "required", "higher"),
    "coverage": Spec(("lda",), "required", "higher"),
    "longtail": Spec(("lda",), "required", "higher"),
    "gini": Spec(("lda",), "required", "lower"),
    "novelty": Spec(("lda",), "required", "higher"),
    "same_shop": Spec(("lda",), "required", "lower", needs=("listings",)),
    "perplexity": Spec(("lda",), "none", "lower"),
    "style_cosine": Spec(("lda",), "none", "higher", needs_truth=True),
    "auc": Spec(("ctr",), "none", "higher"),
    "logloss": Spec(("ctr",), "none", "lower"),
    "ne": Spec(("ctr",), "none", "lower"),
    "calibration": Spec(("ctr",), "none", "one"),
}

_GRAMMAR = re.compile(r"^(?P<name>[a-z_]+)(?:\((?P<parameters>[^)]*)\))?(?:@(?P<cutoff>\d+))?$")


@dataclass(frozen=True)
class MetricName:
    """A metric as it was asked for; `str` writes it the same way again."""

    name: str
    cutoff: int | None = None
    parameters: dict[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        inside = ",".join(f"{key}={value}" for key, value in self.parameters.items())
        return self.name + (f"({inside})" if inside else "") + (f"@{self.cutoff}" if self.cutoff else "")

    @property
    def spec(self) -> Spec:
        return METRICS[self.name]


def parse_metric(text: str) -> MetricName:
    """The metric that `text` names. Raises UsageError for what no metric is called."""
    match = _GRAMMAR.match(text.strip())
    if match is None:
        raise UsageError(f"no metric is written {text!r}", hint="Write it like auc, ndcg@10 or ndcg(gains=exp)@10.")
    name = match["name"]
    if name not in METRICS:
        raise UsageError(f"unknown metric {name!r}", hint=did_you_mean(name, METRICS))
    if METRICS[name].cutoff == "required" and not int(match["cutoff"] or 0):
        raise UsageError(f"{name} needs a cutoff", hint=f"Write {name}@10, for example.")
    if METRICS[name].cutoff == "none" and match["cutoff"]:
        raise UsageError(f"{name} has no cutoff", hint=f"Write {name}.")
    cutoff = int(match["cutoff"]) if match["cutoff"] else None
    return MetricName(name, cutoff, _parse_parameters(name, match["parameters"]))


def _parse_parameters(name: str, text: str | None) -> dict[str, str]:
    parameters = {}
    for part in filter(None, (text or "").split(",")):
        key, _, value = (side.strip() for side in part.partition("="))
        known = METRICS[name].parameters
        if key not in known:
            raise UsageError(f"{name} has no parameter {key!r}", hint=did_you_mean(key, known))
        if value not in known[key]:
            raise UsageError(f"{name}: {key} cannot be {value!r}", hint=f"It can be {' or '.join(known[key])}.")
        parameters[key] = value
    return parameters

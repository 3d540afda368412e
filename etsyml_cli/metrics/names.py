"""Names of metrics: `ndcg@10`, `ndcg(gains=exp)@10`, `auc`; one grammar for command line and output."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from etsyml_cli.core.errors import UsageError, did_you_mean

# metric -> the models that it judges
MODELS_OF: dict[str, tuple[str, ...]] = {
    "ndcg": ("ltr", "lda"),
    "map": ("ltr", "lda"),
    "mrr": ("ltr",),
    "p": ("ltr",),
    "recall": ("lda",),
    "hit": ("lda",),
    "coverage": ("lda",),
    "perplexity": ("lda",),
    "auc": ("ctr",),
    "logloss": ("ctr",),
    "ne": ("ctr",),
    "calibration": ("ctr",),
}
NOT_BETTER_WHEN_HIGHER = {"perplexity", "logloss", "ne", "calibration"}
NEEDS_CUTOFF = {"ndcg", "p", "recall", "hit", "coverage"}
PARAMETERS = {"ndcg": {"gains": ("linear", "exp")}}

_GRAMMAR = re.compile(r"^(?P<name>[a-z]+)(?:\((?P<parameters>[^)]*)\))?(?:@(?P<cutoff>\d+))?$")


@dataclass(frozen=True)
class MetricName:
    """A metric as it was asked for; `str` writes it the same way again."""

    name: str
    cutoff: int | None = None
    parameters: dict[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        inside = ",".join(f"{key}={value}" for key, value in self.parameters.items())
        return self.name + (f"({inside})" if inside else "") + (f"@{self.cutoff}" if self.cutoff else "")


def parse_metric(text: str) -> MetricName:
    """The metric that `text` names. Raises UsageError for what no metric is called."""
    match = _GRAMMAR.match(text.strip())
    if match is None:
        raise UsageError(f"no metric is written {text!r}", hint="Write it like auc, ndcg@10 or ndcg(gains=exp)@10.")
    name = match["name"]
    if name not in MODELS_OF:
        raise UsageError(f"unknown metric {name!r}", hint=did_you_mean(name, MODELS_OF))
    if name in NEEDS_CUTOFF and not int(match["cutoff"] or 0):
        raise UsageError(f"{name} needs a cutoff", hint=f"Write {name}@10, for example.")
    if name not in NEEDS_CUTOFF | {"map", "mrr"} and match["cutoff"]:
        raise UsageError(f"{name} has no cutoff", hint=f"Write {name}.")
    cutoff = int(match["cutoff"]) if match["cutoff"] else None
    return MetricName(name, cutoff, _parse_parameters(name, match["parameters"]))


def _parse_parameters(name: str, text: str | None) -> dict[str, str]:
    parameters = {}
    for part in filter(None, (text or "").split(",")):
        key, _, value = (side.strip() for side in part.partition("="))
        known = PARAMETERS.get(name, {})
        if key not in known:
            raise UsageError(f"{name} has no parameter {key!r}", hint=did_you_mean(key, known))
        if value not in known[key]:
            raise UsageError(f"{name}: {key} cannot be {value!r}", hint=f"It can be {' or '.join(known[key])}.")
        parameters[key] = value
    return parameters

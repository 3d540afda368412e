"""Names of metrics: `ndcg@10`, `rbp(p=0.8)`, `auc`; one grammar for command line and output."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.metrics.metric import Metric, S, Value
from etsyml_cli.metrics.registry import all_metrics, metric

_GRAMMAR = re.compile(r"^(?P<name>[a-z_]+)(?:\((?P<parameters>[^)]*)\))?(?:@(?P<cutoff>\d+))?$")


@dataclass(frozen=True)
class MetricName:
    """A metric with the cutoff and parameters that the user asked for; `str` writes its canonical name."""

    name: str
    cutoff: int | None = None
    parameters: dict[str, Value] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        inside = ",".join(f"{key}={value}" for key, value in self.parameters.items())
        return self.name + (f"({inside})" if inside else "") + (f"@{self.cutoff}" if self.cutoff else "")

    @property
    def spec(self) -> Metric:
        return metric(self.name)

    @property
    def arguments(self) -> dict[str, Value]:
        """The value of every parameter: the user's, or its default."""
        return {known.name: known.default for known in self.spec.parameters} | self.parameters

    def shape(self, kind: type[S]) -> S:
        """The metric's function for one kind of data. Raises UsageError if it has none."""
        found = self.spec.shape(kind)
        if found is None:
            known = [one.name for one in all_metrics() if one.shape(kind)]
            models = " and ".join(kind.models)
            raise UsageError(f"{self} does not apply to {models} models", hint=did_you_mean(self.name, known))
        return found


def parse_metric(text: str) -> MetricName:
    """The metric that `text` names. Raises UsageError for an unknown metric, cutoff or parameter."""
    match = _GRAMMAR.match(text.strip())
    if match is None:
        raise UsageError(f"invalid metric {text!r}", hint="Examples: auc, ndcg@10, ndcg(gains=exp)@10.")
    spec = metric(match["name"])
    cutoff = _parse_cutoff(spec, match["cutoff"])
    return MetricName(spec.name, cutoff, _parse_parameters(spec, match["parameters"] or ""))


def _parse_cutoff(spec: Metric, text: str | None) -> int | None:
    cutoff = None if text is None else int(text)
    if spec.cutoff == "required" and not cutoff:
        raise UsageError(f"{spec.name} needs a cutoff", hint=f"Write {spec.name}@10, for example.")
    if spec.cutoff == "none" and cutoff is not None:
        raise UsageError(f"{spec.name} has no cutoff", hint=f"Write {spec.name}.")
    if cutoff == 0:
        raise UsageError(f"{spec.name}@0: the cutoff must be at least 1", hint=f"Write {spec.name}@10, for example.")
    return cutoff


def _parse_parameters(spec: Metric, text: str) -> dict[str, Value]:
    """The parameters in `text`, in the order of the metric's definition."""
    found: dict[str, Value] = {}
    known = {parameter.name: parameter for parameter in spec.parameters}
    for part in filter(None, text.split(",")):
        key, _, value = (side.strip() for side in part.partition("="))
        if key not in known:
            hint = did_you_mean(key, known) or f"{spec.name} has no parameters."
            raise UsageError(f"{spec.name}: unknown parameter {key!r}", hint=hint)
        if key in found:
            raise UsageError(f"{spec.name}: duplicate parameter {key}", hint=f"Write {spec.name}({key}={found[key]}).")
        parsed = known[key].parse(value)
        if parsed is None:
            raise UsageError(f"{spec.name}: invalid {key} {value!r}", hint=f"Choose {known[key].allowed}.")
        found[key] = parsed
    return {key: found[key] for key in known if key in found}

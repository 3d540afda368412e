"""Judge the models of a workspace on what `train` set aside: each metric finds the model it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.errors import GateError, InputError, UsageError
from etsyml_cli.core.registry import resolve
from etsyml_cli.io.artifact import MANIFEST, read_manifest
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MODELS_OF, NOT_BETTER_WHEN_HIGHER, MetricName, parse_metric


@dataclass(frozen=True)
class Judge:
    """How models of one kind are judged."""

    stage: str
    inputs: tuple[str, ...]  # tables and features that it reads
    default_metrics: tuple[str, ...]
    main_variants: tuple[str, ...]  # the first one that was measured is what a gate looks at


JUDGES = {
    "ltr": Judge(
        "etsyml_cli.stages.evaluate_ltr:evaluate_ltr",
        ("listings", "searches", "images"),
        ("ndcg@10", "map", "mrr"),
        ("multimodal", "text"),
    ),
    "lda": Judge(
        "etsyml_cli.stages.evaluate_lda:evaluate_lda",
        ("favorites",),
        ("recall@20", "ndcg@20", "hit@10", "coverage@20", "perplexity"),
        ("lda",),
    ),
    "ctr": Judge(
        "etsyml_cli.stages.evaluate_ctr:evaluate_ctr",
        ("impressions", "listings"),
        ("auc", "logloss", "ne", "calibration"),
        ("content",),
    ),
}
_STAGES = {kind: judge.stage for kind, judge in JUDGES.items()}


class Evaluation(msgspec.Struct, kw_only=True):
    """The figures of one model, and the inputs that they were measured on."""

    schema_version: int = 1
    model: str
    data: dict[str, Any]
    metrics: list[Measurement]


@dataclass(frozen=True)
class Gate:
    """`--min ndcg@10=0.30`: what the model's main variant must reach."""

    metric: MetricName
    least: float


def parse_gate(text: str) -> Gate:
    """The gate that `text` describes. Raises UsageError for what is none."""
    name, _, least = text.rpartition("=")
    metric = parse_metric(name)
    if metric.name in NOT_BETTER_WHEN_HIGHER:
        raise UsageError(f"--min {text}: {metric} is not better when it is higher", hint="Gate on auc, for example.")
    try:
        return Gate(metric, float(least))
    except ValueError:
        raise UsageError(f"--min {text}: expected METRIC=NUMBER, as in auc=0.7") from None


def evaluate(
    *,
    models: Mapping[str, Path],
    inputs: Mapping[str, Path | None],
    metrics: list[str],
    gates: list[str],
    seed: int,
    truth: Path | None = None,
) -> list[Evaluation]:
    """Measure `metrics` (all default ones if empty) on each of `models`: kind -> directory.

    The metrics of `gates` are measured too. Raises UsageError for a metric that judges none of the models.
    """
    asked = [parse_metric(metric) for metric in metrics]
    asked += [gate.metric for gate in map(parse_gate, gates) if gate.metric not in asked]
    evaluations = []
    for kind, directory in _models_asked(models, asked).items():
        judge = JUDGES[kind]
        own = [metric for metric in asked if kind in MODELS_OF[metric.name]]
        sources = {name: inputs[name] for name in judge.inputs}
        measured = resolve(_STAGES, kind, "model")(
            model=directory,
            metrics=own or [parse_metric(metric) for metric in judge.default_metrics],
            seed=seed,
            truth=truth,
            **sources,
        )
        data = {name: str(path) for name, path in sources.items() if path is not None}
        evaluations.append(Evaluation(model=kind, data=data, metrics=measured))
    return evaluations


def hold(gates: list[str], evaluations: list[Evaluation]) -> None:
    """Raises GateError for the first gate that is missed."""
    for gate in map(parse_gate, gates):
        _hold(gate, evaluations)


def model_kind(directory: Path) -> str:
    """Which kind of model lies in a directory. Raises InputError where it holds none."""
    kind = read_manifest(directory).plan.kind
    if not kind.startswith("model:"):
        raise InputError(f"{directory}: expected a model, found {kind}")
    return kind.removeprefix("model:")


def _models_asked(models: Mapping[str, Path], asked: list[MetricName]) -> dict[str, Path]:
    """Those of `models` that the metrics are for; without metrics, those that are there."""
    if not asked:
        there = {kind: path for kind, path in models.items() if (path / MANIFEST).is_file()}
        if not there:
            raise InputError("no trained model here", hint="Train one: etsyml train ltr, train lda or train ctr.")
        return there
    chosen: dict[str, Path] = {}
    for metric in asked:
        kinds = [kind for kind in MODELS_OF[metric.name] if kind in models]
        if not kinds:
            judged = ", ".join(MODELS_OF[metric.name])
            raise UsageError(
                f"{metric} judges {judged} models, not {', '.join(models)}",
                hint=f"For {', '.join(models)} ask for: {', '.join(_metrics_for(models))}.",
            )
        finished = [kind for kind in kinds if (models[kind] / MANIFEST).is_file()]
        if not finished:
            missing = kinds[0]
            hint = f"Make it with: etsyml train {missing}"
            raise InputError(f"{models[missing]}: no {missing} model here", hint=hint)
        chosen |= {kind: models[kind] for kind in finished}
    return chosen


def _metrics_for(models: Mapping[str, Path]) -> list[str]:
    return sorted(name for name, kinds in MODELS_OF.items() if set(kinds) & set(models))


def _hold(gate: Gate, evaluations: list[Evaluation]) -> None:
    for evaluation in evaluations:
        of_metric = {m.variant: m.value for m in evaluation.metrics if m.name == str(gate.metric)}
        variant = next((v for v in JUDGES[evaluation.model].main_variants if v in of_metric), None)
        if variant is not None and not of_metric[variant] >= gate.least:
            raise GateError(
                f"{gate.metric} of {evaluation.model} ({variant}) is {of_metric[variant]:.4f}, below {gate.least:g}"
            )

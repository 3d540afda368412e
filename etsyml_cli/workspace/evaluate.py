"""Judge the models of a workspace on what `train` set aside: each metric finds the model it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from etsyml_cli.core.errors import GateError, InputError, UsageError
from etsyml_cli.core.registry import resolve
from etsyml_cli.io.artifact import MANIFEST, read_manifest
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import MetricName, parse_metric
from etsyml_cli.metrics.registry import all_metrics


@dataclass(frozen=True)
class Judge:
    """How models of one kind are judged."""

    stage: str
    inputs: tuple[str, ...]  # tables and features that it reads
    default_metrics: tuple[str, ...]  # those that need a truth only where there is one
    main_variants: tuple[str, ...]  # the first one that was measured is what a gate looks at
    main_slice: str = "all"  # likewise
    options: tuple[str, ...] = ()  # what else it can be told


JUDGES = {
    "ltr": Judge(
        "etsyml_cli.search.evaluate:evaluate_ltr",
        ("listings", "searches", "images"),
        ("ndcg@10", "map", "mrr"),
        ("multimodal", "text"),
        options=("qrels", "features", "groups", "baseline", "runs"),
    ),
    "lda": Judge(
        "etsyml_cli.personalization.evaluate:evaluate_lda",
        ("favorites",),
        ("recall@20", "ndcg@20", "hit@10", "coverage@20", "longtail@20", "perplexity", "style_cosine"),
        ("mix", "lda"),
    ),
    "ctr": Judge(
        "etsyml_cli.ads.evaluate:evaluate_ctr",
        ("impressions", "searches", "listings", "images"),
        ("auc", "logloss", "ne", "calibration"),
        ("ensemble", "content"),
        "mixed",
        options=("baseline", "backtest"),
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
    name, _, number = text.rpartition("=")
    try:
        least = float(number)
    except ValueError:
        name = ""
    if not name:
        raise UsageError(f"--min {text}: expected METRIC=NUMBER, as in auc=0.7")
    metric = parse_metric(name)
    if metric.spec.better != "higher":
        raise UsageError(f"--min {text}: {metric} is not better when it is higher", hint="Gate on auc, for example.")
    return Gate(metric, least)


def evaluate(
    *,
    models: Mapping[str, Path],
    inputs: Mapping[str, Path | None],
    metrics: list[str],
    gates: list[str],
    seed: int,
    truth: Path | None = None,
    images: Mapping[str, Path | None] | None = None,
    options: Mapping[str, Any] | None = None,
    named: Collection[str] = (),
) -> list[Evaluation]:
    """Measure `metrics` (all default ones if empty) on each of `models`: kind -> directory.

    The metrics of `gates` are measured too. `images` are the photo features for each kind of model, `options` those
    that some judges take and others do not. `named` are the inputs that the user named: one of the models reads each.

    Raises UsageError for a metric, an option or a named input that is for none of the models, and for a metric that
    needs `truth` if there is none.
    """
    asked = _asked(metrics, gates)
    for metric in asked:
        if metric.spec.needs_truth and truth is None:
            raise UsageError(f"{metric} compares with a planted truth", hint="Name it with --truth DIR.")
    chosen = _models_asked(models, asked)
    given = {name: value for name, value in (options or {}).items() if value is not None}
    for name in given:
        _check_option_applies(name, chosen)
    _expect_a_reader(named, chosen, asked)
    return [
        _evaluate(kind, directory, asked, {**inputs, "images": (images or {}).get(kind)}, seed, truth, given)
        for kind, directory in chosen.items()
    ]


def asks_for_one(models: Mapping[str, Path], metrics: list[str], gates: list[str]) -> bool:
    """Whether these arguments of `evaluate` can only ever give one evaluation, whatever the workspace holds."""
    kinds = {kind for metric in _asked(metrics, gates) for kind in metric.spec.models if kind in models}
    return len(kinds or models) == 1


def check_gates(gates: list[str], evaluations: list[Evaluation]) -> None:
    """Raises GateError for the first gate that is missed."""
    for gate in map(parse_gate, gates):
        _check_gate(gate, evaluations)


def model_kind(directory: Path) -> str:
    """Which kind of model lies in a directory. Raises InputError where it holds none."""
    kind = read_manifest(directory).plan.kind
    if not kind.startswith("model:"):
        raise InputError(f"{directory}: expected a model, found {kind}")
    return kind.removeprefix("model:")


def _asked(metrics: list[str], gates: list[str]) -> list[MetricName]:
    """What is to be measured, each metric once."""
    return list(dict.fromkeys([*map(parse_metric, metrics), *(gate.metric for gate in map(parse_gate, gates))]))


def _evaluate(
    kind: str,
    directory: Path,
    asked: list[MetricName],
    inputs: Mapping[str, Path | None],
    seed: int,
    truth: Path | None,
    given: Mapping[str, Any],
) -> Evaluation:
    judge = JUDGES[kind]
    defaults = [metric for metric in map(parse_metric, judge.default_metrics) if truth or not metric.spec.needs_truth]
    metrics = [metric for metric in asked if kind in metric.spec.models] or defaults
    sources = {name: inputs[name] for name in (*judge.inputs, *_needed(kind, asked))}
    measured = resolve(_STAGES, kind, "model")(
        model=directory,
        metrics=metrics,
        seed=seed,
        truth=truth,
        **sources,
        **{name: value for name, value in given.items() if name in judge.options},
    )
    used = {*_read_by(kind, directory, asked), "truth"}
    data = {
        name: str(path)
        for name, path in [*sources.items(), ("truth", truth)]
        if name in used and path is not None and path.exists()
    }
    return Evaluation(model=kind, data=data, metrics=measured)


def _models_asked(models: Mapping[str, Path], asked: list[MetricName]) -> dict[str, Path]:
    """Those of `models` that the metrics are for; without metrics, those that are there."""
    if not asked:
        there = {kind: path for kind, path in models.items() if (path / MANIFEST).is_file()}
        if not there:
            raise InputError(
                "no trained model here", hint="Train one: etsyml train ltr, etsyml train lda or etsyml train ctr."
            )
        return there
    chosen: dict[str, Path] = {}
    for metric in asked:
        kinds = [kind for kind in metric.spec.models if kind in models]
        if not kinds:
            judged = ", ".join(metric.spec.models)
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


def _check_option_applies(option: str, kinds: Collection[str]) -> None:
    takers = [kind for kind, judge in JUDGES.items() if option in judge.options]
    if not set(takers) & set(kinds):
        raise UsageError(
            f"--{option} is for {' and '.join(takers)} models, none is judged",
            hint=f"Use --model {takers[0]}, with metrics such as {JUDGES[takers[0]].default_metrics[0]}.",
        )


def _needed(kind: str, asked: list[MetricName]) -> set[str]:
    """What the metrics of this kind of model read beside what its judge always does."""
    return {name for metric in asked if kind in metric.spec.models for name in metric.spec.needs}


def _read_by(kind: str, directory: Path, asked: list[MetricName]) -> set[str]:
    """The inputs that the judge of a model reads."""
    learned_from = read_manifest(directory).plan.inputs
    return {name for name in JUDGES[kind].inputs if name in learned_from} | _needed(kind, asked)


def _expect_a_reader(named: Collection[str], models: Mapping[str, Path], asked: list[MetricName]) -> None:
    read = {name for kind, directory in models.items() for name in _read_by(kind, directory, asked)}
    for name in named:
        if name not in read:
            raise UsageError(
                f"--{name}: read for none of the models that are evaluated",
                hint=f"Leave it out. They read: {', '.join(sorted(read))}.",
            )


def _metrics_for(models: Mapping[str, Path]) -> list[str]:
    return sorted(metric.name for metric in all_metrics() if set(metric.models) & set(models))


def _check_gate(gate: Gate, evaluations: list[Evaluation]) -> None:
    for evaluation in evaluations:
        judge = JUDGES[evaluation.model]
        main = [m for m in evaluation.metrics if m.slice == judge.main_slice]
        of_metric = {m.variant: m.value for m in main if m.name == str(gate.metric)}
        variant = next((v for v in judge.main_variants if v in of_metric), None)
        if variant is not None and not of_metric[variant] >= gate.least:
            raise GateError(
                f"{gate.metric} of {evaluation.model} ({variant}) is {of_metric[variant]:.4f}, below {gate.least:g}"
            )

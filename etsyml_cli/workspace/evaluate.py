"""Evaluate the models of a workspace on their held-out test sets; each metric selects the models that it applies to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
from etsyml_cli.systems import EXPECTED_MODELS, KINDS, MODELS, train_command

_EVALUATE = {name: kind.evaluate for name, kind in KINDS.items()}
_INPUTS = {name: kind.evaluation_inputs for name, kind in KINDS.items()}


class Evaluation(msgspec.Struct, kw_only=True):
    """The metrics of one model, and the inputs that they were measured on."""

    schema_version: int = 1
    model: str
    data: dict[str, str]
    metrics: list[Measurement]


@dataclass(frozen=True)
class Gate:
    """`--min ndcg@10=0.30`: the least value that the model's main variant must reach."""

    metric: MetricName
    least: float


def parse_gate(text: str) -> Gate:
    """The gate in `text`, written as METRIC=NUMBER. Raises UsageError if it is not valid."""
    name, _, number = text.rpartition("=")
    try:
        least = float(number)
    except ValueError:
        name = ""
    if not name:
        raise UsageError(f"--min {text}: expected METRIC=NUMBER, as in auc=0.7")
    metric = parse_metric(name)
    if metric.spec.better != "higher":
        raise UsageError(
            f"--min needs a metric for which higher is better; {metric} is not", hint="Use auc, for example."
        )
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
    """Measure `metrics` (the default ones of each model if empty) of `models`: kind -> directory.

    The metrics of `gates` are measured too. `images` are the photo features for each kind of model, `options` those
    that apply to some kinds only. `named` are the inputs that the user gave as options; each must be read for at least
    one model.

    Raises UsageError for a metric, an option or a named input that applies to none of the models, and for a metric
    that needs `truth` if it is None.
    """
    wanted = _metrics_of(metrics, gates)
    for metric in wanted:
        if metric.spec.needs_truth and truth is None:
            raise UsageError(f"{metric} needs the ground truth of sample data", hint="Give it with --truth DIR.")
    given = {name: value for name, value in {**(options or {}), "truth": truth}.items() if value is not None}
    chosen = _choose_models(models, wanted, given)
    for name in given:
        _check_option_applies(name, chosen)
    _check_required_options(given, chosen)
    _check_inputs_are_read(named, chosen, wanted)
    return [
        _evaluate(kind, directory, wanted, {**inputs, "images": (images or {}).get(kind)}, seed, given)
        for kind, directory in chosen.items()
    ]


def check_gates(gates: list[str], evaluations: list[Evaluation]) -> None:
    """Raises GateError for the first gate that is missed."""
    for gate in map(parse_gate, gates):
        _check_gate(gate, evaluations)


def model_kind(directory: Path) -> str:
    """The kind of the model in a directory. Raises InputError if it is not a model."""
    kind = read_manifest(directory).plan.kind
    if not kind.startswith("model:"):
        raise InputError(f"{directory}: expected a model, found {kind}")
    return kind.removeprefix("model:")


def _metrics_of(metrics: list[str], gates: list[str]) -> list[MetricName]:
    """The metrics to measure, each once."""
    return list(dict.fromkeys([*map(parse_metric, metrics), *(gate.metric for gate in map(parse_gate, gates))]))


def _applies(metric: MetricName, kind: str) -> bool:
    return KINDS[kind].command in metric.spec.models


def _evaluate(
    kind: str,
    directory: Path,
    wanted: list[MetricName],
    inputs: Mapping[str, Path | None],
    seed: int,
    given: Mapping[str, Any],
) -> Evaluation:
    model = KINDS[kind]
    defaults = [m for m in map(parse_metric, model.default_metrics) if "truth" in given or not m.spec.needs_truth]
    metrics = [metric for metric in wanted if _applies(metric, kind)] or defaults
    sources = {name: inputs[name] for name in (*model.inputs, *_needed(kind, wanted))}
    options = {name: value for name, value in given.items() if name in model.options}
    model_inputs = resolve(_INPUTS, kind, "model")(model=directory, **sources, **options)
    measured = resolve(_EVALUATE, kind, "model")(model_inputs, metrics, seed)
    read = {*_read_by(kind, directory, wanted), "truth"}
    data = {
        name: str(path)
        for name, path in [*sources.items(), ("truth", given.get("truth"))]
        if name in read and path is not None and path.exists()
    }
    return Evaluation(model=kind, data=data, metrics=measured)


def _choose_models(models: Mapping[str, Path], wanted: list[MetricName], given: Collection[str]) -> dict[str, Path]:
    """The trained models that the metrics apply to; without metrics, all trained models."""
    if not wanted:
        chosen = _trained(models, models, given)
        if not chosen:
            raise InputError("no trained model found", hint=f"Train one: {_any_train_command(models)}")
        return chosen
    chosen = {}
    for metric in wanted:
        kinds = [kind for kind in models if _applies(metric, kind)]
        if not kinds:
            raise UsageError(
                f"{metric} is a metric of {', '.join(metric.spec.models)} models, not {', '.join(models)}",
                hint=f"Metrics of {', '.join(models)}: {', '.join(_metrics_for(models))}.",
            )
        trained = _trained(models, kinds, given)
        if not trained:
            kind = kinds[0]
            hint = f"Train one with: {train_command(kind, models[kind])}"
            raise InputError(f"{models[kind]}: {kind} model not found", hint=hint)
        chosen |= trained
    return chosen


def _trained(models: Mapping[str, Path], kinds: Iterable[str], given: Collection[str]) -> dict[str, Path]:
    """The models of these kinds that exist, without those that lack a required option unless all of them do."""
    trained = {kind: models[kind] for kind in kinds if (models[kind] / MANIFEST).is_file()}
    ready = {kind: path for kind, path in trained.items() if set(KINDS[kind].required) <= set(given)}
    return ready or trained


def _any_train_command(models: Mapping[str, Path]) -> str:
    if len(models) == 1:
        [(kind, directory)] = models.items()
        return train_command(kind, directory)
    *others, last = (MODELS[name].train for name in EXPECTED_MODELS)
    return f"{', '.join(others)} or {last}"


def _check_option_applies(option: str, kinds: Collection[str]) -> None:
    takers = [kind for kind, model in KINDS.items() if option in model.options]
    if not set(takers) & set(kinds):
        raise UsageError(
            f"--{option} applies to {' and '.join(takers)} models only, and no such model is being evaluated",
            hint=f"Use --model {takers[0]}, with metrics such as {KINDS[takers[0]].default_metrics[0]}.",
        )


def _check_required_options(given: Collection[str], kinds: Collection[str]) -> None:
    for kind in kinds:
        for name in KINDS[kind].required:
            if name not in given:
                raise UsageError(f"{kind} models are evaluated on rows of a file", hint=f"Give it with --{name} FILE.")


def _needed(kind: str, wanted: list[MetricName]) -> set[str]:
    """Inputs that these metrics of a kind of model read in addition to those that it always reads."""
    return {name for metric in wanted if _applies(metric, kind) for name in metric.spec.needs}


def _read_by(kind: str, directory: Path, wanted: list[MetricName]) -> set[str]:
    """The inputs that the evaluation of a model reads."""
    trained_on = read_manifest(directory).plan.inputs
    return {name for name in KINDS[kind].inputs if name in trained_on} | _needed(kind, wanted)


def _check_inputs_are_read(named: Collection[str], models: Mapping[str, Path], wanted: list[MetricName]) -> None:
    read = {name for kind, directory in models.items() for name in _read_by(kind, directory, wanted)}
    for name in named:
        if name not in read:
            inputs = ", ".join(sorted(read)) or "none of the workspace's tables"
            raise UsageError(
                f"--{name} is not read for any of the models being evaluated",
                hint=f"Leave it out. They read: {inputs}.",
            )


def _metrics_for(models: Mapping[str, Path]) -> list[str]:
    commands = {KINDS[kind].command for kind in models}
    return sorted(metric.name for metric in all_metrics() if commands & set(metric.models))


def _check_gate(gate: Gate, evaluations: list[Evaluation]) -> None:
    for evaluation in evaluations:
        kind = KINDS[evaluation.model]
        main = [m for m in evaluation.metrics if m.slice == kind.main_slice]
        of_metric = {m.variant: m.value for m in main if m.name == str(gate.metric)}
        variant = next((v for v in kind.main_variants if v in of_metric), None)
        if variant is not None and not of_metric[variant] >= gate.least:
            raise GateError(
                f"{gate.metric} of {evaluation.model} ({variant}) is {of_metric[variant]:.4f}, below {gate.least:g}"
            )

"""`etsyml evaluate`."""

from __future__ import annotations

import re
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etsyml_cli.cli import complete, options, show
from etsyml_cli.cli.click_table import draw_click_figures
from etsyml_cli.cli.given import refuse
from etsyml_cli.cli.session import common_options, session
from etsyml_cli.systems import KINDS, MODELS

if TYPE_CHECKING:
    from etsyml_cli.metrics.measurement import Measurement
    from etsyml_cli.workspace.evaluate import Evaluation


@common_options
def evaluate(
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="NAME",
            help="Metric such as auc or ndcg@10; repeatable.",
            autocompletion=complete.metrics,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|DIR",
            help=f"Evaluate only this model: {', '.join(MODELS)}, or a directory.",
            autocompletion=complete.model_names,
        ),
    ] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="METRIC=NUMBER", help="Fail (exit 6) if METRIC is below NUMBER; repeatable."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Compare with the ground truth of `etsyml sample-data`.")
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Evaluate search rankings by these relevance grades instead of clicks."),
    ] = None,
    features: options.Features = None,
    groups: options.Groups = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="VARIANT", help="Compare with this variant [default: text for ltr, baseline for ctr]."),
    ] = None,
    backtest: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Test click models on each of the last N days, style models on N parts of the test set, trained only "
            "on what is before.",
        ),
    ] = None,
    diversity: Annotated[
        float | None,
        typer.Option(
            callback=options.within(0.0, 1.0),
            metavar="0..1",
            help="Evaluate also the lists of `etsyml recommend --diversity`.",
        ),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the evaluated pages and rankings as TREC files.")
    ] = None,
    listings: options.Listings = None,
    searches: options.Searches = None,
    favorites: options.Favorites = None,
    impressions: options.Impressions = None,
    images: options.Images = None,
    seed: options.Seed = 0,
) -> None:
    """Evaluate models on the held-out test set.

    Each metric is shown with trivial baselines and a 95% bootstrap interval. Without --model, the models ltr,
    lda and ctr of the workspace are evaluated, and with --features also ltr-rows.

    \b
    Examples:
      etsyml evaluate
      etsyml evaluate --metric auc --backtest 5
      etsyml evaluate --model ltr --metric "ndcg(gains=exp)@10" --min ndcg@10=0.30
      etsyml evaluate --model ltr --qrels grades.txt --baseline bm25
    """
    from etsyml_cli.photos.choose import features_of_model
    from etsyml_cli.workspace import evaluate as stage

    if qrels is not None:
        refuse("with --qrels", "truth")
    place = session.workspace
    models = _models(model)
    evaluations = stage.evaluate(
        models=models,
        inputs={
            "listings": listings or place.table("listings"),
            "searches": searches or place.table("searches"),
            "favorites": favorites or place.table("favorites"),
            "impressions": impressions or place.table("impressions"),
        },
        metrics=metric or [],
        gates=least or [],
        seed=seed,
        truth=truth,
        images={kind: images or features_of_model(path, place.all_images()) for kind, path in models.items()},
        options={
            "qrels": qrels,
            "baseline": baseline,
            "backtest": backtest,
            "diversity": diversity,
            "runs": runs,
            "features": features,
            "groups": groups,
        },
        named=[
            name for name in ("listings", "searches", "favorites", "impressions", "images") if name in session.given
        ],
    )
    show_evaluations(evaluations)
    stage.check_gates(least or [], evaluations)


def _models(name: str | None) -> dict[str, Path]:
    from etsyml_cli.core.errors import UsageError, did_you_mean
    from etsyml_cli.workspace.evaluate import model_kind

    if name is None:
        return {kind: session.workspace.model(kind) for kind in KINDS}
    if name in MODELS:
        return {MODELS[name].kind: session.workspace.model(name)}
    if not Path(name).exists():
        raise UsageError(f"--model {name}: model not found", hint=did_you_mean(name, MODELS))
    return {model_kind(Path(name)): Path(name)}


def show_evaluations(evaluations: list[Evaluation]) -> None:
    """One JSON object with --json, one table per model on a terminal, one JSON line per metric in a pipe."""
    if session.json:
        show.print_json({"schema_version": show.SCHEMA_VERSION, "evaluations": evaluations})
        return
    for evaluation in evaluations:
        if show.is_interactive():
            _draw(evaluation)
        else:
            for measurement in evaluation.metrics:
                show.print_json({"model": evaluation.model, **_plain(measurement)})


def _plain(measurement: Measurement) -> dict[str, object]:
    import msgspec

    return dict(msgspec.to_builtins(measurement))


def _draw(evaluation: Evaluation) -> None:
    if evaluation.model == "ctr":
        draw_click_figures(evaluation.metrics)
    else:
        draw_measurements(evaluation.model, evaluation.metrics)


def show_measurements(title: str, measurements: list[Measurement], whole: object) -> None:
    """`whole` as one JSON object with --json, a table on a terminal, one JSON line per metric in a pipe."""
    if session.json:
        show.print_json(whole)
    elif show.is_interactive():
        draw_measurements(title, measurements)
    else:
        for measurement in measurements:
            show.print_json(measurement)


def draw_measurements(title: str, measurements: list[Measurement]) -> None:
    """A table of metrics, with p-values and the number of units that gained and lost if they were computed."""
    baseline = next((m.against.baseline for m in measurements if m.against), "a baseline")
    tested = any(m.against and m.against.p_value is not None for m in measurements)
    header = ["metric", "variant", "value", "95%\ninterval", "diff.", "95%\ninterval"]
    several_slices = len({m.slice for m in measurements}) > 1
    rows = []
    for _, group in groupby(measurements, key=lambda m: (m.name, m.slice)):
        of_slice = list(group)
        for label, measurement in zip_longest(_labels(of_slice[0], several_slices), of_slice):
            rows.append([label or "", *(_cells(measurement, tested) if measurement else [])])
    columns = [*header, "p", "+/-"] if tested else header
    if any(m.windows for m in measurements):
        columns = [*columns, "parts\nmean", "\nsd"]
    show.table(f"{title}, differences to {baseline}", columns, rows, numbers_from=2)
    show.notes(measurements)


def _labels(measurement: Measurement, several_slices: bool) -> list[str]:
    """Metric, parameters, slice and number of units, one per row: on one line they would be too wide."""
    head, _, rest = measurement.name.partition("(")
    parameters, _, cutoff = rest.partition(")")
    slice_ = measurement.slice if several_slices else ""
    pieces = re.sub("([_=])", r"\1 ", f"{head}{cutoff} {parameters} {slice_}").split()
    return [*pieces, f"n {measurement.n:,}"]


def _cells(measurement: Measurement, tested: bool) -> list[str]:
    cells = [measurement.variant, *_figures(measurement), *(_test(measurement) if tested else [])]
    if measurement.windows:
        cells += [show.number(measurement.windows.mean, 3), show.number(measurement.windows.sd, 3)]
    return cells


def _figures(measurement: Measurement) -> list[str]:
    figures = [show.number(measurement.value, 4), show.interval(measurement.low, measurement.high)]
    against = measurement.against
    if against is None:
        return [*figures, "", ""]
    return [*figures, show.number(against.value, 4, "+"), show.interval(against.low, against.high)]


def _test(measurement: Measurement) -> list[str]:
    """The p-value, and the number of units that gained and lost."""
    against = measurement.against
    if against is None or against.p_value is None:
        return ["", ""]
    return [show.number(against.p_value, 4), f"{against.gained}/{against.lost}"]

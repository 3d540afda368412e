"""`etsyml evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session

if TYPE_CHECKING:
    from etsyml_cli.metrics.measurement import Measurement
    from etsyml_cli.stages.evaluate import Evaluation


@common_options
def evaluate(
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", metavar="NAME", help="As auc or ndcg@10; repeatable.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="ltr|lda|ctr|DIR", help="Only this model.")] = None,
    least: Annotated[
        list[str] | None, typer.Option("--min", metavar="METRIC=NUMBER", help="Exit 6 below this; repeatable.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Judge against the planted truth of `etsyml sample-data`.")
    ] = None,
    listings: options.Listings = None,
    searches: options.Searches = None,
    favorites: options.Favorites = None,
    impressions: options.Impressions = None,
    images: options.Images = None,
    seed: options.Seed = 0,
) -> None:
    """Judge models on what `train` set aside.

    Beside each figure stand trivial baselines and 95% bootstrap intervals.

    \b
    Examples:
      etsyml evaluate
      etsyml evaluate --metric auc
      etsyml evaluate --model ltr --metric "ndcg(gains=exp)@10" --min ndcg@10=0.30
    """
    from etsyml_cli.stages import evaluate as stage

    place = session.workspace
    features = images or (place.images() if place.images().exists() else None)
    texts = listings or (place.table("listings") if place.table("listings").exists() else None)
    evaluations = stage.evaluate(
        models=_models(model),
        inputs={
            "listings": texts,
            "searches": searches or place.table("searches"),
            "favorites": favorites or place.table("favorites"),
            "impressions": impressions or place.table("impressions"),
            "images": features,
        },
        metrics=metric or [],
        gates=least or [],
        seed=seed,
        truth=truth,
    )
    show_evaluations(evaluations)
    stage.hold(least or [], evaluations)


def _models(asked: str | None) -> dict[str, Path]:
    from etsyml_cli.stages.evaluate import JUDGES, model_kind

    if asked is None:
        return {kind: session.workspace.model(kind) for kind in JUDGES}
    if asked in JUDGES:
        return {asked: session.workspace.model(asked)}
    return {model_kind(Path(asked)): Path(asked)}


def show_evaluations(evaluations: list[Evaluation]) -> None:
    """One JSON object with --json, a table a model for a person, a JSON line a figure for a pipe."""
    if session.json:
        one = len(evaluations) == 1
        show.print_json(evaluations[0] if one else {"schema_version": 1, "evaluations": evaluations})
        return
    for evaluation in evaluations:
        if show.for_a_person():
            header = ["metric", "variant", "slice", "value", "95% interval", "n", "against", "difference", "interval"]
            show.table(evaluation.model, header, map(_row, evaluation.metrics), numbers_from=3)
        else:
            for measurement in evaluation.metrics:
                show.print_json({"model": evaluation.model, **_plain(measurement)})


def _plain(measurement: Measurement) -> dict[str, object]:
    import msgspec

    return dict(msgspec.to_builtins(measurement))


def _row(measurement: Measurement) -> list[str]:
    row = [
        measurement.name,
        measurement.variant,
        measurement.slice,
        f"{measurement.value:.4f}",
        f"{measurement.low:.4f} … {measurement.high:.4f}",
        f"{measurement.n:,}",
    ]
    against = measurement.against
    if against is None:
        return [*row, "", "", ""]
    return [*row, against.baseline, f"{against.value:+.4f}", f"{against.low:+.4f} … {against.high:+.4f}"]

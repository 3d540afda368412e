"""The ads section of the report: the table of the talk, and plots of the quality of the predicted probabilities."""

from __future__ import annotations

import msgspec
import numpy as np

from etsyml_cli.ads.click_model import CONTENT, ENSEMBLE, HISTORICAL
from etsyml_cli.ads.evaluate import EvaluationInputs, TestRun, inputs_of, on_test_days
from etsyml_cli.ads.figures import DayFigures, mean_log_loss
from etsyml_cli.ads.log.log import EVENTS
from etsyml_cli.ads.slices import measure_slices
from etsyml_cli.ads.store import figures_of
from etsyml_cli.core.days import iso_date
from etsyml_cli.core.types import F64
from etsyml_cli.io.artifact import MANIFEST, read_manifest
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.metrics.curves import curves, equal_groups, rates_of
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.photos.choose import features_of_model
from etsyml_cli.report.ads_auctions import MAX_ROWS, Auctions, auctions
from etsyml_cli.report.ads_features import TopFeatures, top_features
from etsyml_cli.report.ads_rows import rows_of_test
from etsyml_cli.report.ads_table import Slice, slices
from etsyml_cli.report.missing import SEED, Missing
from etsyml_cli.report.plots import Plot, Series
from etsyml_cli.systems import KINDS, MODELS

MADE_BY = MODELS["ctr"].train
GROUPS = 10
UNCALIBRATED = np.array([1.0, 0.0])  # slope and intercept of the log-odds
VARIANTS = ("baseline", HISTORICAL, CONTENT, ENSEMBLE)


class Ads(msgspec.Struct, kw_only=True):
    """Contents of the section: metrics of the model on the `rows` rows of the test set."""

    event: str  # the predicted event, click or conversion
    source: str  # the table with the training log
    first_day: str
    last_day: str
    rows: int
    photos: str | None
    table: list[Slice]
    reliability: Plot
    roc: Plot
    precision_recall: Plot
    progressive: Plot
    by_history: Plot | Missing
    telling: TopFeatures
    auctions: Auctions | Missing


def ads(place: Workspace) -> Ads | Missing:
    """Metrics and plots of the click model on the test set. Raises the same errors as `ads.evaluate.evaluate`."""
    model = place.model("ctr")
    if not (model / MANIFEST).is_file():
        first = "" if place.table("impressions").exists() else "etsyml ingest impressions FILE && "
        return Missing("no click model", f"{first}{MADE_BY}")
    trained_on = inputs_of(
        EvaluationInputs(
            model=model,
            impressions=place.table("impressions"),
            searches=place.table("searches"),
            listings=place.table_if_exists("listings"),
            images=features_of_model(model, place.all_images()),
        )
    )
    found = on_test_days(model, trained_on)
    shown = rows_of_test(trained_on.log, found.split, found.model, MAX_ROWS)
    event = EVENTS[trained_on.log.label]
    return Ads(
        event=event,
        source=trained_on.log.table,
        first_day=iso_date(found.split.test_begins),
        last_day=iso_date(found.split.last),
        rows=len(found.tested.clicks),
        photos=read_manifest(model).facts.get("photos"),
        table=slices(measure_slices(found.tested, [*map(parse_metric, KINDS["ctr"].default_metrics)], SEED)),
        reliability=_reliability(found, event),
        **_roc_and_precision(found, event),
        progressive=_progressive(figures_of(model).progressive, list(found.model.parts)),
        by_history=_by_history(found, event),
        telling=top_features(found.model, shown, trained_on.side.listings),
        auctions=auctions(place, found.model, shown),
    )


def _reliability(found: TestRun, event: str) -> Plot:
    """Predicted and observed rates of the ensemble, before and after calibration."""
    rates = found.tested.rates
    blended = {"calibrated": rates[ENSEMBLE]} if ENSEMBLE in rates else {"not calibrated": rates[CONTENT]}
    if ENSEMBLE in rates:
        as_fitted = found.model.blend._replace(platt=UNCALIBRATED)
        blended = {"before calibration": as_fitted.predict(found.scored.p, found.scored.shown), **blended}
    series = []
    for name, p in blended.items():
        groups = rates_of(equal_groups(p, GROUPS), p, found.tested.clicks, found.tested.impressions)
        predicted, *observed = (part.tolist() for part in groups)
        series.append(Series(name=name, x=predicted, **dict(zip(("y", "low", "high"), observed, strict=True))))
    return Plot(
        name="ads-reliability",
        title=f"Calibration: predicted and observed {event} rates of ten groups of equal size, with 95% intervals",
        x=f"predicted {event} rate",
        y=f"observed {event} rate",
        series=series,
        kind="points",
        scale="log-log",
        diagonal=True,
    )


def _roc_and_precision(found: TestRun, event: str) -> dict[str, Plot]:
    roc, precision_recall = [], []
    for name in VARIANTS:
        if name in found.tested.rates:
            drawn = curves(found.tested.rates[name], found.tested.clicks, found.tested.impressions)
            false_positives, recall, precisions = (part.tolist() for part in drawn)
            roc.append(Series(name=name, x=false_positives, y=recall))
            precision_recall.append(Series(name=name, x=recall[1:], y=precisions[1:]))
    return {
        "roc": Plot(
            name="ads-roc",
            title=f"ROC curve of the predicted {event} rates",
            x="false positive rate",
            y="true positive rate",
            series=roc,
            diagonal=True,
        ),
        "precision_recall": Plot(
            name="ads-precision-recall",
            title=f"Precision-recall curve of the predicted {event} rates",
            x="recall",
            y="precision",
            series=precision_recall,
            scale="log-y",
        ),
    }


def _progressive(days: list[DayFigures], parts: list[str]) -> Plot:
    """The log loss of each day, with each row predicted before it is used for training."""
    first = days[0].day
    series = [
        Series(
            name=name,
            x=[float(of_day.day - first) for of_day in days],
            y=[mean_log_loss([of_day], name) for of_day in days],
        )
        for name in parts
    ]
    return Plot(
        name="ads-progressive",
        title="Log loss during training: each row is predicted before it is used for training",
        x=f"days since {iso_date(first)}",
        y="log loss",
        series=series,
    )


def _by_history(found: TestRun, event: str) -> Plot | Missing:
    """Observed and predicted rates by the number of earlier impressions of the ad."""
    if not found.model.histories:
        return Missing("the model has no history features", MADE_BY)
    shown, clicks, impressions = found.scored.shown, found.tested.clicks, found.tested.impressions
    groups = equal_groups(shown, GROUPS)
    names = [_range(shown[groups == number]) for number in range(groups.max() + 1)]
    predicted = {name: rates_of(groups, found.tested.rates[name], clicks, impressions) for name in VARIANTS[1:]}
    observed = predicted[ENSEMBLE]
    series = [
        Series(
            name="observed",
            x=names,
            y=observed.observed.tolist(),
            low=observed.low.tolist(),
            high=observed.high.tolist(),
        ),
        *(Series(name=name, x=names, y=rates.predicted.tolist()) for name, rates in predicted.items()),
    ]
    return Plot(
        name="ads-by-history",
        title=f"Calibration by history: {event} rates by number of impressions of the ad before the test period",
        x="earlier impressions of the ad",
        y=f"{event} rate",
        series=series,
        kind="points",
    )


def _range(shown: F64) -> str:
    return "…".join(dict.fromkeys(f"{end:,.0f}" for end in (shown.min(), shown.max())))

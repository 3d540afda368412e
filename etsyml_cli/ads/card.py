"""The model card of a click model, README.md: description, training data, validation metrics and usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import asdict

from etsyml_cli.ads.config import AdHistory, CtrConfig
from etsyml_cli.ads.figures import DataFigures, DayFigures, FitDays, LearningFigures, mean_log_loss
from etsyml_cli.ads.learn import LEAST_EVENTS
from etsyml_cli.ads.log.log import EVENTS, IMPRESSIONS, SEARCHES
from etsyml_cli.core.days import iso_date
from etsyml_cli.splits.days import DaySplit

SHOWN = {IMPRESSIONS: "an ad", SEARCHES: "a listing among search results"}
TEMPLATE = """\
# {title}

Predicts how likely {an_ad} is {label} when it is shown, by logistic regression over hashed features, trained by
FTRL-Proximal (McMahan et al., KDD'13, Algorithm 1) with alpha {alpha:g}, beta {beta:g} times the impressions of an
average row, l1 {l1:g}, l2 {l2:g}, passes {passes}.{negatives}

## Content model

{features}

The value of a column is read from the row, and from its listing if the row has none; a missing value has no feature.
The bias is initialized to the average of the first days, which is the prediction for a row without features.
Values are hashed (MurmurHash3, seeded by the name of the feature) into slots; the bias has its own slot.

{hashing}
{historical}
## Training data

Trained in time order on {rows:,} rows of the {source} table:
{impressions:,.0f} impressions, {clicks:,.0f} {label} ({base_rate:.4%}).

- training: {train_days}{window}
- validation: {valid_days}; used for validation first, then for training, so that training ends just before the test
- test: {test_days}

## Validation

{validation}

`base_rate` predicts the average of the training rows for every row. The ensemble is evaluated before its calibration on
the same day. Log loss of the latest days, with each row predicted just before the model was trained on it:

{progressive}

## Use

    etsyml evaluate --metric auc
    etsyml score

{position}A row without a column is scored with the other columns. The training data depends on the ranking that
selected the impressions, and so does the model.
"""

HISTORICAL = """
## Historical model

{history}

A count has five features: the log-odds of the rate of {event}s, over all earlier days and over the last {days} days,
each smoothed by a beta prior that is fitted to all keys and relative to the log-odds of its mean; the logarithms of
both numbers of impressions; and the logarithm of the days since the first impression. In training, the counts include
the days before the row; in `score` and `evaluate`, all training days.

## Ensemble

    shown = log(1 + impressions of the listing) / 8
    log-odds = {w[0]:.4f} · historical {w[1]:+.4f} · content {w[2]:+.4f} · shown {w[3]:+.4f}
    calibrated = {platt[0]:.4f} · log-odds {platt[1]:+.4f}

{fitted}. Both use the predictions made for each row just before
the model was trained on it. An ad with fewer than {cold} earlier impressions is cold, else warm; only `evaluate` uses
this rule, the ensemble uses the number itself.
"""

LATEST_DAYS = 7  # of progressive validation on the card; metrics.json has all days


def model_card(
    config: CtrConfig, split: DaySplit, data: DataFigures, learned: LearningFigures, photos: str | None
) -> str:
    """The card as Markdown. `photos` describes how the photo features were made."""
    return TEMPLATE.format(
        alpha=config.alpha,
        beta=config.beta,
        l1=config.l1,
        l2=config.l2,
        passes=config.passes,
        negatives=_negatives(config.negatives),
        features=_features(config, data.absent_columns, photos),
        historical=_historical(config.history, config, data.label, learned) if config.history else "",
        hashing=_table({name: asdict(of_part) for name, of_part in learned.hashing.items()}, "{:,.0f}"),
        **asdict(learned.train),
        label=data.label,
        source=data.source,
        an_ad=SHOWN[data.source],
        title=f"{EVENTS[data.label].capitalize()} model",
        train_days=_days(split.first, split.valid_from),
        window=_window(data.train_days),
        valid_days=_days(split.valid_from, split.test_begins),
        test_days=_days(split.test_begins, split.last + 1),
        validation=_validation(learned.valid),
        progressive=_progressive(learned.progressive, list(learned.hashing)),
        position="" if config.position is None else f"Scores are for position {config.position}. ",
    )


def _negatives(rate: float) -> str:
    if rate == 1:
        return ""
    return f" Rows without an event were sampled at a rate of {rate:g}, and odds are corrected for it."


def _features(config: CtrConfig, absent: list[str], photos: str | None) -> str:
    features = config.features
    crosses, word_pairs = ([" × ".join(cross) for cross in of] for of in (features.crosses, features.word_crosses))
    lines = [
        ("values of", features.categorical),
        ("words of", features.text),
        ("combinations of", crosses),
        ("pairs of words of", word_pairs),
        ("bins of the logarithm of", features.numeric),
        (f"SVD with at most {config.svd_dim} dimensions of the words of", features.text_svd),
        (f"SVD with at most {config.photo_dim} dimensions of the photo features by", [photos] if photos else []),
        ("skipped, because the column is in no table:", absent),
    ]
    return _list(lines)


def _historical(history: AdHistory, config: CtrConfig, label: str, learned: LearningFigures) -> str:
    counts, pairs = ([" × ".join(columns) for columns in of] for of in (history.counts, history.click_svd))
    lines = [
        ("values of", history.categorical),
        ("events and impressions on earlier days of", counts),
        (f"SVD with {config.svd_dim} dimensions of the events of earlier weeks by", pairs),
    ]
    return HISTORICAL.format(
        history=_list(lines),
        event=EVENTS[label],
        days=config.days,
        cold=config.cold,
        fitted=_fitted(learned.fitted_on),
        w=learned.blend.weights,
        platt=learned.blend.platt,
    )


def _fitted(days: FitDays) -> str:
    blend, calibration = (
        f"fitted to {_days(of[0], of[-1] + 1)}" if of else f"not fitted: too few days or under {LEAST_EVENTS} events"
        for of in (days.blend, days.calibration)
    )
    return f"The ensemble was {blend}; the calibration was {calibration}"


def _progressive(days: list[DayFigures], parts: list[str]) -> str:
    latest = [of_day for of_day in days if of_day.impressions][-LATEST_DAYS:]
    losses = {iso_date(of_day.day): {name: mean_log_loss([of_day], name) for name in parts} for of_day in latest}
    return _table(losses, "{:.5f}")


def _list(lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(f"- {what} {', '.join(columns)}" for what, columns in lines if columns)


def _window(train_days: int | None) -> str:
    return "" if train_days is None else f"; with validation, the last {train_days} days before the test"


def _days(first: int, end: int) -> str:
    """The first and last date of days since 1970-01-01, the end excluded."""
    if first >= end:
        return "none"
    dates = [iso_date(day) for day in (first, end - 1)]
    return " … ".join(dict.fromkeys(dates))


def _validation(valid: dict[str, dict[str, float]]) -> str:
    if not valid:
        return "There is no validation day, or its rows have only one class."
    return _table(valid, "{:.5f}")


def _table(figures: Mapping[str, Mapping[str, float]], number: str) -> str:
    """A Markdown table with one row per name and one column per metric."""
    if not figures:
        return "none"
    names = next(iter(figures.values()))
    header = ["", *(name.replace("_", " ") for name in names)]
    rows = [[name, *(number.format(value) for value in values.values())] for name, values in figures.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])

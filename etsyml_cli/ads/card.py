"""The README.md of a click model: what it is, what it learned from, how good it looked, how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etsyml_cli.ads.config import AdHistory, CtrConfig
from etsyml_cli.ads.learn import LEAST_EVENTS
from etsyml_cli.ads.log import EVENTS, IMPRESSIONS, SEARCHES
from etsyml_cli.core.days import iso_date
from etsyml_cli.splits.days import DaySplit

SHOWN = {IMPRESSIONS: "an ad", SEARCHES: "a listing among search results"}
TEMPLATE = """\
# {title}

Predicts how likely {an_ad} is {label} when it is shown, by logistic regression over hashed features, trained by
FTRL-Proximal (McMahan et al., KDD'13, Algorithm 1) with alpha {alpha:g}, beta {beta:g} times the impressions of an
average row, l1 {l1:g}, l2 {l2:g}, passes {passes}.{negatives}

## Content: what was shown

{features}

A row's own value of a column comes first, its listing's value where the row has none; what neither has is no feature.
The bias starts at the first days' average, so that a row of which nothing is known is predicted just that.
Values are hashed (MurmurHash3, seeded by the feature's name) into slots beside the bias.

{hashing}
{historical}
## Data

Learned in time order from {rows:,} rows of the {source} table:
{impressions:,.0f} impressions, {clicks:,.0f} {label} ({base_rate:.4%}).

- training: {train_days}{window}
- validation: {valid_days}; judged first, learned from afterwards, so that the model has seen all before the test
- test: {test_days}

## Validation

{validation}

`base_rate` predicts the training rows' average for everyone; an ensemble is judged before it is calibrated on the
same day. Log loss of the latest days, each row predicted just before it was learned:

{progressive}

## Use

    etsyml evaluate --metric auc
    etsyml score

{position}A row that lacks a column is scored by the others alone. Who is {label} follows what was shown: the model
learns from what some earlier ranking chose.
"""

HISTORICAL = """
## Historical: what became of it

{history}

A count gives five numbers: the log-odds of the rate of {event}s, over the whole past and over the last {days} days,
each smoothed by a beta prior that is fitted to all keys and less the log-odds of the prior's mean; the logarithm of
both numbers of impressions; and the logarithm of the days since the first. Rows see the days before their own; `score`
and `evaluate` see all days that were learned.

## Ensemble: the blend

    shown = log(1 + impressions of the listing) / 8
    log-odds = {w[0]:.4f} · historical {w[1]:+.4f} · content {w[2]:+.4f} · shown {w[3]:+.4f}
    calibrated = {platt[0]:.4f} · log-odds {platt[1]:+.4f}

{fitted}, both to the predictions for each row just before it was learned.
What was shown fewer than {cold} times before is cold, else warm; the
rule is for `evaluate`, the blend knows the number itself.
"""

LATEST_DAYS = 7  # of progressive validation in the card; metrics.json has them all


def model_card(config: CtrConfig, split: DaySplit, metrics: dict[str, Any], photos: str | None) -> str:
    """The card as Markdown. `metrics` is what `metrics.json` holds, `photos` what made the photo features."""
    return TEMPLATE.format(
        alpha=config.alpha,
        beta=config.beta,
        l1=config.l1,
        l2=config.l2,
        passes=config.passes,
        negatives=_negatives(config.negatives),
        features=_features(config, metrics["absent_columns"], photos),
        historical=_historical(config.history, config, metrics) if config.history else "",
        hashing=_table(metrics["hashing"], "{:,.0f}"),
        **metrics["train"],
        label=metrics["label"],
        source=metrics["source"],
        an_ad=SHOWN[metrics["source"]],
        title=f"{EVENTS[metrics['label']].capitalize()} model",
        train_days=_days(split.first, split.valid_from),
        window=_window(metrics["train_days"]),
        valid_days=_days(split.valid_from, split.test_begins),
        test_days=_days(split.test_begins, split.last + 1),
        validation=_validation(metrics["valid"]),
        progressive=_progressive(metrics["progressive"], list(metrics["hashing"])),
        position="" if config.position is None else f"Scores are for position {config.position}. ",
    )


def _negatives(rate: float) -> str:
    if rate == 1:
        return ""
    return f" Of the rows without one {rate:g} were learned, and the odds multiplied by that."


def _features(config: CtrConfig, absent: list[str], photos: str | None) -> str:
    features = config.features
    crosses, word_pairs = ([" × ".join(cross) for cross in of] for of in (features.crosses, features.word_crosses))
    lines = [
        ("the value of", features.categorical),
        ("each word of", features.text),
        ("each combination of", crosses),
        ("each pair of a word and a word of", word_pairs),
        ("the bucket of the logarithm of", features.numeric),
        (f"an SVD to at most {config.svd_dim} numbers of the words of", features.text_svd),
        (f"an SVD to at most {config.photo_dim} numbers of the photo features by", [photos] if photos else []),
        ("not there, and so left out:", absent),
    ]
    return _list(lines)


def _historical(history: AdHistory, config: CtrConfig, metrics: dict[str, Any]) -> str:
    counts, pairs = ([" × ".join(columns) for columns in of] for of in (history.counts, history.click_svd))
    lines = [
        ("the value of", history.categorical),
        ("events and impressions on earlier days of", counts),
        (f"an SVD to {config.svd_dim} numbers of the events of earlier weeks by", pairs),
    ]
    return HISTORICAL.format(
        history=_list(lines),
        event=EVENTS[metrics["label"]],
        days=config.days,
        cold=config.cold,
        fitted=_fitted(metrics["fitted_on"]),
        w=metrics["blend"]["weights"],
        platt=metrics["blend"]["platt"],
    )


def _fitted(days: dict[str, list[int]]) -> str:
    blend, calibration = (
        f"fitted to {_days(of[0], of[-1] + 1)}" if of else f"kept: too few days, or fewer than {LEAST_EVENTS} events"
        for of in (days["blend"], days["calibration"])
    )
    return f"The blend was {blend}; the calibration was {calibration}"


def _progressive(days: list[dict[str, Any]], parts: list[str]) -> str:
    return _table(
        {
            iso_date(of_day["day"]): {name: of_day[name] / of_day["impressions"] for name in parts}
            for of_day in [of_day for of_day in days if of_day["impressions"]][-LATEST_DAYS:]
        },
        "{:.5f}",
    )


def _list(lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(f"- {what} {', '.join(columns)}" for what, columns in lines if columns)


def _window(train_days: int | None) -> str:
    return "" if train_days is None else f"; with validation the last {train_days} days, earlier ones are not used"


def _days(first: int, end: int) -> str:
    """Days since 1970 as dates, the end excluded."""
    if first >= end:
        return "none"
    dates = [iso_date(day) for day in (first, end - 1)]
    return " … ".join(dict.fromkeys(dates))


def _validation(valid: dict[str, dict[str, float]]) -> str:
    if not valid:
        return "No validation day, or one with rows of one class only."
    return _table(valid, "{:.5f}")


def _table(found: Mapping[str, Mapping[str, float]], number: str) -> str:
    """A row each: its name, then each of its figures under the figure's name."""
    if not found:
        return "none"
    names = next(iter(found.values()))
    header = ["", *(name.replace("_", " ") for name in names)]
    rows = [[name, *(number.format(value) for value in values.values())] for name, values in found.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])

"""The README.md of a click model: what it is, what it learned from, how good it looked, how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from etsyml_cli.ingest.split import DaySplit
from etsyml_cli.models.ctr.config import AdFeatures, AdHistory, CtrConfig
from etsyml_cli.stages.ctr_log import EVENTS

TEMPLATE = """\
# {title}

Predicts how likely an ad that is shown is {label}, by two models and their blend. Both are logistic regression over
hashed features, trained by FTRL-Proximal (McMahan et al., KDD'13, Algorithm 1) with alpha {alpha:g}, beta {beta:g},
l1 {l1:g}, l2 {l2:g}, passes {passes}.

## Content: what an ad is

{features}

## Historical: what became of it

{history}

A count gives five numbers: the log-odds of the rate of {event}s, over the whole past and over the last {days} days,
each smoothed by a beta prior that is fitted to all keys and less the log-odds of the prior's mean; the logarithm of
both numbers of impressions; and the logarithm of the days since the first. Rows see the days before their own; `score`
and `evaluate` see all days that were learned.

A row's own value of a column comes first, its listing's value where the row has none; what neither has is no feature.
The bias starts at the training days' average, so that a row of which nothing is known is predicted just that.
Values are hashed (MurmurHash3, seeded by the feature's name) into slots beside the bias.

{hashing}

## Ensemble: the blend

    shown = log(1 + impressions of the ad) / 8
    log-odds = {w[0]:.4f} · historical {w[1]:+.4f} · content {w[2]:+.4f} · shown {w[3]:+.4f}
    calibrated = {platt[0]:.4f} · log-odds {platt[1]:+.4f}

The blend was fitted on the last days of training, the calibration on the validation day, both on what the models said
of each row just before they learned it. An ad is cold that was shown fewer than {cold} times before, else warm; the
rule is for `evaluate`, the blend knows the number itself.

## Data

Learned in time order from {rows:,} rows: {impressions:,.0f} impressions, {clicks:,.0f} {label} ({base_rate:.4%}).

- training: {train_days}
- validation: {valid_days}; judged first, learned from afterwards, so that the model has seen all before the test
- test: {test_days}

## Validation

{validation}

Over the last {tail:,} training rows, each predicted just before it was learned, the average log loss was
{historical_loss:.5f} (historical) and {content_loss:.5f} (content). The baseline predicts the training rows' average
for everyone; the ensemble is judged before it is calibrated on the same day.

## Use

    etsyml evaluate --metric auc
    etsyml score

A row that lacks a column, such as `position`, is scored by the others alone. Who is {label} follows what was shown: the
model learns from ads that some earlier ranking chose.
"""


def model_card(config: CtrConfig, split: DaySplit, metrics: dict[str, Any]) -> str:
    """The card as Markdown. `metrics` is what `metrics.json` holds."""
    hashing, train, progressive = metrics["hashing"], metrics["train"], metrics["progressive"]
    return TEMPLATE.format(
        alpha=config.alpha,
        beta=config.beta,
        l1=config.l1,
        l2=config.l2,
        passes=config.passes,
        features=_features(config.features, metrics["absent_columns"]),
        history=_history(config.history),
        days=config.days,
        cold=config.cold,
        hashing=_table(hashing, "{:,.0f}"),
        w=metrics["blend"]["weights"],
        platt=metrics["blend"]["platt"],
        **train,
        label=metrics["label"],
        event=EVENTS[metrics["label"]],
        title=f"{EVENTS[metrics['label']].capitalize()} model",
        train_days=_days(split.first, split.valid_from),
        valid_days=_days(split.valid_from, split.test_begins),
        test_days=_days(split.test_begins, split.last + 1),
        validation=_validation(metrics["valid"]),
        tail=progressive["rows"],
        historical_loss=progressive["historical"],
        content_loss=progressive["content"],
    )


def _features(features: AdFeatures, absent: list[str]) -> str:
    crosses, word_pairs = ([" × ".join(cross) for cross in of] for of in (features.crosses, features.word_crosses))
    lines = [
        ("the value of", features.categorical),
        ("each word of", features.text),
        ("each combination of", crosses),
        ("each pair of a word and a word of", word_pairs),
        ("the bucket of the logarithm of", features.numeric),
        ("not there, and so left out:", absent),
    ]
    return _list(lines)


def _history(history: AdHistory) -> str:
    counts = [" × ".join(columns) for columns in history.counts]
    return _list([("the value of", history.categorical), ("events and impressions on earlier days of", counts)])


def _list(lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(f"- {what} {', '.join(columns)}" for what, columns in lines if columns)


def _days(first: int, end: int) -> str:
    """Days since 1970 as dates, the end excluded."""
    if first >= end:
        return "none"
    dates = [str(date(1970, 1, 1) + timedelta(days=day)) for day in (first, end - 1)]
    return " … ".join(dict.fromkeys(dates))


def _validation(valid: dict[str, dict[str, float]]) -> str:
    if not valid:
        return "No validation day, or one with rows of one class only."
    return _table(valid, "{:.5f}")


def _table(found: Mapping[str, Mapping[str, float]], number: str) -> str:
    """A row a model: its name, then each of its figures under the figure's name."""
    names = next(iter(found.values()))
    header = ["model", *(name.replace("_", " ") for name in names)]
    rows = [[model, *(number.format(value) for value in values.values())] for model, values in found.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])

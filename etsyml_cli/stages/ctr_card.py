"""The README.md of a click model: what it is, what it learned from, how good it looked, how to use it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from etsyml_cli.ingest.split import DaySplit
from etsyml_cli.models.ctr.config import AdFeatures, CtrConfig
from etsyml_cli.stages.ctr_log import EVENTS

TEMPLATE = """\
# {title}

Predicts how likely an ad that is shown is {label}: logistic regression over hashed features, trained by FTRL-Proximal
(McMahan et al., KDD'13, Algorithm 1) with alpha {alpha:g}, beta {beta:g}, l1 {l1:g}, l2 {l2:g}, passes {passes}.

## Features

{features}

A row's own value of a column comes first, its listing's value where the row has none; what neither has is no feature.
The bias starts at the training days' average, so that a row of which nothing is known is predicted just that.
Values are hashed (MurmurHash3, seeded by the feature's name) into {slots:,} slots beside the bias, of which
{slots_used:,} have learned something: about {n_features:,} features, {sharing:,} of which share a slot with another.

## Data

Learned in time order from {rows:,} rows: {impressions:,.0f} impressions, {clicks:,.0f} {label} ({base_rate:.4%}).

- training: {train_days}
- validation: {valid_days}; judged first, learned from afterwards, so that the model has seen all before the test
- test: {test_days}

## Validation

{validation}

Over the last {tail:,} training rows, each predicted just before it was learned, the average log loss was
{tail_loss:.5f}. The baseline predicts the training rows' average for everyone.

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
        slots=hashing["slots"],
        slots_used=hashing["slots_used"],
        n_features=hashing["features"],
        sharing=hashing["features_sharing_a_slot"],
        **train,
        label=metrics["label"],
        title=f"{EVENTS[metrics['label']].capitalize()} model",
        train_days=_days(split.first, split.valid_from),
        valid_days=_days(split.valid_from, split.test_begins),
        test_days=_days(split.test_begins, split.last + 1),
        validation=_validation(metrics["valid"]),
        tail=progressive["rows"],
        tail_loss=progressive["logloss"],
    )


def _features(features: AdFeatures, absent: list[str]) -> str:
    crosses = [" × ".join(cross) for cross in features.crosses]
    lines = [
        ("the value of", features.categorical),
        ("each word of", features.text),
        ("each combination of", crosses),
        ("the bucket of the logarithm of", features.numeric),
        ("not there, and so left out:", absent),
    ]
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
    names = next(iter(valid.values()))
    header = ["variant", *names]
    rows = [[variant, *(f"{value:.5f}" for value in found.values())] for variant, found in valid.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])

"""A tiny marketplace of two tastes, and the personalization chain in short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.io.summary import Summary
from etsyml_cli.metrics.measurement import Measurement
from etsyml_cli.metrics.names import parse_metric
from etsyml_cli.personalization import recommend as stage
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.evaluate import EvaluationInputs, evaluate
from etsyml_cli.personalization.prepare import Inputs
from etsyml_cli.personalization.store import load_model
from etsyml_cli.personalization.train import train_lda

CONFIG = LdaConfig(n_topics=4, passes=20, split="user")
Row = tuple[str, str, str]  # user, listing, time


def two_tastes(n_users: int = 60) -> list[Row]:
    """Even users favorite 8 of L00..L19, odd ones 8 of L20..L39, one a day."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(n_users):
        chosen = rng.choice(20, 8, replace=False) + 20 * (user % 2)
        rows += [(f"U{user}", f"L{i:02}", f"2014-05-{day:02}T00:00:00Z") for day, i in enumerate(chosen, 1)]
    return rows


def table_of(rows: list[Row], path: Path, *, times: bool = True) -> Path:
    header, width = ("user_id,listing_id,created_at", 3) if times else ("user_id,listing_id", 2)
    source = path.with_suffix(".csv")
    source.write_text("\n".join([header, *(",".join(row[:width]) for row in rows)]) + "\n")
    ingest("favorites", [str(source)], out=path, config=IngestConfig())
    return path


def train(
    favorites: Path,
    out: Path,
    holdout: str | None = None,
    config: LdaConfig = CONFIG,
    force: bool = False,
    **more: object,
) -> Summary:
    more.setdefault("listings", None)
    inputs = Inputs(favorites=favorites, config=config, seed=1, holdout=holdout, **more)  # type: ignore[arg-type]
    return train_lda(inputs, out=out, force=force)


def figures(
    model: Path, favorites: Path, *metrics: str, truth: Path | None = None, listings: Path | None = None
) -> dict[tuple[str, str], Measurement]:
    asked = [parse_metric(metric) for metric in metrics]
    inputs = EvaluationInputs(model=model, favorites=favorites, truth=truth, listings=listings)
    measured = evaluate(inputs, asked, 0)
    return {(one.name, one.variant): one for one in measured}


def held_out_pairs(model: Path) -> set[tuple[str, str]]:
    loaded = load_model(model)
    pairs = zip(loaded.test.users(), loaded.test.indices, strict=True)
    return {(loaded.user_ids[user], loaded.listing_ids[listing]) for user, listing in pairs}


def recommend(users: list[str] | None = None, first: int = 0, **asked: object) -> Iterator[dict]:
    """Run the stage with the fields of its inputs and options."""
    wished = {name: asked.pop(name) for name in stage.ListOptions.__dataclass_fields__ if name in asked}
    inputs = stage.RecommendInputs(**asked)  # type: ignore[arg-type]
    lists = stage.recommend(inputs, users, stage.ListOptions(**wished), first=first)  # type: ignore[arg-type]
    return (msgspec.to_builtins(one) for one in lists)


def ids(listed: dict) -> list[str]:
    return [item["id"] for item in listed["items"]]

"""Write a sample marketplace: foreign logs as a shop system might export them, photos, and the planted truth."""

from __future__ import annotations

from pathlib import Path

import msgspec

from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import Plan, artifact
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.truth import FOLDER, write_positions
from etsyml_cli.sample import ads, searches
from etsyml_cli.sample.config import SampleConfig
from etsyml_cli.sample.readme import describe
from etsyml_cli.sample.slices import examination
from etsyml_cli.sample.world import build_world
from etsyml_cli.sample.write_listings import write_listings, write_photos
from etsyml_cli.sample.write_logs import write_favorites, write_impressions, write_searches

KIND = "sample-data"


def sample_data(out: Path, config: SampleConfig, *, seed: int, force: bool = False) -> Summary:
    """Draw a marketplace into `out`: listings, photos, searches, favorites, impressions and the truth behind them.

    Raises UsageError where something else is at `out` already, unless `force`.
    """
    plan = Plan(kind=KIND, config=msgspec.to_builtins(config), seed=seed)
    if there := existing_result(out, plan, force=force):
        return there
    world = build_world(config, seed)
    with artifact(out, plan, force=force) as draft:
        (draft.path / FOLDER).mkdir()
        draft.rows["listings"] = write_listings(world, draft.path)
        logger.info("%s: drawing %d photos", out, config.listings)
        write_photos(world, draft.path)
        draft.rows["favorites"] = write_favorites(world, draft.path)
        draft.rows["searches"] = write_searches(world, draft.path)
        draft.rows["impressions"] = write_impressions(world, draft.path)
        looks = {
            "searches": examination(config.page_size, searches.DECAY).tolist(),
            "ads": examination(ads.PLACES, ads.DECAY).tolist(),
        }
        write_positions(draft.path, looks)
        (draft.path / "README.md").write_text(describe(config, seed, draft.rows), encoding="utf-8")
    return Summary(kind=KIND, path=str(out), rows=draft.rows)

"""Write a synthetic marketplace: logs as a shop system might export them, photos, and the ground truth."""

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
    """Generate a marketplace in `out`: listings, photos, searches, favorites, impressions and the ground truth.

    Raises UsageError if `out` already exists with other content, unless `force` is set.
    """
    plan = Plan(kind=KIND, config=msgspec.to_builtins(config), seed=seed)
    if existing := existing_result(out, plan, force=force):
        return existing
    world = build_world(config, seed)
    with artifact(out, plan, force=force) as draft:
        (draft.path / FOLDER).mkdir()
        draft.rows["listings"] = write_listings(world, draft.path)
        logger.info("%s: drawing %d photos", out, config.listings)
        write_photos(world, draft.path)
        draft.rows["favorites"] = write_favorites(world, draft.path)
        draft.rows["searches"] = write_searches(world, draft.path)
        draft.rows["impressions"] = write_impressions(world, draft.path)
        probabilities = {
            "searches": examination(config.page_size, searches.DECAY).tolist(),
            "ads": examination(ads.POSITIONS, ads.DECAY).tolist(),
        }
        write_positions(draft.path, probabilities)
        (draft.path / "README.md").write_text(describe(config, seed, draft.rows), encoding="utf-8")
    return Summary(kind=KIND, path=str(out), rows=draft.rows)

"""Inputs of a click model in addition to the log: the listings table and photo features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.derived.column import listing_inputs
from etsyml_cli.ads.log.log import columns_of
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.tables import open_table, read_table
from etsyml_cli.photos.store import ImageFeatures, check_photos_join, read_image_features


@dataclass(frozen=True)
class SideInputs:
    """The listings table and photo features of a model; None if there are none."""

    listings: pa.Table | None
    photos: ImageFeatures | None


def listing_columns(listings: Path | None) -> dict[str, pa.DataType]:
    """The columns of the listings table and their types; empty without a table."""
    return {} if listings is None else columns_of(open_table(listings, "listings"))


def read_feature_columns(config: CtrConfig, listings: Path | None) -> pa.Table | None:
    """The columns of the listings table that the model's features need; None without a table."""
    if listings is None:
        return None
    wanted = {"listing_id", *config.columns(), *listing_inputs(config.columns())}
    return read_table(listings, "listings", [name for name in listing_columns(listings) if name in wanted])


def new_side_inputs(config: CtrConfig, listings: Path | None, images: Path | None) -> SideInputs:
    """The inputs of a new model with this configuration."""
    return SideInputs(read_feature_columns(config, listings), read_image_features(images) if images else None)


def check_side_inputs(shown: Ids, side: SideInputs, listings: Path | None, images: Path | None) -> None:
    """Check that the listings of a log are in the listings table and in the photo features, as `check_join` does."""
    if listings is not None and side.listings is not None:
        check_join(shown, Ids("listings", listings, side.listings["listing_id"]))
    check_photos_join(shown, images, side.photos)

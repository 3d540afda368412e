"""Photos -> photo features, batch by batch in threads; what is done stays done when the run is stopped."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.core.log import logger, progress
from etsyml_cli.features.backbones import Backbone, backbone_named
from etsyml_cli.features.images_config import ImagesConfig
from etsyml_cli.features.network import (
    Extractor,
    batches_in_threads,
    pick_device,
    random_network,
    trained_network,
    weights_sha256,
)
from etsyml_cli.features.photos import REASONS, photos_source, read_photos
from etsyml_cli.features.pixels import Preprocessing
from etsyml_cli.io.artifact import Draft, Plan, artifact, read_manifest, source_of
from etsyml_cli.io.features import DONE, KIND, NOT_DONE, REJECTS, FeaturesDraft
from etsyml_cli.io.tables import read_table, table_manifest, table_source
from etsyml_cli.io.weights import read_state_dict
from etsyml_cli.stages.summary import Summary, made_before


@dataclass(frozen=True)
class Photos:
    """The photos of a listings table, in its order: whose each is and where it lies under `root`."""

    root: Path
    ids: list[str]
    images: list[str]
    n_listings: int


def extract_images(
    *,
    listings: Path,
    out: Path,
    config: ImagesConfig,
    seed: int,
    limit: int | None = None,
    force: bool = False,
    replace: bool = True,
) -> Summary:
    """Write the features of the listings' photos to `out`; `limit` takes the first listings only."""
    photos = _photos(listings, limit)
    backbone = backbone_named(config.backbone)
    weights = _weights_file(backbone, config.weights)
    plan = _plan(listings, photos, weights, config, seed, limit)
    if there := made_before(out, plan, force=force):
        return there
    network = _network(backbone, config.backbone, weights, seed)
    with artifact(out, plan, replace=replace, resumable=True) as draft:
        draft.facts = _facts(backbone, network, config, random=weights is None)
        extractor = Extractor(backbone, network, pick_device(config.device))
        features = FeaturesDraft(draft.path, len(photos.ids), backbone.dimension, config.dtype)
        _extract(features, photos, extractor, backbone.preprocessing, config)
        _finish(draft, features, photos)
    made = read_manifest(out)
    return Summary(kind=KIND, path=str(out), rows=made.rows, facts=made.facts)


def _photos(listings: Path, limit: int | None) -> Photos:
    table = read_table(listings, "listings", ["listing_id", "image"]).slice(0, limit)
    pairs = zip(table["listing_id"].to_pylist(), table["image"].to_pylist(), strict=True)
    with_photo = [(listing_id, image) for listing_id, image in pairs if image is not None]
    if not with_photo:
        raise DataError(f"{listings}: none of {table.num_rows:,} listings has a photo", hint="Ingest the column image.")
    root = table_manifest(listings).facts.get("image_root")
    if root is None:
        raise InputError(
            f"{listings}: does not say where its photos lie", hint="Ingest it again with --image-root DIR."
        )
    ids, images = zip(*with_photo, strict=True)
    return Photos(listings.parent / root, list(ids), list(images), table.num_rows)


def _weights_file(backbone: Backbone, weights: str) -> Path | None:
    """The file of the weights; None: they are random."""
    if weights == "none":
        return None
    if weights == "default":
        return backbone.default_weights() if backbone.default_weights else None
    return Path(weights)


def _plan(
    listings: Path, photos: Photos, weights: Path | None, config: ImagesConfig, seed: int, limit: int | None
) -> Plan:
    """What the features depend on: not the threads; the device that is taken, not "auto"; no folder's name."""
    settings = msgspec.to_builtins(config) | {"device": pick_device(config.device).type, "limit": limit}
    del settings["threads"]
    inputs = {"listings": [table_source(listings, "listings")], "photos": [photos_source(photos.root, photos.images)]}
    if weights is not None:
        inputs["weights"] = [source_of(weights)]
    if config.weights not in ("default", "none"):
        settings["weights"] = Path(config.weights).name
    return Plan(kind=KIND, config=settings, inputs=inputs, seed=seed if weights is None else None)


def _network(backbone: Backbone, name: str, weights: Path | None, seed: int) -> nn.Module:
    if weights is not None:
        return trained_network(backbone, read_state_dict(weights), str(weights))
    logger.warning("%s runs with random weights: its features say nothing about the photos", name)
    return random_network(backbone, seed)


def _facts(backbone: Backbone, network: nn.Module, config: ImagesConfig, *, random: bool) -> dict[str, Any]:
    return {
        "backbone": config.backbone,
        "layer": backbone.layer,
        "dimension": backbone.dimension,
        "preprocessing": asdict(backbone.preprocessing),
        "random_weights": random,
        "weights_sha256": weights_sha256(network),
    }


def _extract(
    features: FeaturesDraft, photos: Photos, extractor: Extractor, preprocessing: Preprocessing, config: ImagesConfig
) -> None:
    """Fill in the batches that are missing. They are cut by row number, so every run cuts the same ones."""

    def work(batch: slice) -> tuple[NDArray[Any], NDArray[np.int8]]:
        pixels, codes = read_photos(photos.root, photos.images[batch], preprocessing, config.max_pixels)
        return extractor.features(pixels).astype(config.dtype), codes

    n_photos = len(photos.ids)
    starts = range(0, n_photos, config.batch_size)
    missing = [slice(start, start + config.batch_size) for start in starts if features.status[start] == NOT_DONE]
    n_done = int(np.count_nonzero(features.status != NOT_DONE))
    if n_done:
        logger.info("going on where the last run stopped: %s of %s photos are done", f"{n_done:,}", f"{n_photos:,}")
    with progress("photos", n_photos) as advance, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # its remarks on odd files: rejects.jsonl says what matters
        advance(n_done)
        for batch, (rows, status) in batches_in_threads(work, missing, config.threads or torch.get_num_threads()):
            _refuse_what_is_not_finite(rows[status == DONE], config)
            features.put(batch, rows, status)
            advance(len(rows))


def _refuse_what_is_not_finite(rows: NDArray[Any], config: ImagesConfig) -> None:
    if not np.isfinite(rows).all():
        raise DataError(
            f"{config.backbone}: some features are not finite numbers",
            hint="Are the weights sound? With dtype float16 large values overflow.",
        )


def _finish(draft: Draft, features: FeaturesDraft, photos: Photos) -> None:
    """Write rejects, ids and the features of what could be read, and count it all."""
    status = features.status
    rejected = [
        {"listing_id": photos.ids[row], "image": photos.images[row], "reason": REASONS[status[row] - 1]}
        for row in np.flatnonzero(status != DONE)
    ]
    reasons = Counter(reject["reason"] for reject in rejected)
    said = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    if len(rejected) == len(photos.ids):
        raise DataError(
            f"{photos.root}: none of {len(rejected):,} photos could be read ({said})",
            hint="Is this the right folder? Name it with: etsyml ingest listings --image-root DIR",
        )
    if rejected:
        logger.warning("%s of %s photos could not be read: %s", f"{len(rejected):,}", f"{len(photos.ids):,}", said)
    (draft.path / REJECTS).write_bytes(b"".join(msgspec.json.encode(reject) + b"\n" for reject in rejected))
    features.finish(photos.ids)
    n_out = len(photos.ids) - len(rejected)
    without = photos.n_listings - len(photos.ids)
    draft.rows = {"in": photos.n_listings, "out": n_out, "rejected": len(rejected), "without_photo": without}
    draft.facts["rejects"] = dict(reasons)

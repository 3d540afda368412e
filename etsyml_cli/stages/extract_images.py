"""Photos -> photo features, batch by batch in threads; what is done stays done when the run is stopped."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.log import logger, progress
from etsyml_cli.features.images_config import ImagesConfig
from etsyml_cli.features.network import Extractor, batches_in_threads
from etsyml_cli.features.photos import read_photos
from etsyml_cli.io.artifact import Plan, artifact, read_manifest, source_of
from etsyml_cli.io.features import KIND, SVD, PhotoRows
from etsyml_cli.io.tables import table_source
from etsyml_cli.stages.image_inputs import NamedPhotos, PhotoIndex, index_photos, read_named_photos
from etsyml_cli.stages.image_network import NetworkChoice, choose_network, load_network
from etsyml_cli.stages.image_output import write_features
from etsyml_cli.stages.summary import Summary, made_before


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
    choice = choose_network(config)
    photos = read_named_photos(listings, limit)
    _refuse_too_many_dimensions(config, choice.backbone.dimension, photos)
    threads = config.threads or os.cpu_count() or 1
    index = index_photos(photos, threads)
    plan = _plan(listings, index, choice, config, seed, limit)
    if there := made_before(out, plan, force=force):
        return there
    if not force:
        plan = _with_fitted_svd(plan, out)
        if there := made_before(out, plan, force=False):
            return there
    network = load_network(choice, config.backbone, seed, cache=out.parent)
    with artifact(out, plan, replace=replace, resumable=True) as draft:
        rows = PhotoRows(draft.path, len(index.first), choice.backbone.dimension, choice.batch_size)
        _compute(rows, photos, index, network.extractor, choice, config, threads)
        draft.facts = network.facts
        write_features(draft, rows, photos, index, config, fitted=out if "svd" in plan.inputs else None)
    made = read_manifest(out)
    return Summary(kind=KIND, path=str(out), rows=made.rows, facts=made.facts)


def _refuse_too_many_dimensions(config: ImagesConfig, dimension: int, photos: NamedPhotos) -> None:
    """Before the network has worked for hours."""
    if config.dim is None:
        return
    if config.dim > dimension:
        raise UsageError(f"dim {config.dim:,}: {config.backbone} gives {dimension:,} features", hint="Ask for fewer.")
    n_listings = len(np.unique(photos.listing))
    if config.dim >= n_listings:
        raise DataError(
            f"dim {config.dim:,} needs the photos of more listings than that; here are {n_listings:,}",
            hint="Ask for fewer dimensions.",
        )


def _plan(
    listings: Path, index: PhotoIndex, choice: NetworkChoice, config: ImagesConfig, seed: int, limit: int | None
) -> Plan:
    """What the features depend on: not the threads; what is taken, where the configuration says auto; no folder."""
    settings = msgspec.to_builtins(config) | {
        "device": choice.device.type,
        "engine": choice.engine,
        "precision": choice.precision,
        "batch_size": choice.batch_size,
        "limit": limit,
    }
    del settings["threads"]
    inputs = {"listings": [table_source(listings, "listings")], "photos": [index.source]}
    if choice.weights is not None:
        inputs["weights"] = [source_of(choice.weights)]
    if config.weights not in ("default", "none"):
        settings["weights"] = Path(config.weights).name
    return Plan(kind=KIND, config=settings, inputs=inputs, seed=seed if choice.weights is None else None)


def _with_fitted_svd(plan: Plan, out: Path) -> Plan:
    """The plan with the SVD of the features at `out` as an input, where the same network and `dim` made them.

    So models trained on those features keep their meaning when listings are added.
    """
    try:
        before = read_manifest(out).plan
    except InputError:
        return plan
    alike = all(before.config.get(key) == plan.config[key] for key in ("backbone", "weights", "dim"))
    alike &= before.inputs.get("weights") == plan.inputs.get("weights") and before.seed == plan.seed
    if not alike or before.config.get("limit") or not (out / SVD).is_file():
        return plan
    logger.info("%s: reduced by the SVD that is there already (--force fits a new one)", out)
    return msgspec.structs.replace(plan, inputs={**plan.inputs, "svd": [source_of(out / SVD)]})


def _compute(
    rows: PhotoRows,
    photos: NamedPhotos,
    index: PhotoIndex,
    extractor: Extractor,
    choice: NetworkChoice,
    config: ImagesConfig,
    threads: int,
) -> None:
    """Append the rows of the distinct photos that are missing. Every run cuts the same batches."""

    def work(batch: slice) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        images = photos.images.take(index.first[batch]).to_pylist()
        pixels, status = read_photos(photos.root, images, choice.backbone.preprocessing, config.max_pixels)
        return extractor.features(_filled(pixels, choice.batch_size))[: len(images)], status

    n_photos, n_done = len(index.first), len(rows.status)
    missing = [slice(at, min(at + choice.batch_size, n_photos)) for at in range(n_done, n_photos, choice.batch_size)]
    if n_done:
        logger.info("going on where the last run stopped: %s of %s photos are done", f"{n_done:,}", f"{n_photos:,}")
    with progress("photos", n_photos) as advance, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # its remarks on odd files: rejects.jsonl says what matters
        advance(n_done)
        for _, (features, status) in batches_in_threads(work, missing, threads):
            _refuse_what_is_not_finite(features[status == 0], config)
            rows.append(features, status)
            advance(len(status))


def _filled(pixels: NDArray[np.uint8], batch_size: int) -> NDArray[np.uint8]:
    """A whole batch, black where there is no photo: the bits of a row may depend on how many are computed at once."""
    missing = batch_size - len(pixels)
    return np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)]) if missing else pixels


def _refuse_what_is_not_finite(rows: NDArray[Any], config: ImagesConfig) -> None:
    if not np.isfinite(rows).all():
        raise DataError(f"{config.backbone}: some features are not finite numbers", hint="Are the weights sound? On a GPU try --set precision=float32.")

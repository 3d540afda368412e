"""Extract photo features in batches and threads; an interrupted run resumes."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.log import logger, progress
from etsyml_cli.io.artifact import Plan, artifact, read_manifest, refuse_to_overwrite, source_of
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import table_source
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.inputs import Photos, open_photos, read_named_photos
from etsyml_cli.photos.load_network import NetworkChoice, choose_network, load_network
from etsyml_cli.photos.network import Extractor, batches_in_threads
from etsyml_cli.photos.output import load_svd, report_rejects, write_features
from etsyml_cli.photos.reader import STATUSES, read_photos
from etsyml_cli.photos.store import KIND, SVD, PhotoRows
from etsyml_cli.photos.svd import Svd

OUTPUT_SETTINGS = ("dim", "normalize", "dtype")  # settings that the rows of the network do not depend on


def extract_images(
    *,
    listings: Path,
    out: Path,
    config: ImagesConfig,
    seed: int,
    limit: int | None = None,
    force: bool = False,
) -> Summary:
    """Write the features of the photos of all listings, or of the first `limit`, to `out`.

    Raises UsageError for settings that exclude each other, InputError for missing or damaged inputs, and DataError if
    no photo can be read.
    """
    named = read_named_photos(listings, limit)
    choice = choose_network(config)
    threads = config.threads or torch.get_num_threads()
    photos = open_photos(named, threads)
    plan = _plan(listings, photos, choice, config, seed, limit)
    with_svd = None if force else _plan_with_existing_svd(plan, out)
    for possible in filter(None, (plan, with_svd)):
        if done := existing_result(out, possible, force=force):
            return done
    refuse_to_overwrite(out, KIND, force=force)
    svd = load_svd(out) if with_svd else None
    _check_settings(photos, config, choice.backbone.dimension, svd)
    network = load_network(choice, seed, folder=out.parent)
    with artifact(out, with_svd or plan, force=force, resume=None if force else _plan_of_rows(plan)) as draft:
        rows = PhotoRows(draft.path, len(photos.first), choice.backbone.dimension, choice.batch_size)
        _compute(rows, photos, network.extractor, choice, config, threads)
        facts = write_features(draft, rows, photos, config, svd)
        draft.facts = msgspec.to_builtins(network.facts) | msgspec.to_builtins(facts)
    made = read_manifest(out)
    return Summary(kind=KIND, path=str(out), rows=made.rows, facts=made.facts)


def _plan(
    listings: Path, photos: Photos, choice: NetworkChoice, config: ImagesConfig, seed: int, limit: int | None
) -> Plan:
    """The plan of the features: settings with resolved `auto` values, without threads and without directories."""
    settings = msgspec.to_builtins(config) | {
        "device": choice.device.type,
        "engine": choice.engine,
        "precision": choice.precision,
        "batch_size": choice.batch_size,
        "limit": limit,
    }
    del settings["threads"]
    inputs = {"listings": [table_source(listings, "listings")], "photos": [photos.source]}
    if choice.weights is not None:
        inputs["weights"] = [source_of(choice.weights)]
    if config.weights not in ("default", "none"):
        settings["weights"] = Path(config.weights).name
    return Plan(kind=KIND, config=settings, inputs=inputs, seed=seed if choice.weights is None else None)


def _plan_of_rows(plan: Plan) -> Plan:
    """The part of the plan that the rows of the network depend on."""
    settings = {name: value for name, value in plan.config.items() if name not in OUTPUT_SETTINGS}
    return msgspec.structs.replace(plan, config=settings)


def _plan_with_existing_svd(plan: Plan, out: Path) -> Plan | None:
    """The plan with the SVD of the features at `out` as an input, or None if network or `dim` differ.

    The SVD is kept so that models trained on those features stay valid when listings are added. An SVD that was
    fitted with --limit is not kept.
    """
    try:
        manifest = read_manifest(out)
    except InputError:
        return None
    before = manifest.plan
    is_same = all(before.config.get(key) == plan.config[key] for key in ("backbone", "weights", "dim"))
    is_same &= before.inputs.get("weights") == plan.inputs.get("weights") and before.seed == plan.seed
    quick_try = before.config.get("limit") is not None and "svd" not in before.inputs
    if not is_same or quick_try or SVD not in manifest.outputs:
        return None
    svd = source_of(out / SVD)
    if svd.sha256 != manifest.outputs[SVD]:
        raise InputError(f"{out / SVD}: was changed after it was written", hint="Fit it again with --force.")
    return msgspec.structs.replace(plan, inputs={**plan.inputs, "svd": [svd]})


def _check_settings(photos: Photos, config: ImagesConfig, dimension: int, svd: Svd | None) -> None:
    """Raise UsageError or DataError for settings that cannot work, before the network runs for hours."""
    if not len(photos.first):
        report_rejects(Counter(STATUSES[code] for code in photos.status), photos)
    if config.dim is None:
        return
    if config.dim > dimension:
        raise UsageError(f"dim {config.dim:,}: {config.backbone} has {dimension:,} features", hint="Use a smaller dim.")
    if svd is None and config.dim >= photos.n_listings():
        raise DataError(
            f"dim {config.dim:,} needs more than {config.dim:,} listings with photos, found {photos.n_listings():,}",
            hint="Use a smaller dim.",
        )
    if svd is not None:
        logger.info("the features are reduced by the existing SVD; --force fits a new one")


def _compute(
    rows: PhotoRows, photos: Photos, extractor: Extractor, choice: NetworkChoice, config: ImagesConfig, threads: int
) -> None:
    """Append the missing rows of the distinct photos, in the same batches in every run."""
    batch_size, preprocessing = choice.batch_size, choice.backbone.preprocessing

    def work(batch: slice) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        images = photos.images.take(photos.first[batch]).to_pylist()
        digests = [digest.tobytes() for digest in photos.digests[batch]]
        pixels, status = read_photos(photos.root, images, digests, preprocessing, config.max_pixels)
        return extractor.features(_filled(pixels, batch_size))[: len(images)], status

    n_photos, n_done = len(photos.first), len(rows.status())
    starts = range(n_done, n_photos, batch_size)
    if n_done:
        logger.info("resuming: %s of %s photos already done", f"{n_done:,}", f"{n_photos:,}")
    with progress("photos", n_photos) as advance, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", module="PIL"
        )  # warnings about unusual files; rejects.jsonl has the important ones
        advance(n_done)
        batches = (slice(start, min(start + batch_size, n_photos)) for start in starts)
        for features, status in batches_in_threads(work, batches, threads):
            _check_finite(features[status == 0], config)
            rows.append(features, status)
            advance(len(status))


def _filled(pixels: NDArray[np.uint8], batch_size: int) -> NDArray[np.uint8]:
    """The batch padded with black photos, because the bits of a row may depend on the batch size."""
    missing = batch_size - len(pixels)
    return np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)]) if missing else pixels


def _check_finite(rows: NDArray[Any], config: ImagesConfig) -> None:
    if not np.isfinite(rows).all():
        raise DataError(
            f"{config.backbone}: some features are not finite numbers",
            hint="Check the weights. On a GPU try --set precision=float32.",
        )

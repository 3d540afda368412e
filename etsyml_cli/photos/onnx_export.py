"""A network for ONNX Runtime: exported once, cached in a file, and compared with torch when it is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import MissingPartError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.atomic import whole_file
from etsyml_cli.photos.network import Extractor, PhotoNetwork
from etsyml_cli.photos.onnx_network import OnnxExtractor, export_onnx

TOLERANCE = 1e-4  # of the largest feature


def in_onnx_runtime(network: PhotoNetwork, *, reference: Extractor, cached: Path | None) -> OnnxExtractor:
    """The network in ONNX Runtime, from the file `cached` or exported to it, with the same features as `reference`.

    Raises MissingPartError if it cannot be exported or its features differ.
    """
    photos = np.random.default_rng(0).integers(0, 256, (2, network.size, network.size, 3), dtype=np.uint8)
    expected = reference.features(photos)

    def checked(model: bytes) -> OnnxExtractor:
        extractor = OnnxExtractor(model)
        difference = np.abs(extractor.features(photos) - expected).max()
        if not difference <= TOLERANCE * np.abs(expected).max():  # so that NaN is refused too
            raise ValueError(f"its features differ from torch's by {difference:.2g}")
        return extractor

    if cached is not None and cached.is_file():
        try:
            return checked(cached.read_bytes())
        except MemoryError:
            raise
        except Exception as error:  # ONNX Runtime raises many exceptions on damaged files
            logger.info("%s: damaged (%.200r)", cached, error)
    logger.info("exporting the network for ONNX Runtime%s", f", once: {cached}" if cached else "")
    try:
        model = export_onnx(network)
        extractor = checked(model)
    except MemoryError:
        raise
    except Exception as error:  # the exporter does not document its exceptions
        raise MissingPartError(
            f"ONNX Runtime does not run this network ({error!r:.200})", hint="Use --set engine=torch."
        ) from None
    if cached is not None:
        _write_cache(model, cached)
    return extractor


def _write_cache(model: bytes, path: Path) -> None:
    """Write the file; the next run can do without it, so failing to write it is not an error."""
    try:
        with whole_file(path, force=True) as file:
            file.write_bytes(model)
    except (OSError, UsageError) as error:
        logger.warning("%s: not cached (%s)", path, error)

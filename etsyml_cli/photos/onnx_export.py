"""A network for ONNX Runtime: exported once, kept as a file, and compared with torch whenever it is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import MissingPartError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.atomic import whole_file
from etsyml_cli.photos.network import Extractor, PhotoNetwork
from etsyml_cli.photos.onnx_network import OnnxExtractor, export_onnx

TOLERANCE = 1e-4  # of the largest feature


def in_onnx_runtime(network: PhotoNetwork, *, like: Extractor, kept: Path | None) -> OnnxExtractor:
    """The network in ONNX Runtime, from the file `kept` or exported into it; it gives the features of `like`.

    Raises MissingPartError if it cannot be exported or its features differ.
    """
    photos = np.random.default_rng(0).integers(0, 256, (2, network.size, network.size, 3), dtype=np.uint8)
    expected = like.features(photos)

    def checked(model: bytes) -> OnnxExtractor:
        extractor = OnnxExtractor(model)
        difference = np.abs(extractor.features(photos) - expected).max()
        if not difference <= TOLERANCE * np.abs(expected).max():  # so NaN is refused as well
            raise ValueError(f"its features differ from torch's by {difference:.2g}")
        return extractor

    if kept is not None and kept.is_file():
        try:
            return checked(kept.read_bytes())
        except MemoryError:
            raise
        except Exception as error:  # a damaged file makes ONNX Runtime raise nearly anything
            logger.info("%s: damaged (%.200r)", kept, error)
    logger.info("exporting the network for ONNX Runtime%s", f", once: {kept}" if kept else "")
    try:
        model = export_onnx(network)
        extractor = checked(model)
    except MemoryError:
        raise
    except Exception as error:  # nor does the exporter say what it raises
        raise MissingPartError(
            f"ONNX Runtime does not run this network ({error!r:.200})", hint="Use --set engine=torch."
        ) from None
    if kept is not None:
        _keep(model, kept)
    return extractor


def _keep(model: bytes, path: Path) -> None:
    """The next run does without the file as well, so that it cannot be written is no error."""
    try:
        with whole_file(path, force=True) as file:
            file.write_bytes(model)
    except (OSError, UsageError) as error:
        logger.warning("%s: not kept (%s)", path, error)

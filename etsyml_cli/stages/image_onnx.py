"""A network for ONNX Runtime: exported once, kept as a file, and compared with torch whenever it is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etsyml_cli.core.log import logger
from etsyml_cli.features.network import Extractor, PhotoNetwork
from etsyml_cli.features.onnx_network import OnnxExtractor, export_onnx
from etsyml_cli.io.artifact import whole_file

TOLERANCE = 1e-4  # of the largest feature


def like_torch(in_torch: Extractor, network: PhotoNetwork, cached: Path) -> OnnxExtractor | None:
    """The network in ONNX Runtime, from the file `cached` or exported into it; `in_torch` runs the same network.

    None, with a warning, where it cannot be exported or does not give torch's features.
    """
    photos = np.random.default_rng(0).integers(0, 256, (2, network.size, network.size, 3), dtype=np.uint8)
    expected = in_torch.features(photos)

    def checked(model: bytes) -> OnnxExtractor:
        extractor = OnnxExtractor(model)
        difference = np.abs(extractor.features(photos) - expected).max()
        if not difference <= TOLERANCE * np.abs(expected).max():  # so NaN is refused as well
            raise ValueError(f"its features differ from torch's by {difference:.2g}")
        return extractor

    if cached.is_file():
        try:
            return checked(cached.read_bytes())
        except Exception as error:  # a damaged file makes ONNX Runtime raise nearly anything
            logger.info("%s: damaged (%.200r)", cached, error)
    try:
        logger.info("exporting the network for ONNX Runtime, once: %s", cached)
        model = export_onnx(network)
        extractor = checked(model)
    except Exception as error:  # nor does the exporter say what it raises
        logger.warning("torch runs the network, because its export for ONNX Runtime failed (%.200r)", error)
        return None
    with whole_file(cached) as file:
        file.write_bytes(model)
    return extractor

"""A network that ONNX Runtime runs on the CPU, in less time than torch."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from etsyml_cli.photos.network import PhotoNetwork

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when ONNX Runtime is imported; setting it later has no effect
import onnxruntime

_PHOTOS, _FEATURES = "photos", "features"
_FATAL = 4  # errors are raised too, so they need not be printed


def runtime_version() -> str:
    """The version of ONNX Runtime."""
    version: str = onnxruntime.__version__
    return version


def export_onnx(network: PhotoNetwork) -> bytes:
    """The network as an ONNX model that includes its weights, for any number of photos (B, 3, size, size)."""
    photos = torch.zeros(2, 3, network.size, network.size, dtype=torch.uint8)  # 1 would be exported as a constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about itself
        program: Any = torch.onnx.export(
            network,
            (photos,),
            input_names=[_PHOTOS],
            output_names=[_FEATURES],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    for node in program.model.graph:
        node.metadata_props.clear()  # stack traces, with the paths of this machine
    model: bytes = program.model_proto.SerializeToString()
    return model


class OnnxExtractor:
    """An exported network in ONNX Runtime; each call runs in the caller's thread only."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def features(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features (B, D) of photos (B, size, size, 3); a row depends on its own photo and on B only."""
        result: NDArray[np.float32]
        (result,) = self._session.run([_FEATURES], {_PHOTOS: photos.transpose(0, 3, 1, 2)})
        return result

"""A network that ONNX Runtime runs on the CPU, in less time than torch."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from etsyml_cli.photos.network import PhotoNetwork

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read while ONNX Runtime is imported; nothing that comes later stops it
import onnxruntime

_PHOTOS, _FEATURES = "photos", "features"
_FATAL = 4  # the errors below it are raised as well, so they need not be printed


def runtime_version() -> str:
    """The version of ONNX Runtime."""
    version: str = onnxruntime.__version__
    return version


def export_onnx(network: PhotoNetwork) -> bytes:
    """The network as an ONNX model with its weights inside, for any number of photos (B, 3, size, size)."""
    photos = torch.zeros(2, 3, network.size, network.size, dtype=torch.uint8)  # 1 would be taken for a constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of itself
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
    """An exported network in ONNX Runtime; each call works in the caller's thread alone."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def features(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features (B, D) of photos (B, size, size, 3); a row depends on its own photo and on B alone."""
        result: NDArray[np.float32]
        (result,) = self._session.run([_FEATURES], {_PHOTOS: photos.transpose(0, 3, 1, 2)})
        return result

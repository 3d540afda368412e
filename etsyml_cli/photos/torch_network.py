"""A network that torch runs, on a CPU or a GPU."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from etsyml_cli.photos.network import PhotoNetwork


class TorchExtractor:
    """The network on its device; below float32 it runs in mixed precision, and still returns float32."""

    def __init__(self, network: PhotoNetwork, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self._device = device
        self._dtype = dtype
        # Channels last is faster. On mps it has given wrong numbers without an error (pytorch issue 180984).
        self._layout = torch.contiguous_format if device.type == "mps" else torch.channels_last
        self._one_at_a_time = nullcontext() if device.type == "cpu" else Lock()  # one batch fits in a GPU's memory
        if dtype == torch.float32:
            torch.backends.cudnn.allow_tf32 = False  # NVIDIA's shorter format
        self._network = network.to(device).to(memory_format=self._layout)  # type: ignore[call-overload]

    @torch.inference_mode()
    def features(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features (B, D) of photos (B, size, size, 3); a row depends on its own photo and on B only."""
        mixed = torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)
        with self._one_at_a_time, mixed:
            pixels = torch.from_numpy(photos).permute(0, 3, 1, 2).to(self._device, memory_format=self._layout)
            result: NDArray[np.float32] = self._network(pixels).float().cpu().numpy()
        return result

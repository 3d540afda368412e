"""What can be chosen about photo features."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from etsyml_cli.core.config import Config


class ImagesConfig(Config, frozen=True):
    """Settings of `extract-images`."""

    backbone: str = "efficientnet_lite0"  # a name in features.backbones.BACKBONES
    weights: str = "default"  # "default", the path of a state dict, or "none" for random weights
    batch_size: Annotated[int, Meta(ge=1, le=4096)] = (
        4  # photos; small ones stay in a CPU's cache, a GPU wants 64 or more
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Annotated[int, Meta(ge=1, le=1024)] | None = None  # batches at once; None: one for each core
    max_pixels: Annotated[int, Meta(ge=1)] = 100_000_000  # a photo with more is refused before it is decoded
    dtype: Literal["float32", "float16"] = "float32"  # of the file

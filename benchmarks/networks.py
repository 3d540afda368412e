"""The networks in one thread, compared with the time of their multiplications as one large matrix product.

Random weights are as fast as trained ones. The fastest of interleaved rounds is reported, so that all run under the
same conditions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.load_network import CPU_BATCH
from etsyml_cli.photos.network import PhotoNetwork, random_network
from etsyml_cli.photos.onnx_network import OnnxExtractor, export_onnx
from etsyml_cli.photos.torch_network import TorchExtractor

GOALS = {"resnet50": 1.15, "vgg19": 1.15, "efficientnet_lite0": None}  # most of the last one is not matrix products
SIDE = 2048  # of the matrices
ROUNDS = 5


def main() -> None:
    torch.set_num_threads(1)
    print(f"networks in one thread, batches of {CPU_BATCH}, CPU-ms per image:")
    for name, goal in GOALS.items():
        measure(name, goal)


def measure(name: str, goal: float | None) -> None:
    backbone = backbone_named(name)
    network = PhotoNetwork(backbone, random_network(backbone, seed=0))
    photos = np.random.default_rng(0).integers(0, 256, (CPU_BATCH, network.size, network.size, 3), dtype=np.uint8)
    flops_an_image = count_flops(network)
    onnx = OnnxExtractor(export_onnx(network))
    engines = {"onnx": onnx, "torch": TorchExtractor(network, torch.device("cpu"))}
    square = torch.rand(SIDE, SIDE)
    runs = {engine: lambda extractor=extractor: extractor.features(photos) for engine, extractor in engines.items()}
    seconds = fastest_in_turn({"product": lambda: torch.mm(square, square), **runs})
    rate = 2 * SIDE**3 / seconds["product"]
    floor = flops_an_image / rate
    wanted = f", goal {goal} of it" if goal else ""
    print(f"  {name}: {flops_an_image / 1e9:.2f} GFLOP at {rate / 1e9:.0f} GFLOP/s, floor {1000 * floor:.1f}{wanted}")
    for engine in engines:
        cost = seconds[engine] / CPU_BATCH
        print(f"    {engine:<8}{1000 * cost:>8.1f}{cost / floor:>7.2f} of the floor")


def count_flops(network: PhotoNetwork) -> int:
    """Multiplications and additions per photo."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, network.size, network.size, dtype=torch.uint8))
    return int(counter.get_total_flops())


def fastest_in_turn(runs: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of each, the minimum of ROUNDS after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(1 + ROUNDS):
        for name, run in runs.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: min(each[1:]) for name, each in seconds.items()}


if __name__ == "__main__":
    main()

"""Photo features: CPU time per image, similarity to full decoding, memory; then the networks in one thread.

The time is compared with the naive loop. `python -m benchmarks photos`, or `python -m benchmarks.photos FOLDER` for
other photos than those of `real_photos`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from benchmarks import networks
from benchmarks.measure import cost_of, cpu_s_an_item, etsyml
from benchmarks.photo_folders import enlarged, real_photos, small_photos, workspace_of
from etsyml_cli.photos.backbones import backbone_named
from etsyml_cli.photos.network import PhotoNetwork, trained_network
from etsyml_cli.photos.pixels import decode_photo
from etsyml_cli.photos.store import read_image_features
from etsyml_cli.photos.torch_network import TorchExtractor
from etsyml_cli.photos.weights import read_state_dict

FEW = 20
LONGER_SIDE = 2000
GOALS = {"as they are": {"onnx": 1 / 2.2, "torch": 1 / 1.25}, "enlarged": {"onnx": 1 / 3, "torch": 1 / 1.8}}
GOAL_COSINE = 0.98
NAIVE = "naive.npy"
THREADS = {"one thread": 1, "torch's own threads": 0}
SIZES = (1_000, 10_000)


def main(folder: Path | None = None) -> None:
    folder = (folder or real_photos()).resolve()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        compare("as they are", folder, scratch)
        compare("enlarged", enlarged(folder, scratch / "photos", LONGER_SIDE), scratch)
        for n in SIZES:
            memory(n, scratch)
    networks.main()


def compare(which: str, folder: Path, scratch: Path) -> None:
    workspace = workspace_of(folder, scratch / which)
    n_photos = len(list(folder.iterdir()))
    ours = {engine: partial(extract, workspace, engine) for engine in GOALS[which]}
    for command in ours.values():
        cost_of(command(FEW))  # exports the network
    loops = {name: partial(naive_loop, folder, workspace, threads) for name, threads in THREADS.items()}
    tried = cpu_s_an_item(loops, FEW, 4 * FEW, runs=1)
    cheaper = min(tried, key=tried.__getitem__)
    cost = cpu_s_an_item({NAIVE: loops[cheaper], **ours}, FEW, n_photos)
    print(f"{n_photos} photos {which} ({folder}), CPU-ms per image:")
    print(f"  naive loop    {1000 * cost[NAIVE]:>6.1f}  with {cheaper}, which is faster")
    for engine, goal in GOALS[which].items():
        ratio = cost[NAIVE] / cost[engine]
        print(f"  etsyml, {engine:<6}{1000 * cost[engine]:>6.1f}  1/{ratio:.2f} of it (goal 1/{1 / goal:.2f})")
    features = read_image_features(workspace / "onnx").matrix
    print(f"  cosine with full decoding {mean_and_worst(features, full_decoding(folder))} (goal {GOAL_COSINE}),")
    print(f"    with the naive loop {mean_and_worst(features, np.load(workspace / NAIVE))}")


def naive_loop(folder: Path, workspace: Path, threads: int, n_photos: int) -> list[str]:
    module = [sys.executable, "-m", "benchmarks.naive_loop"]
    return [*module, str(folder), str(n_photos), str(threads), str(workspace / NAIVE)]


def extract(workspace: Path, engine: str, n_photos: int) -> list[str]:
    options = ["--device", "cpu", "--set", f"engine={engine}", "--limit", str(n_photos), "--force"]
    return etsyml("extract-images", "-w", str(workspace), "--out", str(workspace / engine), *options)


def full_decoding(folder: Path) -> np.ndarray:
    """Features (N, 1280) of the same squares cut from photos of which every pixel was decoded."""
    backbone = backbone_named("efficientnet_lite0")
    weights = read_state_dict(backbone.default_weights())
    extractor = TorchExtractor(
        PhotoNetwork(backbone, trained_network(backbone, weights, "default")), torch.device("cpu")
    )
    features = []
    for path in sorted(folder.iterdir()):
        with Image.open(path) as photo:
            whole = io.BytesIO()
            ImageOps.exif_transpose(photo).convert("RGB").save(whole, "BMP")  # only a JPEG is decoded partially
        pixels = decode_photo(whole, backbone.preprocessing, max_pixels=photo.width * photo.height)
        features.append(extractor.features(np.stack([pixels])))
    return np.concatenate(features)


def mean_and_worst(ours: np.ndarray, reference: np.ndarray) -> str:
    """The cosines of the rows of two matrices (N, D), as text."""
    cosine = (ours * reference).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(reference, axis=1)
    return f"{cosine.mean():.4f}, worst {cosine.min():.4f}"


def memory(n: int, scratch: Path) -> None:
    workspace = workspace_of(small_photos(n, scratch / f"{n} photos"), scratch / f"{n}")
    cost = cost_of(etsyml("extract-images", "-w", str(workspace), "--backbone", "tiny", "--device", "cpu"))
    print(f"{n:>7,} small photos, network tiny: {cost.peak_mb:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)

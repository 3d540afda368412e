"""The network of a backbone: loads weights, removes the head, and scales decoded photos."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from etsyml_cli.core.errors import InputError, MissingPartError
from etsyml_cli.photos.backbones import Backbone
from etsyml_cli.photos.weights import StateDict

Result = TypeVar("Result")


class Extractor(Protocol):
    """A loaded network of any engine; threads may share it."""

    def features(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features (B, D) of photos (B, size, size, 3); a row depends on its own photo and on B only."""


class PhotoNetwork(nn.Module):
    """A backbone without its head, after the scaling of its photos: uint8 (B, 3, size, size) -> float32 (B, D).

    It takes over the network and removes its head.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, backbone: Backbone, network: nn.Module) -> None:
        super().__init__()
        if backbone.head is not None:
            network.set_submodule(backbone.head, nn.Identity())
        self.network = network
        self.size = backbone.preprocessing.size
        self.register_buffer("mean", torch.tensor(backbone.preprocessing.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.preprocessing.std).view(3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network((photos.float() - self.mean) / self.std)
        return features.flatten(1)


def random_network(backbone: Backbone, seed: int) -> nn.Module:
    """The whole network with random weights that depend on `seed` only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return backbone.network()


def trained_network(backbone: Backbone, state: StateDict, where: str) -> nn.Module:
    """The network with these weights, in float32 and without its head, which may have any number of classes.

    Raises InputError that names `where` if the weights do not fit.
    """
    with torch.device("meta"):  # no memory and no time for weights that are replaced at once
        network = backbone.network()
    if backbone.head is not None:
        network.set_submodule(backbone.head, nn.Identity())
        state = {name: tensor for name, tensor in state.items() if not name.startswith(f"{backbone.head}.")}
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        first, *differences = str(error).splitlines()
        difference = (differences or [first])[0].strip()
        raise InputError(f"{where}: these weights belong to another network ({difference:.160})") from None
    return network.float()


def weights_sha256(network: nn.Module) -> str:
    """A hash of the names and values of all weights, independent of their file."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto`: the best one. Raises MissingPartError if it is not available."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in here if here[device])
    if not here[name]:
        raise MissingPartError(f"device {name}: not found by torch", hint="Use --device cpu.")
    return torch.device(name)


def batches_in_threads(work: Callable[[slice], Result], batches: Iterable[slice], threads: int) -> Iterator[Result]:
    """`work(batch)` for each batch, in order. Each batch is processed by one thread.

    So the result does not depend on the number of threads, unlike torch's parallelism within a batch, and no thread
    waits for another.
    """
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        running: deque[Future[Result]] = deque()
        try:
            for batch in batches:
                running.append(pool.submit(work, batch))
                if len(running) > 2 * threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

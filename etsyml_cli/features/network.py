"""A backbone's network: with weights, on a device, without its head; photos in, features out."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from etsyml_cli.core.errors import InputError, MissingPartError
from etsyml_cli.features.backbones import Backbone
from etsyml_cli.io.weights import StateDict

Result = TypeVar("Result")


def random_network(backbone: Backbone, seed: int) -> nn.Module:
    """The whole network with random weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return backbone.network()


def trained_network(backbone: Backbone, state: StateDict, where: str) -> nn.Module:
    """The whole network with these weights. Raises InputError that names `where` if they do not fit."""
    with torch.device("meta"):  # no memory and no time for weights that are replaced at once
        network = backbone.network()
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        difference = str(error).splitlines()[1].strip()
        raise InputError(f"{where}: these weights belong to another network ({difference:.160})") from None
    return network.float()


def weights_sha256(network: nn.Module) -> str:
    """Hash of the names and bytes of all weights, whatever file they came in."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto`: the best one here. Raises MissingPartError where it is not here."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in here if here[device])
    if not here[name]:
        raise MissingPartError(f"device {name}: torch finds none here", hint="Use --device cpu.")
    return torch.device(name)


def batches_in_threads(
    work: Callable[[slice], Result], batches: Iterable[slice], threads: int
) -> Iterator[tuple[slice, Result]]:
    """Each batch with `work(batch)`, in order. A thread does a whole batch alone.

    So the result does not depend on the number of threads, as it does when torch shares out one batch;
    and no thread waits for another.
    """
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        running: deque[tuple[slice, Future[Result]]] = deque()
        for batch in batches:
            running.append((batch, pool.submit(work, batch)))
            if len(running) > 2 * threads:
                oldest, future = running.popleft()
                yield oldest, future.result()
        for batch, future in running:
            yield batch, future.result()


class Extractor:
    """A network without its head, ready on its device, with the scaling of its photos."""

    def __init__(self, backbone: Backbone, network: nn.Module, device: torch.device) -> None:
        if backbone.head is not None:
            network.set_submodule(backbone.head, nn.Identity())
        network.eval().requires_grad_(False)
        self._device = device
        self._network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = torch.tensor(backbone.preprocessing.mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(backbone.preprocessing.std, device=device).view(3, 1, 1)

    @torch.inference_mode()
    def features(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features (B, D) of photos (B, size, size, 3); a row depends on its own photo and on B alone."""
        pixels = torch.from_numpy(photos).to(self._device).permute(0, 3, 1, 2)  # channels last in memory
        features = self._network((pixels.float() - self._mean) / self._std)
        result: NDArray[np.float32] = features.flatten(1).cpu().numpy()
        return result

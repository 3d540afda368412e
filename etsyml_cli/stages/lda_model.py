"""A style model on disk: what LDA learned, ids, and all favorites, so that lists can leave out what a user has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.io.artifact import expect_kind
from etsyml_cli.io.model import load_ids, load_tensors, save_ids, save_tensors
from etsyml_cli.models.lda.favorites import Favorites
from etsyml_cli.models.lda.parameters import LdaParameters

KIND = "model:lda"
USERS, LISTINGS, TITLES = "users", "listings", "titles"


@dataclass(frozen=True)
class LdaModel:
    """U users and I listings in the order of their ids' bytes; train and test hold all favorites of the table."""

    parameters: LdaParameters
    known: NDArray[np.bool_]  # (U,): whether any favorite of the user was learned from
    user_ids: list[str]
    listing_ids: list[str]
    titles: list[str | None]  # I of them, or none where no listings table was given
    train: Favorites
    test: Favorites


def save_model(directory: Path, model: LdaModel) -> None:
    """Write the model's files into `directory`."""
    learned = model.parameters
    tensors: dict[str, NDArray[Any]] = {
        "theta": learned.theta,
        "beta": learned.beta,
        "alpha": learned.alpha,
        "eta": np.array([learned.eta]),
        "known": model.known,
    }
    for part, favorites in (("train", model.train), ("test", model.test)):
        tensors[f"{part}.indptr"], tensors[f"{part}.indices"] = favorites
    save_tensors(directory, tensors)
    save_ids(directory, USERS, model.user_ids)
    save_ids(directory, LISTINGS, model.listing_ids)
    if model.titles:
        save_ids(directory, TITLES, [title or "" for title in model.titles])


def load_model(directory: Path) -> LdaModel:
    """The model in `directory`. Raises InputError where none was trained or a file is damaged."""
    expect_kind(directory, KIND, made_by="etsyml train lda")
    tensors = load_tensors(directory)
    has_titles = (directory / f"{TITLES}.json").is_file()
    return LdaModel(
        LdaParameters(tensors["theta"], tensors["beta"], tensors["alpha"], float(tensors["eta"][0])),
        tensors["known"],
        load_ids(directory, USERS),
        load_ids(directory, LISTINGS),
        [title or None for title in load_ids(directory, TITLES)] if has_titles else [],
        *(Favorites(tensors[f"{part}.indptr"], tensors[f"{part}.indices"]) for part in ("train", "test")),
    )

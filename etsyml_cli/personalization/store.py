"""A style model on disk: what LDA learned, ids, and all favorites, so that lists can leave out what a user has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.io.artifact import Manifest, expect_kind
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.model import load_ids, load_tensors, save_ids, save_tensors
from etsyml_cli.personalization.model.favorites import Favorites, Neighbors
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start
from etsyml_cli.personalization.model.top_k import Ranker

KIND = "model:lda"
MIX = "mix"
Things = Literal["listings", "shops"]  # what is favorited and listed
LISTINGS: Literal["listings"] = "listings"
SHOPS: Literal["shops"] = "shops"
MADE_BY: dict[Things, str] = {LISTINGS: "etsyml train lda", SHOPS: "etsyml train lda --shops"}
USERS, THINGS, TITLES = "users", "listings", "titles"
PARTS = ("train", "test")
NEIGHBORS_PREFIX = "neighbours"


@dataclass(frozen=True)
class LdaModel:
    """U users and I listings in the order of their ids' bytes; train and test hold all favorites of the table."""

    parameters: LdaParameters
    neighbors: Neighbors
    share: float  # of the neighbors in the mix
    known: NDArray[np.bool_]  # (U,): whether any favorite of the user was learned from
    user_ids: list[str]
    listing_ids: list[str]
    titles: list[str | None]  # I of them, or none where no listings table was given
    train: Favorites
    test: Favorites
    things: Things = LISTINGS

    def rankers(self) -> dict[str, Ranker]:
        """The default, which mixes styles and neighbors, and either alone."""
        of_share = {"lda": 0.0, "item-knn": 1.0, MIX: self.share}
        return {name: Ranker(self.parameters.beta, self.neighbors, share) for name, share in of_share.items()}


def save_model(directory: Path, model: LdaModel) -> None:
    """Write the model's files into `directory`."""
    learned = model.parameters
    tensors: dict[str, NDArray[Any]] = {
        "theta": learned.theta,
        "beta": learned.beta,
        "alpha": learned.alpha,
        "eta": np.array([learned.eta]),
        "known": model.known,
        "share": np.array([model.share]),
    }
    tensors |= {f"{NEIGHBORS_PREFIX}.{name}": array for name, array in model.neighbors._asdict().items()}
    for part, favorites in zip(PARTS, (model.train, model.test), strict=True):
        tensors[f"{part}.indptr"], tensors[f"{part}.indices"] = favorites
    save_tensors(directory, tensors)
    save_ids(directory, USERS, model.user_ids)
    save_ids(directory, THINGS, model.listing_ids)
    if model.titles:
        save_ids(directory, TITLES, [title or "" for title in model.titles])


@of_one_version
def load_model(directory: Path) -> LdaModel:
    """The model in `directory`. Raises InputError where none was trained or a file is damaged."""
    things = manifest_of(directory).facts.get("things", "listings")
    user_ids, listing_ids = load_ids(directory, USERS), load_ids(directory, THINGS)
    tensors = load_tensors(directory, _shapes(len(user_ids), len(listing_ids)))
    train, test = (Favorites(tensors[f"{part}.indptr"], tensors[f"{part}.indices"]) for part in PARTS)
    neighbors = Neighbors(*(tensors[f"{NEIGHBORS_PREFIX}.{name}"] for name in Neighbors._fields))
    for ptr, listings in (train, test, neighbors[:2]):
        if not _points_inside(ptr, listings, len(listing_ids)):
            raise InputError(
                f"{directory}: damaged, its numbers do not fit each other", hint="Train the model again with --force."
            )
    return LdaModel(
        parameters=LdaParameters(tensors["theta"], tensors["beta"], tensors["alpha"], float(tensors["eta"][0])),
        neighbors=neighbors,
        share=float(tensors["share"][0]),
        known=tensors["known"],
        user_ids=user_ids,
        listing_ids=listing_ids,
        titles=_load_titles(directory, len(listing_ids)),
        train=train,
        test=test,
        things=things,
    )


def start_of(model: LdaModel, listing_ids: list[str]) -> Start:
    """What training goes on from when it learns from these listings."""
    place = {listing_id: i for i, listing_id in enumerate(model.listing_ids)}
    learned = model.parameters
    weight = model.train.per_user().astype(np.float32)
    share = (weight @ learned.theta) / max(weight.sum(), 1)
    listing = np.array([place.get(listing_id, -1) for listing_id in listing_ids], np.int64)
    return Start(learned.beta, learned.alpha, learned.eta, share.astype(np.float32), listing)


def manifest_of(directory: Path) -> Manifest:
    """What the model in `directory` was made from. Raises InputError where none was trained."""
    return expect_kind(directory, KIND, made_by=MADE_BY[LISTINGS])


def expect_things(directory: Path, things: Things) -> None:
    """Raises InputError if no model is in `directory`, UsageError if it is not one of `things`: LISTINGS or SHOPS."""
    found = expect_kind(directory, KIND, made_by=MADE_BY[things]).facts.get("things", LISTINGS)
    if found != things:
        raise UsageError(f"{directory}: a model of {found}, not of {things}", hint=f"Add --what {found}.")


def _shapes(n_users: int, n_listings: int) -> dict[str, tuple[int | None, ...]]:
    shapes: dict[str, tuple[int | None, ...]] = {
        "theta": (n_users, None),
        "beta": (None, n_listings),
        "alpha": (None,),
        "eta": (1,),
        "known": (n_users,),
        "share": (1,),
        f"{NEIGHBORS_PREFIX}.ptr": (n_listings + 1,),
        f"{NEIGHBORS_PREFIX}.listings": (None,),
        f"{NEIGHBORS_PREFIX}.similarity": (None,),
    }
    for part in PARTS:
        shapes |= {f"{part}.indptr": (n_users + 1,), f"{part}.indices": (None,)}
    return shapes


def _points_inside(ptr: NDArray[np.int64], listings: NDArray[np.int32], n_listings: int) -> bool:
    """Whether rows of listings stay inside: compiled code does not look."""
    in_order = ptr[0] == 0 and ptr[-1] == len(listings) and (np.diff(ptr) >= 0).all()
    return bool(in_order and (not len(listings) or (listings.min() >= 0 and listings.max() < n_listings)))


def _load_titles(directory: Path, n_listings: int) -> list[str | None]:
    path = directory / f"{TITLES}.json"
    if not path.is_file():
        return []
    titles = load_ids(directory, TITLES)
    if len(titles) != n_listings:
        raise InputError(
            f"{path}: {len(titles)} titles of {n_listings} listings", hint="Train the model again with --force."
        )
    return [title or None for title in titles]

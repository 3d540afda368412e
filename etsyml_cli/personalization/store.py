"""A style model on disk: parameters, ids, and all favorites, so that lists can exclude a user's favorites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.registry import resolve
from etsyml_cli.io.artifact import Manifest, expect_kind, facts_of
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.model import load_ids, load_tensors, save_ids, save_tensors
from etsyml_cli.personalization.model.favorites import Favorites, points_inside
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.lda_parameters import LdaParameters, Start
from etsyml_cli.personalization.model.recommender import LDA, RECOMMENDERS, Arrays, Recommender, Shapes

KIND = "model:lda"
Things = Literal["listings", "shops"]  # the items of a model
LISTINGS: Literal["listings"] = "listings"
SHOPS: Literal["shops"] = "shops"
MADE_BY: dict[Things, str] = {LISTINGS: "etsyml train lda", SHOPS: "etsyml train lda --shops"}
USERS, THINGS, TITLES = "users", "listings", "titles"
PARTS = ("train", "test")


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts in the manifest of a style model; `passes` if chosen on a validation set, `weights` of the mix.

    cut, without_time, decided_by_ties, note: see `FavoriteSplit`.
    """

    things: Things
    n_topics: int
    engine: str
    recommenders: list[str]
    split: str
    cut: str | None = None
    without_time: int = 0
    decided_by_ties: float | None = None
    note: str | None = None
    passes: int | None = None
    weights: dict[str, float] = {}
    train_perplexity: float
    train_unigram_perplexity: float


class TrainingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Perplexity of the training favorites, of the model and of popularity."""

    perplexity: float
    unigram_perplexity: float


@dataclass(frozen=True)
class LdaModel:
    """A model of U users and I listings in byte order of their ids; train and test are all favorites of the table."""

    recommenders: Mapping[str, Recommender]  # by name, as in RECOMMENDERS
    known: NDArray[np.bool_]  # (U,): whether the user has training favorites
    user_ids: list[str]
    listing_ids: list[str]
    titles: list[str | None]  # I titles, or empty if there was no listings table
    train: Favorites
    test: Favorites
    things: Things = LISTINGS

    @property
    def lda(self) -> Lda:
        """The styles and the style profiles."""
        return cast(Lda, self.recommenders[LDA])

    @property
    def parameters(self) -> LdaParameters:
        return self.lda.parameters


def save_model(directory: Path, model: LdaModel) -> None:
    """Write the model's files into `directory`."""
    tensors: dict[str, NDArray[Any]] = {"known": model.known}
    for recommender in model.recommenders.values():
        tensors |= recommender.arrays()
    for part, favorites in zip(PARTS, (model.train, model.test), strict=True):
        tensors[f"{part}.indptr"], tensors[f"{part}.indices"] = favorites
    save_tensors(directory, tensors)
    save_ids(directory, USERS, model.user_ids)
    save_ids(directory, THINGS, model.listing_ids)
    if model.titles:
        save_ids(directory, TITLES, [title or "" for title in model.titles])


@of_one_version
def load_model(directory: Path) -> LdaModel:
    """Load the model in `directory`. Raises InputError if there is none or a file is damaged."""
    facts = _facts(directory, manifest_of(directory))
    user_ids, listing_ids = load_ids(directory, USERS), load_ids(directory, THINGS)
    tensors = load_tensors(directory, _shapes(facts.recommenders, len(user_ids), len(listing_ids)))
    train, test = (Favorites(tensors[f"{part}.indptr"], tensors[f"{part}.indices"]) for part in PARTS)
    if not all(points_inside(*favorites, len(listing_ids)) for favorites in (train, test)):
        raise _damaged(directory)
    return LdaModel(
        recommenders=_load_recommenders(directory, facts.recommenders, tensors),
        known=tensors["known"],
        user_ids=user_ids,
        listing_ids=listing_ids,
        titles=_load_titles(directory, len(listing_ids)),
        train=train,
        test=test,
        things=facts.things,
    )


def _load_recommenders(directory: Path, names: Sequence[str], tensors: Arrays) -> dict[str, Recommender]:
    loaded: dict[str, Recommender] = {}
    try:
        for name in names:
            loaded[name] = resolve(RECOMMENDERS, name, "recommender").load(tensors, loaded)
    except ValueError:
        raise _damaged(directory) from None
    return loaded


def _damaged(directory: Path) -> InputError:
    return InputError(f"{directory}: damaged, its arrays are inconsistent", hint="Train the model again with --force.")


def start_of(model: LdaModel, listing_ids: list[str]) -> Start:
    """The start of a training on these listings that continues from this model."""
    index = {listing_id: i for i, listing_id in enumerate(model.listing_ids)}
    learned = model.parameters
    weight = model.train.per_user().astype(np.float32)
    share = (weight @ learned.theta) / max(weight.sum(), 1)
    listing = np.array([index.get(listing_id, -1) for listing_id in listing_ids], np.int64)
    return Start(learned.beta, learned.alpha, learned.eta, share.astype(np.float32), listing)


def manifest_of(directory: Path) -> Manifest:
    """The manifest of the model in `directory`. Raises InputError if there is none."""
    return expect_kind(directory, KIND, made_by=MADE_BY[LISTINGS])


def expect_things(directory: Path, things: Things) -> None:
    """Raises InputError if `directory` has no model, UsageError if its items are not `things` (LISTINGS or SHOPS)."""
    actual = _facts(directory, expect_kind(directory, KIND, made_by=MADE_BY[things])).things
    if actual != things:
        raise UsageError(f"{directory}: a model of {actual}, not of {things}", hint=f"Add --what {actual}.")


def _facts(directory: Path, manifest: Manifest) -> Facts:
    return facts_of(manifest, Facts, directory, hint="Train the model again with --force.")


def _shapes(names: Sequence[str], n_users: int, n_listings: int) -> Shapes:
    shapes: Shapes = {"known": (n_users,)}
    for name in names:
        shapes |= resolve(RECOMMENDERS, name, "recommender").shapes(n_users, n_listings)
    for part in PARTS:
        shapes |= {f"{part}.indptr": (n_users + 1,), f"{part}.indices": (None,)}
    return shapes


def _load_titles(directory: Path, n_listings: int) -> list[str | None]:
    path = directory / f"{TITLES}.json"
    if not path.is_file():
        return []
    titles = load_ids(directory, TITLES)
    if len(titles) != n_listings:
        raise InputError(
            f"{path}: {len(titles)} titles for {n_listings} listings", hint="Train the model again with --force."
        )
    return [title or None for title in titles]

"""Training data of a style model: favorites, the held-out test set, and the selected training set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F32, F64, I64, Bools
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.tables import read_table
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.log import FavoritesTable, ages_of, of_shops, read_favorites, weights_of
from etsyml_cli.personalization.model.favorites import Favorites, favorites_of
from etsyml_cli.personalization.model.recommender import PHOTO_KNN, TEXT_KNN
from etsyml_cli.personalization.split import split_favorites, training_mask, validation_windows
from etsyml_cli.personalization.vectors import photo_vectors, text_vectors
from etsyml_cli.splits.favorites import FavoriteSplit
from etsyml_cli.splits.small_parts import warn_of_few_events


@dataclass(frozen=True)
class Inputs:
    """The inputs of a style model.

    `holdout` is None (`config.holdout_share` of the favorites), "none", another share, or a CSV or Parquet file of
    favorites. `listings` is the table with titles and shops; with `shops`, each listing is replaced by its shop.
    `limit` takes only the first favorites. `start` is a model to continue from. `images` are photo features.
    """

    favorites: Path
    listings: Path | None
    config: LdaConfig
    seed: int
    holdout: str | None = None
    limit: int | None = None
    shops: bool = False
    start: Path | None = None
    images: Path | None = None


@dataclass(frozen=True)
class TrainingData:
    """Favorites of U users for I listings, in the order of their ids.

    counts: (U, I), the weights of the favorites to learn from; weigh and valid: those of them to learn the weights of a
    mix and to choose settings on, possibly none. ages: days before the newest favorite, one per stored entry of
    `counts`; None without times. train, test: all favorites of the table. left_out: the number of training favorites
    that are not in `counts`. photos, texts: (I, D), vectors of the listings; None if there are none.
    """

    user_ids: list[str]
    listing_ids: list[str]
    split: FavoriteSplit
    train: Favorites
    test: Favorites
    weigh: Favorites
    valid: Favorites
    counts: sparse.csr_matrix
    ages: F64 | None
    left_out: int
    photos: F32 | None = None
    texts: F32 | None = None


def load_training_data(inputs: Inputs) -> TrainingData:
    """Read the inputs, hold out the test set and select the favorites to learn from.

    Raises DataError if no favorited listing is in the listings table.
    """
    table = read_inputs(inputs)
    held, split = split_favorites(table, inputs.holdout, inputs.config, inputs.seed)
    if split.not_in_favorites:
        logger.warning(
            "%s: ignored %d pairs that are not in the favorites table", inputs.holdout, split.not_in_favorites
        )
    return training_data(table, held, split, inputs)


def training_data(table: FavoritesTable, held: Bools, split: FavoriteSplit, inputs: Inputs) -> TrainingData:
    """The training data of a table of which the favorites `held`, (P,), are the test set."""
    config, seed = inputs.config, inputs.seed
    used = training_mask(table, ~held, config, seed)
    ages = ages_of(table, used)
    counts = _counts(table, used, weights_of(table, ages, config))
    windows = validation_windows(table, used, split, config, seed)
    weigh, valid, test = (_favorites(table, part) for part in (*windows, held))
    _warn_of_small_parts(counts.getnnz(axis=1) - weigh.per_user() - valid.per_user() > 0, valid, test)
    listing_ids = table.listing_ids.to_pylist()
    return TrainingData(
        user_ids=table.user_ids.to_pylist(),
        listing_ids=listing_ids,
        split=split,
        train=_favorites(table, ~held),
        test=test,
        weigh=weigh,
        valid=valid,
        counts=counts,
        ages=None if ages is None else ages[_in_order(table, used)],
        left_out=int((~held & ~used).sum()),
        photos=_photos(inputs, listing_ids),
        texts=_texts(inputs, listing_ids),
    )


def read_inputs(inputs: Inputs) -> FavoritesTable:
    """Read the favorites, of listings or shops. Raises as `load_training_data`."""
    table = read_favorites(inputs.favorites, weights=inputs.config.use_weights, limit=inputs.limit)
    if inputs.listings is not None:
        ids = read_table(inputs.listings, "listings", ["listing_id"])["listing_id"]
        check_join(
            Ids("listings of favorites", inputs.favorites, table.listing_ids), Ids("listings", inputs.listings, ids)
        )
    if not inputs.shops:
        return table
    if inputs.listings is None:
        raise InputError(
            "no listings table found, which --shops needs", hint="Make it with: etsyml ingest listings FILE"
        )
    return of_shops(table, inputs.listings)


def _photos(inputs: Inputs, listing_ids: list[str]) -> F32 | None:
    if inputs.images is None or inputs.shops or PHOTO_KNN not in inputs.config.recommenders:
        return None
    return photo_vectors(inputs.images, listing_ids)


def _texts(inputs: Inputs, listing_ids: list[str]) -> F32 | None:
    if inputs.listings is None or inputs.shops or TEXT_KNN not in inputs.config.recommenders:
        return None
    return text_vectors(inputs.listings, listing_ids)


def _favorites(table: FavoritesTable, part: Bools) -> Favorites:
    return favorites_of(table.user[part], table.listing[part], len(table.user_ids))


def _warn_of_small_parts(known: Bools, valid: Favorites, test: Favorites) -> None:
    """`known`, (U,): which users have favorites before the validation windows; settings are chosen on these only."""
    users = {"validation": known & (valid.per_user() > 0), "test": test.per_user() > 0}
    for name, part in (("validation", valid), ("test", test)):
        if len(part.indices):
            warn_of_few_events(name, int(users[name].sum()), "users with held-out favorites")


def _in_order(table: FavoritesTable, used: Bools) -> I64:
    """The rows `used`, (P,), in the order of the entries of `counts`."""
    rows = np.flatnonzero(used)
    return np.asarray(rows[np.lexsort((table.listing[rows], table.user[rows]))])


def _counts(table: FavoritesTable, used: Bools, weight: F64) -> sparse.csr_matrix:
    shape = (len(table.user_ids), len(table.listing_ids))
    counts = sparse.csr_matrix((weight[used], (table.user[used], table.listing[used])), shape)
    counts.sort_indices()
    return counts

"""New listings, without favorites at training time: they get the styles of similar listings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.recommender import LDA, MIX, POPULARITY
from etsyml_cli.personalization.store import LdaModel
from etsyml_cli.similar.catalog import read_catalog
from etsyml_cli.similar.nearest import nearest

N_NEIGHBORS_FOR_NEW = 20  # known listings to average over for a new one


def with_new_listings(directory: Path, model: LdaModel, listings: Path, images: Path | None) -> LdaModel:
    """The model in `directory` for the listings of the table that it does not contain, and no others.

    beta of a new listing is the mean of beta over the N_NEIGHBORS_FOR_NEW known listings most similar in words and, if
    there are photo features, photos, weighted by cosine (the lists of `etsyml similar`). New listings have no
    favorites. Raises DataError if the table has no new listing, or no known one.
    """
    catalog = read_catalog(listings, images)
    index_of = {listing_id: index for index, listing_id in enumerate(model.listing_ids)}
    ids = catalog.ids.to_pylist()
    index = np.array([index_of.get(listing_id, -1) for listing_id in ids], np.int64)
    new = np.flatnonzero(index < 0)
    check_join(Ids("listings of the model", directory, model.listing_ids), Ids("listings", listings, catalog.ids))
    if not len(new):
        raise DataError(f"{listings}: no new listings: the model contains all of them")
    beta = np.zeros((len(new), len(model.parameters.beta)), np.float32)
    parts = catalog.parts("text" if images is None else "multimodal")
    lists = nearest(new, parts, catalog.id_order, N_NEIGHBORS_FOR_NEW, lambda _, others: index[others] >= 0)
    for row, (_, best, cosines) in enumerate(lists):
        weight = np.maximum(cosines, 0)
        beta[row] = weight @ model.parameters.beta.T[index[best]] / max(float(weight.sum()), 1e-12)
    order = np.argsort(np.array([ids[row] for row in new], object))  # the order of a model's listings
    no_favorites = Favorites(np.zeros(len(model.user_ids) + 1, np.int64), np.empty(0, np.int32))
    lda = Lda(replace(model.parameters, beta=np.ascontiguousarray(beta[order].T)))
    return replace(
        model,
        recommenders={POPULARITY: lda, LDA: lda, MIX: lda},  # without favorites, only the styles distinguish listings
        listing_ids=[ids[new[row]] for row in order],
        titles=[catalog.titles[int(new[row])].as_py() for row in order],
        train=no_favorites,
        test=no_favorites,
    )

"""Listings that nobody had favorited when the styles were learned: they have the styles of what they are like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from etsyml_cli.core.errors import DataError
from etsyml_cli.personalization.model.favorites import Favorites
from etsyml_cli.personalization.model.lda import Lda
from etsyml_cli.personalization.model.recommender import LDA, MIX, POPULARITY
from etsyml_cli.personalization.store import LdaModel
from etsyml_cli.similar.catalog import read_catalog
from etsyml_cli.similar.nearest import nearest

N_NEIGHBORS_FOR_NEW = 20  # known listings that a new one is like


def with_new_listings(model: LdaModel, listings: Path, images: Path | None) -> LdaModel:
    """The model as it is over the listings of the table that it does not know, and no others.

    beta of a new listing is the mean of that of the LIKE known ones most similar in words and, where there are
    features of them, photos, each weighing its cosine (the lists of `etsyml similar`). Nobody has favorites then.
    Raises DataError where the table holds no new listing, or no known one.
    """
    catalog = read_catalog(listings, images)
    place_of = {listing_id: place for place, listing_id in enumerate(model.listing_ids)}
    ids = catalog.ids.to_pylist()
    place = np.array([place_of.get(listing_id, -1) for listing_id in ids], np.int64)
    new = np.flatnonzero(place < 0)
    if not len(new) or len(new) == len(place):
        lacks = "no new listing, the model knows all" if not len(new) else "none of the listings that the model knows"
        raise DataError(f"{listings}: {lacks}")
    beta = np.zeros((len(new), len(model.parameters.beta)), np.float32)
    parts = catalog.parts("text" if images is None else "multimodal")
    found = nearest(new, parts, catalog.id_order, N_NEIGHBORS_FOR_NEW, lambda _, others: place[others] >= 0)
    for row, (_, best, cosines) in enumerate(found):
        weight = np.maximum(cosines, 0)
        beta[row] = weight @ model.parameters.beta.T[place[best]] / max(float(weight.sum()), 1e-12)
    order = np.argsort(np.array([ids[row] for row in new], object))  # as a model's listings stand
    nobody = Favorites(np.zeros(len(model.user_ids) + 1, np.int64), np.empty(0, np.int32))
    lda = Lda(replace(model.parameters, beta=np.ascontiguousarray(beta[order].T)))
    return replace(
        model,
        recommenders={POPULARITY: lda, LDA: lda, MIX: lda},  # without favorites, only the styles tell listings apart
        listing_ids=[ids[new[row]] for row in order],
        titles=[catalog.titles[int(new[row])].as_py() for row in order],
        train=nobody,
        test=nobody,
    )

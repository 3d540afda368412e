"""Why a listing is in a person's list: the styles and the own favorites that add to its score."""

from __future__ import annotations

from typing import Any

import numpy as np

from etsyml_cli.io.ranked import Reason
from etsyml_cli.personalization.model.top_k import Ranker
from etsyml_cli.personalization.store import LdaModel
from etsyml_cli.personalization.users import Profile

N_REASONS = 3  # styles, and favorites; the others are told as one sum


def explained(model: LdaModel, ranker: Ranker, profile: Profile, listings: list[int]) -> list[list[Reason]]:
    """What adds how much to each listing's score, the most telling first; the addends sum up to it."""
    theta = np.asarray(profile.theta, np.float64)
    of_styles, of_favorites = 1.0, 0.0
    near = _similarities(ranker, profile)
    if ranker.share > 0:
        of_styles = (1 - ranker.share) / max(float((theta @ ranker.beta).max()), 1e-30)
        of_favorites = ranker.share / max(float(near.sum(axis=0).max()), 1e-30)
    told = []
    for listing in listings:
        styles = of_styles * theta * ranker.beta[:, listing]
        favorites = of_favorites * near[:, listing]
        best_styles, best_favorites = (
            np.argsort(-adds, kind="stable")[:N_REASONS].tolist() for adds in (styles, favorites)
        )
        reasons = [Reason(what="style", style=style, adds=float(styles[style])) for style in best_styles]
        reasons += [
            Reason(what="favorite", id=model.listing_ids[profile.favorites[at]], adds=float(favorites[at]))
            for at in best_favorites
            if favorites[at] > 0
        ]
        others = {"other styles": (styles, best_styles), "other favorites": (favorites, best_favorites)}
        for what, (adds, best) in others.items():
            if (left := float(np.delete(adds, best).sum())) > 0:
                reasons.append(Reason(what=what, adds=left))
        told.append(sorted(reasons, key=lambda reason: -reason.adds))
    return told


def _similarities(ranker: Ranker, profile: Profile) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How similar each listing is to each favorite of the person, (favorites, I)."""
    near = np.zeros((len(profile.favorites), ranker.beta.shape[1]))
    ptr, listings, similarity = ranker.neighbors
    for row, favorite in enumerate(profile.favorites.tolist()):
        span = slice(ptr[favorite], ptr[favorite + 1])
        near[row, listings[span]] = similarity[span]
    return near

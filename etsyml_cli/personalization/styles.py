"""What a style model learned, in words: each style's typical listings and words, and whose style is what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import UNSET

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean, like_this_id
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F32, F64, I64
from etsyml_cli.personalization.model.styles import (
    coherence,
    highest,
    log_odds,
    nearest_styles,
    npmi,
    styles_of_listings,
    together,
)
from etsyml_cli.personalization.store import LdaModel, load_model
from etsyml_cli.personalization.style_output import (
    NamedListing,
    NearStyle,
    Style,
    StyleListing,
    StylePart,
    StyleProfile,
    StyleShop,
    StyleWord,
)
from etsyml_cli.personalization.style_words import Catalog, Groups, read_catalog
from etsyml_cli.personalization.users import place_of

ORDERS: dict[str, Callable[[Style], tuple[float, ...]]] = {
    "share": lambda style: (-style.share, style.style),
    "coherence": lambda style: (-style.coherence, style.style),
    "number": lambda style: (style.style,),
}
COHERENCE_TOP_N = 10  # listings of a style whose coherence is measured
N_NEAREST_STYLES = 3  # styles
WORDS, SHOPS = 10, 3
BY_CHANCE = 2.0  # standard errors: what is not above them is no word or shop of the style


@dataclass(frozen=True)
class StyleView:
    """A model of K styles and I listings with what is known of them.

    share: (K,), the mean theta of the users that were learned from. favorites: (I,), how many each listing has.
    style: (K, I), p(style | listing).
    """

    model: LdaModel
    catalog: Catalog
    share: F64
    favorites: F64
    style: F32

    def inside(self, number: int) -> F64:
        """How many of each listing's favorites are expected to be of this style, (I,)."""
        return np.asarray(self.favorites * self.style[number])


class StyleNames(NamedTuple):
    """Typical words and listings of a style."""

    words: list[str]
    listings: list[NamedListing]


def styles(
    *,
    model: Path,
    listings: Path | None,
    k: int,
    numbers: list[int] | None = None,
    order: str | None = None,
    n_words: int = WORDS,
) -> list[Style]:
    """The styles of these numbers, or all, as `styles --json` shows them, each with k listings and `n_words` words.

    A style's number is its row in beta. Listings, words and shops come by how typical they are of the style: the
    log-odds of its favorites against those of all others. Raises UsageError for an order or number that is not there.
    """
    order = order or "share"
    if order not in ORDERS:
        raise UsageError(f"--sort {order}: no such order", hint=did_you_mean(order, ORDERS))
    learned = read_learned(model, listings)
    n_styles = len(learned.share)
    for number in numbers or []:
        if not 0 <= number < n_styles:
            raise UsageError(f"--style {number}: no such style", hint=f"{model} has the styles 0 to {n_styles - 1}.")
    asked = list(range(n_styles) if numbers is None else dict.fromkeys(numbers))
    typical = _typical_listings(learned, asked, max(k, COHERENCE_TOP_N))
    coherent = _coherence(learned, [listings for listings, _ in typical])
    near, alike = nearest_styles(learned.model.parameters.beta, N_NEAREST_STYLES)
    found = [
        Style(
            style=number,
            share=float(learned.share[number]),
            words=_typical_words(learned, number, n_words),
            shops=_typical_shops(learned, number),
            coherence=of_style,
            nearest=[
                NearStyle(style=other, similarity=how)
                for other, how in zip(near[number].tolist(), alike[number].tolist(), strict=True)
            ],
            items=_items(learned, number, best[:k], scores[:k]),
        )
        for number, (best, scores), of_style in zip(asked, typical, coherent.tolist(), strict=True)
    ]
    return sorted(found, key=ORDERS[order])


def styles_of(
    *, model: Path, listings: Path | None, k: int, users: Iterable[str] = (), of_listings: Iterable[str] = ()
) -> Iterator[StyleProfile]:
    """Theta of each user and p(style | listing) of each listing, over all styles.

    Those that it has more of than users have on average come first, the largest part first. Each style comes with its
    typical words and k listings. Raises InputError for an id that the model lacks.
    """
    learned = read_learned(model, listings)
    trained = learned.model
    rows = [_find(model, "user", user, trained.user_ids) for user in users]
    columns = [_find(model, "listing", listing, trained.listing_ids) for listing in of_listings]
    asked = range(len(learned.share))
    typical = _typical_listings(learned, asked, k)
    names = [
        StyleNames(
            [word.word for word in _typical_words(learned, number, WORDS)],
            [_named(learned, listing) for listing in best.tolist()],
        )
        for number, (best, _) in zip(asked, typical, strict=True)
    ]
    for row in rows:
        if not trained.known[row]:
            logger.warning("no favorite of user %r was learned from: its styles are the prior's", trained.user_ids[row])
        parts = trained.parameters.theta[row].astype(np.float64)
        yield StyleProfile(user_id=trained.user_ids[row], items=_parts(learned, parts, names))
    for column in columns:
        parts = learned.style[:, column].astype(np.float64)
        yield StyleProfile(listing_id=trained.listing_ids[column], items=_parts(learned, parts, names))


def read_learned(model: Path, listings: Path | None) -> StyleView:
    """The model with the listings table, where there is one. Raises InputError where it is not there or damaged."""
    trained = load_model(model)
    share = trained.parameters.theta[trained.known].mean(axis=0, dtype=np.float64)
    return StyleView(
        trained,
        read_catalog(trained, listings),
        share,
        np.bincount(trained.train.indices, minlength=len(trained.listing_ids)).astype(np.float64),
        styles_of_listings(share, trained.parameters.beta),
    )


def _typical_listings(learned: StyleView, numbers: Iterable[int], n: int) -> list[tuple[I64, F64]]:
    """The n most typical listings of each style, best first, and their log-odds."""
    found = []
    for number in numbers:
        inside = learned.inside(number)
        scores = log_odds(inside, learned.favorites - inside)
        best = highest(scores, n)
        found.append((best, scores[best]))
    return found


def _coherence(learned: StyleView, typical: list[I64]) -> F64:
    train = learned.model.train
    tops = np.stack([best[:COHERENCE_TOP_N] for best in typical])
    counts = together(train, tops, len(learned.model.listing_ids))
    return coherence(npmi(counts, int((train.per_user() > 0).sum())))


def _typical_words(learned: StyleView, number: int, n: int) -> list[StyleWord]:
    found = _typical(learned, learned.catalog.words, number, n)
    return [StyleWord(word=name, share=share, lift=lift) for name, share, lift in found]


def _typical_shops(learned: StyleView, number: int) -> list[StyleShop]:
    found = _typical(learned, learned.catalog.shops, number, SHOPS)
    return [StyleShop(shop_id=name, share=share, lift=lift) for name, share, lift in found]


def _typical(learned: StyleView, groups: Groups, number: int, n: int) -> list[tuple[str, float, float]]:
    """Name, share and lift of up to n words or shops that are more frequent in the style, the most typical first."""
    inside, everywhere = learned.inside(number), learned.favorites
    counts, total = inside @ groups.members, everywhere @ groups.members
    scores = log_odds(counts, total - counts)
    return [
        (
            groups.names[place],
            float(counts[place] / inside.sum()),
            float(counts[place] / inside.sum() / (total[place] / everywhere.sum())),
        )
        for place in highest(scores, n).tolist()
        if scores[place] > BY_CHANCE
    ]


def _items(learned: StyleView, number: int, best: I64, scores: F64) -> list[StyleListing]:
    beta, style, share = learned.model.parameters.beta, learned.style, learned.share
    return [
        StyleListing(
            rank=rank,
            score=score,
            id=learned.model.listing_ids[listing],
            title=learned.catalog.titles[listing] or UNSET,
            probability=float(beta[number, listing]),
            lift=float(style[number, listing] / share[number]),
        )
        for rank, (listing, score) in enumerate(zip(best.tolist(), scores.tolist(), strict=True), 1)
    ]


def _parts(learned: StyleView, parts: F64, names: list[StyleNames]) -> list[StylePart]:
    """All styles, those above their share first, by what part of a user or listing each is: parts, (K,)."""
    order = np.lexsort((-parts, parts <= learned.share))
    return [
        StylePart(
            rank=rank,
            style=number,
            probability=float(parts[number]),
            lift=float(parts[number] / learned.share[number]),
            words=names[number].words,
            listings=names[number].listings,
        )
        for rank, number in enumerate(order.tolist(), 1)
    ]


def _named(learned: StyleView, listing: int) -> NamedListing:
    return NamedListing(id=learned.model.listing_ids[listing], title=learned.catalog.titles[listing] or UNSET)


def _find(model: Path, what: str, wanted: str, ids: list[str]) -> int:
    """The place of `wanted` in sorted ids."""
    place = place_of(ids, wanted)
    if place is None:
        raise InputError(f"{model}: no {what} {wanted!r}", hint=like_this_id(wanted, ids))
    return place

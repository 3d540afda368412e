"""Styles of a trained model: typical listings, words and shops of each style, and styles of users and listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import UNSET

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean, like_this_id
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64, I64
from etsyml_cli.personalization.model.styles import co_favorites, coherence, nearest_styles, npmi
from etsyml_cli.personalization.style_labels import style_labels
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
from etsyml_cli.personalization.style_view import StyleView, read_view, typical_groups, typical_listings
from etsyml_cli.personalization.users import index_of

ORDERS: dict[str, Callable[[Style], tuple[float, ...]]] = {
    "share": lambda style: (-style.share, style.style),
    "coherence": lambda style: (-style.coherence, style.style),
    "number": lambda style: (style.style,),
}
COHERENCE_TOP_N = 10  # listings of a style to compute coherence over
N_NEAREST_STYLES = 3  # styles
WORDS, SHOPS = 10, 3


class StyleNames(NamedTuple):
    """The label of a style, its typical words and listings."""

    label: str
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
    """The styles of these numbers, or all, as `styles --json` prints them.

    Each has its k most typical listings and `n_words` words. A style's number is its row in beta. Listings, words and
    shops are sorted by how typical they are of the style: the log-odds of its favorites against all other favorites.
    Raises UsageError for an unknown order or number.
    """
    order = order or "share"
    if order not in ORDERS:
        raise UsageError(f"unknown --sort {order}", hint=did_you_mean(order, ORDERS))
    view = read_view(model, listings)
    n_styles = len(view.share)
    for number in numbers or []:
        if not 0 <= number < n_styles:
            raise UsageError(f"unknown --style {number}", hint=f"{model} has the styles 0 to {n_styles - 1}.")
    selected = list(range(n_styles) if numbers is None else dict.fromkeys(numbers))
    typical = typical_listings(view, selected, max(k, COHERENCE_TOP_N))
    labels = style_labels(view)
    coherent = _coherence(view, [listings for listings, _ in typical])
    near, alike = nearest_styles(view.model.parameters.beta, N_NEAREST_STYLES)
    unsorted = [
        Style(
            style=number,
            label=labels[number],
            share=float(view.share[number]),
            words=_typical_words(view, number, n_words),
            shops=_typical_shops(view, number),
            coherence=of_style,
            nearest=[
                NearStyle(style=other, similarity=how)
                for other, how in zip(near[number].tolist(), alike[number].tolist(), strict=True)
            ],
            items=_items(view, number, best[:k], scores[:k]),
        )
        for number, (best, scores), of_style in zip(selected, typical, coherent.tolist(), strict=True)
    ]
    return sorted(unsorted, key=ORDERS[order])


def styles_of(
    *, model: Path, listings: Path | None, k: int, users: Iterable[str] = (), of_listings: Iterable[str] = ()
) -> Iterator[StyleProfile]:
    """theta of each user and p(style | listing) of each listing, over all styles.

    Styles above their average share come first, each part sorted in descending order. Each style has its typical words
    and k listings. Raises InputError for an unknown id.
    """
    view = read_view(model, listings)
    trained = view.model
    rows = [_find(model, "user", user, trained.user_ids) for user in users]
    columns = [_find(model, "listing", listing, trained.listing_ids) for listing in of_listings]
    labels = style_labels(view)
    selected = range(len(view.share))
    typical = typical_listings(view, selected, k)
    names = [
        StyleNames(
            labels[number],
            [word.word for word in _typical_words(view, number, WORDS)],
            [_named(view, listing) for listing in best.tolist()],
        )
        for number, (best, _) in zip(selected, typical, strict=True)
    ]
    for row in rows:
        if not trained.known[row]:
            logger.warning("user %r has no training favorites: showing the prior", trained.user_ids[row])
        parts = trained.parameters.theta[row].astype(np.float64)
        yield StyleProfile(user_id=trained.user_ids[row], items=_parts(view, parts, names))
    for column in columns:
        parts = view.style[:, column].astype(np.float64)
        yield StyleProfile(listing_id=trained.listing_ids[column], items=_parts(view, parts, names))


def _coherence(view: StyleView, typical: list[I64]) -> F64:
    train = view.model.train
    tops = np.stack([best[:COHERENCE_TOP_N] for best in typical])
    counts = co_favorites(train, tops, len(view.model.listing_ids))
    return coherence(npmi(counts, int((train.per_user() > 0).sum())))


def _typical_words(view: StyleView, number: int, n: int) -> list[StyleWord]:
    typical = typical_groups(view, view.catalog.words, number, n)
    return [StyleWord(word=one.name, share=one.share, lift=one.lift) for one in typical]


def _typical_shops(view: StyleView, number: int) -> list[StyleShop]:
    typical = typical_groups(view, view.catalog.shops, number, SHOPS)
    return [StyleShop(shop_id=one.name, share=one.share, lift=one.lift) for one in typical]


def _items(view: StyleView, number: int, best: I64, scores: F64) -> list[StyleListing]:
    beta, style, share = view.model.parameters.beta, view.style, view.share
    return [
        StyleListing(
            rank=rank,
            score=score,
            id=view.model.listing_ids[listing],
            title=view.catalog.titles[listing] or UNSET,
            probability=float(beta[number, listing]),
            lift=float(style[number, listing] / share[number]),
        )
        for rank, (listing, score) in enumerate(zip(best.tolist(), scores.tolist(), strict=True), 1)
    ]


def _parts(view: StyleView, parts: F64, names: list[StyleNames]) -> list[StylePart]:
    """All styles, those above their share first, by their parts of a user or listing: parts, (K,)."""
    order = np.lexsort((-parts, parts <= view.share))
    return [
        StylePart(
            rank=rank,
            style=number,
            label=names[number].label,
            probability=float(parts[number]),
            lift=float(parts[number] / view.share[number]),
            words=names[number].words,
            listings=names[number].listings,
        )
        for rank, number in enumerate(order.tolist(), 1)
    ]


def _named(view: StyleView, listing: int) -> NamedListing:
    return NamedListing(id=view.model.listing_ids[listing], title=view.catalog.titles[listing] or UNSET)


def _find(model: Path, what: str, name: str, ids: list[str]) -> int:
    """The index of `name` in sorted ids. Raises InputError if it is not there."""
    index = index_of(ids, name)
    if index is None:
        raise InputError(f"{model}: no {what} {name!r}", hint=like_this_id(name, ids))
    return index

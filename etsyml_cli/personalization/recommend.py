"""Listings, or shops, for people from a trained style model. Imports neither gensim nor torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.core.log import progress
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.personalization.catalog import CatalogSnapshot, read_snapshot
from etsyml_cli.personalization.explain import reasons_of
from etsyml_cli.personalization.model.favorites import rows_of
from etsyml_cli.personalization.model.recommender import MIX, POPULARITY, Recommender
from etsyml_cli.personalization.model.top_k import top_listings
from etsyml_cli.personalization.store import LdaModel, load_model
from etsyml_cli.personalization.users import NOTHING, Profile, new_user, users_of, users_to_score

USERS_AT_ONCE = 1024
STYLES_SHOWN = 3
OVERSAMPLING = 4  # times as long a list is looked at where a shop may stand in it only so often


@dataclass(frozen=True)
class ListOptions:
    """The options of lists: k listings, at most `per_shop` of one shop, without favorites if `exclude_seen`.

    `by_style` asks for a list per main style of the user, `explain` for the addends of each score. `recommender` is a
    name in RECOMMENDERS.
    """

    k: int
    exclude_seen: bool = True
    per_shop: int | None = None
    by_style: bool = False
    explain: bool = False
    recommender: str = MIX


def recommend(
    *,
    model: Path,
    users: list[str] | None,
    wish: ListOptions,
    listings: Path | None = None,
    first: int = 0,
    new_listings: bool = False,
    images: Path | None = None,
) -> Iterator[RankedList]:
    """The best listings for each of `users`, of all users where None, from the `first` on, as `recommend --json` shows.

    A user of whom nothing was learned gets the popular listings, marked as fallback. Left out are every favorite that
    the model knows of, held-out ones too: to the user they are nothing new; what the `listings` table has none left
    of; what the user sells. With `new_listings` lists are of those listings of the table that the model does not know,
    by their words and, where there are features of `images`, photos.
    """
    trained = load_model(model)
    if new_listings:
        trained = _over_new_listings(trained, listings, images)
    asked = (trained.user_ids if users is None else users)[first:]
    snapshot = read_snapshot(trained, listings)
    with progress("users", len(asked)) as advance:
        for listed in _lists(trained, snapshot, users_of(trained, asked), wish, trained.things):
            yield listed
            advance(1)


def recommend_newcomer(
    *, model: Path, name: str, favorites: list[str], wish: ListOptions, listings: Path | None = None
) -> Iterator[RankedList]:
    """What `recommend` gives, for somebody who is known by these favorites alone; nothing is trained."""
    trained = load_model(model)
    snapshot = read_snapshot(trained, listings)
    return _lists(trained, snapshot, iter([new_user(trained, name, favorites)]), wish, trained.things)


def _over_new_listings(model: LdaModel, listings: Path | None, images: Path | None) -> LdaModel:
    if listings is None or model.things != "listings":
        raise InputError(
            "no listings table here that could hold new ones", hint="Make it with: etsyml ingest listings FILE"
        )
    from etsyml_cli.personalization.new_listings import with_new_listings

    return with_new_listings(model, listings, images)


def _lists(
    model: LdaModel, snapshot: CatalogSnapshot, profiles: Iterator[Profile], wish: ListOptions, what: str
) -> Iterator[RankedList]:
    ranker = _recommender(model, wish.recommender)
    popular = model.recommenders[POPULARITY]
    while block := list(islice(profiles, USERS_AT_ONCE)):
        known = [profile for profile in block if profile.known]
        strangers = [profile._replace(row=-1, favorites=NOTHING) for profile in block if not profile.known]
        of_known = _by_style(model, known, snapshot, wish) if wish.by_style else _whole(ranker, known, snapshot, wish)
        of_strangers = _whole(popular, strangers, snapshot, wish)
        for profile in block:
            for row in next(of_known if profile.known else of_strangers):
                yield RankedList(
                    user_id=profile.id,
                    fallback=not profile.known,
                    what=what,
                    style=row.style,
                    share=row.share,
                    items=_items(model, ranker, profile, row, wish),
                )


def _recommender(model: LdaModel, name: str) -> Recommender:
    """Raises UsageError if the model has no recommender of this name."""
    if name not in model.recommenders:
        hint = did_you_mean(name, model.recommenders)
        raise UsageError(f"--recommender {name}: the model has no recommender of this name", hint=hint)
    return model.recommenders[name]


class Row(NamedTuple):
    """Listings and their scores, best first; for a list of one style, its number and its share of the profile."""

    found: list[tuple[int, float]]
    style: int | None = None
    share: float | None = None


def _whole(
    ranker: Recommender, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions
) -> Iterator[list[Row]]:
    """One list for each person."""
    return ([Row(found)] for found in _best(ranker, profiles, snapshot, wish, wish.k))


def _by_style(
    model: LdaModel, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions
) -> Iterator[list[Row]]:
    """For each person a list of each of the main styles, by beta; no listing stands in two."""
    for profile in profiles:
        theta = model.lda.profiles(users_to_score([profile]))[0]
        rows: list[Row] = []
        looking = profile._replace(row=0)  # the only user of a single style
        for style in np.argsort(-theta, kind="stable")[:STYLES_SHOWN].tolist():
            [found] = _best(model.lda.only_style(style), [looking], snapshot, wish, wish.k)
            rows.append(Row(found, style, float(theta[style])))
            shown = np.array([listing for listing, _ in found], np.int32)
            looking = looking._replace(hidden=np.concatenate([looking.hidden, shown]))
        yield rows


def _best(
    ranker: Recommender, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions, depth: int
) -> list[list[tuple[int, float]]]:
    """The list of each person, picked from the `depth` best; from more where a shop crowds out too many."""
    if not profiles:
        return []
    found = _ranked(ranker, profiles, snapshot, wish, depth)
    if wish.per_shop is None:
        return found
    lists = [_thinned(one, snapshot, wish.per_shop, wish.k) for one in found]
    short = [i for i, one in enumerate(lists) if len(one) < wish.k and len(found[i]) == depth]
    for i, longer in zip(
        short, _best(ranker, [profiles[i] for i in short], snapshot, wish, OVERSAMPLING * depth), strict=True
    ):
        lists[i] = longer
    return lists


def _ranked(
    ranker: Recommender, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions, depth: int
) -> list[list[tuple[int, float]]]:
    left_out = [
        np.concatenate([*([profile.seen] if wish.exclude_seen else []), snapshot.owned_by(profile.id), profile.hidden])
        for profile in profiles
    ]
    top, scores = top_listings(ranker, users_to_score(profiles), rows_of(left_out), depth, snapshot.sold_out)
    return [
        [(listing, score) for listing, score in zip(row.tolist(), of_row.tolist(), strict=True) if listing >= 0]
        for row, of_row in zip(top, scores, strict=True)
    ]


def _thinned(
    found: list[tuple[int, float]], snapshot: CatalogSnapshot, per_shop: int, k: int
) -> list[tuple[int, float]]:
    """The first k, of each shop the first `per_shop`; a listing without shop stands for itself."""
    count: Counter[int] = Counter()
    kept = []
    for listing, score in found:
        shop = int(snapshot.shop[listing])
        if shop < 0 or count[shop] < per_shop:
            count[shop] += 1
            kept.append((listing, score))
    return kept[:k]


def _items(model: LdaModel, ranker: Recommender, profile: Profile, row: Row, wish: ListOptions) -> list[RankedItem]:
    listings = [listing for listing, _ in row.found]
    explained = wish.explain and profile.known and row.style is None
    why = reasons_of(ranker, profile, listings, model.listing_ids) if explained else [None] * len(listings)
    return [
        RankedItem(
            rank=rank,
            id=model.listing_ids[listing],
            score=score,
            title=(model.titles[listing] or None) if model.titles else None,
            why=reasons,
        )
        for rank, ((listing, score), reasons) in enumerate(zip(row.found, why, strict=True), 1)
    ]

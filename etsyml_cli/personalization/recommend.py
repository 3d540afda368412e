"""Listings, or shops, for people from a trained style model. Imports neither gensim nor torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import progress
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.personalization.catalog import CatalogSnapshot, read_snapshot
from etsyml_cli.personalization.explain import explained
from etsyml_cli.personalization.model.favorites import rows_of
from etsyml_cli.personalization.model.lda_parameters import one_style
from etsyml_cli.personalization.model.top_k import Ranker, top_listings
from etsyml_cli.personalization.store import MIX, LdaModel, load_model
from etsyml_cli.personalization.users import Profile, fold_in, users_of

USERS_AT_ONCE = 1024
STYLES_SHOWN = 3
OVERSAMPLING = 4  # times as long a list is looked at where a shop may stand in it only so often


@dataclass(frozen=True)
class ListOptions:
    """What lists should be like: k listings, at most `per_shop` of one shop, without what was seen already.

    `by_style` asks for a list of each of the person's main styles, `explain` for what made each score.
    """

    k: int
    exclude_seen: bool = True
    per_shop: int | None = None
    by_style: bool = False
    explain: bool = False


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
    return _lists(trained, snapshot, iter([fold_in(trained, name, favorites)]), wish, trained.things)


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
    ranker = model.rankers()[MIX]
    average, popular = _popularity_ranker(model)
    while block := list(islice(profiles, USERS_AT_ONCE)):
        known = [profile for profile in block if profile.theta is not None]
        strangers = [profile._replace(theta=average) for profile in block if profile.theta is None]
        of_known = _by_style(ranker, known, snapshot, wish) if wish.by_style else _whole(ranker, known, snapshot, wish)
        of_strangers = _whole(popular, strangers, snapshot, wish)
        for profile in block:
            for row in next(of_strangers if profile.theta is None else of_known):
                yield RankedList(
                    user_id=profile.id,
                    fallback=profile.theta is None,
                    what=what,
                    items=_items(model, ranker, profile, row, wish),
                    **row.style,
                )


def _popularity_ranker(model: LdaModel) -> tuple[NDArray[np.float32], Ranker]:
    """A profile and what ranks by it: popularity, or the average style where nothing was ever favorited."""
    counts = np.bincount(model.train.indices, minlength=len(model.listing_ids))
    if not counts.any():
        return model.parameters.alpha / model.parameters.alpha.sum(), Ranker(model.parameters.beta)
    popular = one_style(counts, 1)
    return popular.theta[0], Ranker(popular.beta)


class Row(NamedTuple):
    """A list of listings and their scores, best first; of one style, by number and share, or of none."""

    found: list[tuple[int, float]]
    style: dict[str, Any] = {}  # noqa: RUF012  nobody changes it


def _whole(
    ranker: Ranker, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions
) -> Iterator[list[Row]]:
    """One list for each person."""
    return ([Row(found)] for found in _best(ranker, profiles, snapshot, wish, wish.k))


def _by_style(
    ranker: Ranker, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions
) -> Iterator[list[Row]]:
    """For each person a list of each of the main styles, by beta; no listing stands in two."""
    for profile in profiles:
        theta = _profile(profile)
        rows: list[Row] = []
        looking = profile
        for style in np.argsort(-theta, kind="stable")[:STYLES_SHOWN].tolist():
            alone = Ranker(ranker.beta[[style]])
            [found] = _best(alone, [looking._replace(theta=np.ones(1, np.float32))], snapshot, wish, wish.k)
            rows.append(Row(found, {"style": style, "share": float(theta[style])}))
            shown = np.array([listing for listing, _ in found], np.int32)
            looking = looking._replace(hidden=np.concatenate([looking.hidden, shown]))
        yield rows


def _best(
    ranker: Ranker, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions, depth: int
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
    ranker: Ranker, profiles: list[Profile], snapshot: CatalogSnapshot, wish: ListOptions, depth: int
) -> list[list[tuple[int, float]]]:
    left_out = [
        np.concatenate([*([profile.seen] if wish.exclude_seen else []), snapshot.owned_by(profile.id), profile.hidden])
        for profile in profiles
    ]
    theta = np.stack([_profile(profile) for profile in profiles])
    favorites = rows_of([profile.favorites for profile in profiles])
    top, scores = top_listings(ranker, theta, favorites, rows_of(left_out), depth, snapshot.sold_out)
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


def _items(model: LdaModel, ranker: Ranker, profile: Profile, row: Row, wish: ListOptions) -> list[RankedItem]:
    items = [
        RankedItem(
            rank=rank,
            id=model.listing_ids[listing],
            score=score,
            title=(model.titles[listing] or None) if model.titles else None,
        )
        for rank, (listing, score) in enumerate(row.found, 1)
    ]
    if wish.explain and profile.theta is not None and not row.style:
        why = explained(model, ranker, profile, [listing for listing, _ in row.found])
        for item, reasons in zip(items, why, strict=True):
            item.why = reasons
    return items


def _profile(profile: Profile) -> NDArray[np.float32]:
    """The profile of somebody who has one."""
    if profile.theta is None:
        raise ValueError(f"{profile.id} has no profile")
    return profile.theta

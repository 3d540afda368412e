"""Recommend listings, or shops, to users from a trained style model. Imports neither gensim nor torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.core.log import progress
from etsyml_cli.core.types import F32
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.personalization.catalog import CatalogSnapshot, read_snapshot
from etsyml_cli.personalization.diversity import picked, pool_of, style_directions
from etsyml_cli.personalization.explain import Names, reasons_of
from etsyml_cli.personalization.model.favorites import rows_of
from etsyml_cli.personalization.model.recommender import MIX, POPULARITY, Recommender
from etsyml_cli.personalization.model.top_k import top_listings
from etsyml_cli.personalization.store import LdaModel, load_model
from etsyml_cli.personalization.users import NOTHING, Profile, new_user, users_of, users_to_score

USERS_AT_ONCE = 1024
STYLES_SHOWN = 3
OVERSAMPLING = 4  # longer lists to pick from, if the number of listings per shop is limited


@dataclass(frozen=True)
class ListOptions:
    """The options of lists: k listings, at most `per_shop` per shop, without favorites if `exclude_seen`.

    `by_style` returns a list per main style of the user, `explain` the addends of each score. `recommender` is a name
    in RECOMMENDERS. `diversity`, 0 to 1, trades scores for differences in style. With `new_listings` the lists contain
    only listings of the table that the model does not contain. `where` is a condition on columns of the listings table.
    """

    k: int
    exclude_seen: bool = True
    per_shop: int | None = None
    by_style: bool = False
    explain: bool = False
    recommender: str = MIX
    diversity: float = 0.0
    new_listings: bool = False
    where: str | None = None


@dataclass(frozen=True)
class RecommendInputs:
    """The files that lists are made from: a model, the listings table, photo features of new listings.

    candidates: a file with the only listings to recommend. exclude: a file with listings not to recommend.
    """

    model: Path
    listings: Path | None = None
    images: Path | None = None
    candidates: Path | None = None
    exclude: Path | None = None


def recommend(
    inputs: RecommendInputs, users: list[str] | None, options: ListOptions, *, first: int = 0
) -> Iterator[RankedList]:
    """The best listings for each of `users` (None: all users), from the `first` on, as `recommend --json` prints.

    A user without training favorites gets the popular listings, marked as fallback. Excluded are all favorites in the
    model, including held-out ones, listings that are sold out in the `listings` table, and listings of the user. New
    listings are compared by words and, if there are photo features in `images`, photos.
    """
    trained, snapshot = _read(inputs, options)
    user_ids = (trained.user_ids if users is None else users)[first:]
    with progress("users", len(user_ids)) as advance:
        for listed in _lists(trained, snapshot, users_of(trained, user_ids), options, Names(trained, inputs.listings)):
            yield listed
            advance(1)


def recommend_to_new_user(
    inputs: RecommendInputs, name: str, favorites: list[str], options: ListOptions
) -> Iterator[RankedList]:
    """Recommend to a new user with these favorites, without training."""
    trained, snapshot = _read(inputs, options)
    newcomer = new_user(trained, name, favorites)
    return _lists(trained, snapshot, iter([newcomer]), options, Names(trained, inputs.listings))


def _read(inputs: RecommendInputs, options: ListOptions) -> tuple[LdaModel, CatalogSnapshot]:
    model = load_model(inputs.model)
    if options.new_listings:
        model = _over_new_listings(inputs.model, model, inputs.listings, inputs.images)
    snapshot = read_snapshot(inputs.model, model, inputs.listings)
    if inputs.candidates or inputs.exclude or options.where is not None:
        from etsyml_cli.personalization.candidates import Selection, left_out

        selection = Selection(inputs.candidates, inputs.exclude, options.where)
        snapshot = snapshot.without(left_out(selection, inputs.model, model, inputs.listings))
    return model, snapshot


def _over_new_listings(directory: Path, model: LdaModel, listings: Path | None, images: Path | None) -> LdaModel:
    if listings is None or model.things != "listings":
        raise InputError(
            "no listings table found, which --new-listings needs", hint="Make it with: etsyml ingest listings FILE"
        )
    from etsyml_cli.personalization.new_listings import with_new_listings

    return with_new_listings(directory, model, listings, images)


def _lists(
    model: LdaModel, snapshot: CatalogSnapshot, profiles: Iterator[Profile], options: ListOptions, names: Names
) -> Iterator[RankedList]:
    ranker = _recommender(model, options.recommender)
    popular = model.recommenders[POPULARITY]
    directions = style_directions(model.lda) if options.diversity else None
    while block := list(islice(profiles, USERS_AT_ONCE)):
        known = [profile for profile in block if profile.known]
        unknown = [profile._replace(row=-1, favorites=NOTHING) for profile in block if not profile.known]
        of_known = (
            _by_style(model, known, snapshot, options)
            if options.by_style
            else _single_lists(ranker, known, snapshot, options, directions)
        )
        of_unknown = _single_lists(popular, unknown, snapshot, options, directions)
        for profile in block:
            for row in next(of_known if profile.known else of_unknown):
                yield RankedList(
                    user_id=profile.id,
                    fallback=not profile.known,
                    what=model.things,
                    style=row.style,
                    label=None if row.style is None else names.labels[row.style],
                    share=row.share,
                    items=_items(ranker, profile, row, options, names),
                )


def _recommender(model: LdaModel, name: str) -> Recommender:
    """The recommender. Raises UsageError if the model has no recommender of this name."""
    if name not in model.recommenders:
        hint = did_you_mean(name, model.recommenders)
        raise UsageError(f"--recommender {name}: the model has no recommender of this name", hint=hint)
    return model.recommenders[name]


class Row(NamedTuple):
    """Listings and their scores, best first; for a list of one style, its number and its share of the profile."""

    listings: list[tuple[int, float]]
    style: int | None = None
    share: float | None = None


def _single_lists(
    ranker: Recommender,
    profiles: list[Profile],
    snapshot: CatalogSnapshot,
    options: ListOptions,
    directions: F32 | None,
) -> Iterator[list[Row]]:
    """One list for each user; with the style directions of the listings, (I, K), a diverse one."""
    if directions is None:
        return ([Row(listed)] for listed in _best_lists(ranker, profiles, snapshot, options, options.k))
    pool = replace(options, k=pool_of(options.k))
    return (
        [Row(_diverse_list(best, directions, options))]
        for best in _best_lists(ranker, profiles, snapshot, pool, pool.k)
    )


def _diverse_list(best: list[tuple[int, float]], directions: F32, options: ListOptions) -> list[tuple[int, float]]:
    of_pool = directions[[listing for listing, _ in best]]
    scores = np.array([score for _, score in best], np.float32)
    return [best[place] for place in picked(scores, of_pool, options.diversity, options.k)]


def _by_style(
    model: LdaModel, profiles: list[Profile], snapshot: CatalogSnapshot, options: ListOptions
) -> Iterator[list[Row]]:
    """A list for each main style of each user, by beta; no listing is in two lists."""
    for profile in profiles:
        theta = model.lda.profiles(users_to_score([profile]))[0]
        rows: list[Row] = []
        only_user = profile._replace(row=0)  # the only user of a single style
        for style in np.argsort(-theta, kind="stable")[:STYLES_SHOWN].tolist():
            [listed] = _best_lists(model.lda.only_style(style), [only_user], snapshot, options, options.k)
            rows.append(Row(listed, style, float(theta[style])))
            shown = np.array([listing for listing, _ in listed], np.int32)
            only_user = only_user._replace(hidden=np.concatenate([only_user.hidden, shown]))
        yield rows


def _best_lists(
    ranker: Recommender, profiles: list[Profile], snapshot: CatalogSnapshot, options: ListOptions, depth: int
) -> list[list[tuple[int, float]]]:
    """The list of each user, picked from the `depth` best, or more if the limit per shop removes too many."""
    if not profiles:
        return []
    ranked = _ranked(ranker, profiles, snapshot, options, depth)
    if options.per_shop is None:
        return ranked
    lists = [_limit_per_shop(one, snapshot, options.per_shop, options.k) for one in ranked]
    short = [i for i, one in enumerate(lists) if len(one) < options.k and len(ranked[i]) == depth]
    for i, longer in zip(
        short, _best_lists(ranker, [profiles[i] for i in short], snapshot, options, OVERSAMPLING * depth), strict=True
    ):
        lists[i] = longer
    return lists


def _ranked(
    ranker: Recommender, profiles: list[Profile], snapshot: CatalogSnapshot, options: ListOptions, depth: int
) -> list[list[tuple[int, float]]]:
    left_out = [
        np.concatenate(
            [*([profile.seen] if options.exclude_seen else []), snapshot.owned_by(profile.id), profile.hidden]
        )
        for profile in profiles
    ]
    top, scores = top_listings(ranker, users_to_score(profiles), rows_of(left_out), depth, snapshot.excluded)
    return [
        [(listing, score) for listing, score in zip(row.tolist(), of_row.tolist(), strict=True) if listing >= 0]
        for row, of_row in zip(top, scores, strict=True)
    ]


def _limit_per_shop(
    ranked: list[tuple[int, float]], snapshot: CatalogSnapshot, per_shop: int, k: int
) -> list[tuple[int, float]]:
    """The first k listings, with at most `per_shop` per shop; listings without a shop are not limited."""
    count: Counter[int] = Counter()
    kept = []
    for listing, score in ranked:
        shop = int(snapshot.shop[listing])
        if shop < 0 or count[shop] < per_shop:
            count[shop] += 1
            kept.append((listing, score))
    return kept[:k]


def _items(ranker: Recommender, profile: Profile, row: Row, options: ListOptions, names: Names) -> list[RankedItem]:
    listings = [listing for listing, _ in row.listings]
    explained = options.explain and profile.known and row.style is None
    why = reasons_of(ranker, profile, listings, names) if explained else [None] * len(listings)
    return [
        RankedItem(
            rank=rank,
            id=names.model.listing_ids[listing],
            score=score,
            title=names.title(listing),
            why=reasons,
        )
        for rank, ((listing, score), reasons) in enumerate(zip(row.listings, why, strict=True), 1)
    ]

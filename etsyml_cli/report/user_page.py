"""The page of one user: favorites, style profile, listings per main style, and recommendations with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.personalization import style_output
from etsyml_cli.personalization.recommend import ListOptions, RecommendInputs, recommend
from etsyml_cli.personalization.store import LdaModel
from etsyml_cli.personalization.styles import styles_of
from etsyml_cli.personalization.users import users_of
from etsyml_cli.report.cards import Card, Cards

FAVORITES = 12
ROW, LIST = 6, 6  # listings
STYLES = 8


class StylePart(msgspec.Struct, kw_only=True):
    """The share of a style in the user's profile; `lift` is its ratio to the share of all users."""

    style: int
    label: str
    probability: float
    lift: float


class StyleList(msgspec.Struct, kw_only=True):
    """Recommendations from one style: 'From your style #…'."""

    style: int
    label: str
    share: float
    listings: list[Card]


class Reason(msgspec.Struct, kw_only=True):
    """A component of a score: a style, a favorite, or, with a description in `what`, all remaining ones."""

    what: str
    adds: float
    style: int | None = None
    label: str | None = None
    favorite: Card | None = None
    shared_users: int | None = None


class Recommended(msgspec.Struct, kw_only=True):
    """A recommended listing with its score and the components of the score."""

    listing: Card
    score: float
    why: list[Reason]


class UserPage(msgspec.Struct, kw_only=True):
    """Data of a user; `favorites` are the first of the `n_favorites` favorites in the training set.

    With `fallback`, the user has no favorites in the training set and popular listings are recommended.
    """

    user_id: str
    fallback: bool
    n_favorites: int
    favorites: list[Card]
    profile: list[StylePart]
    rows: list[StyleList]
    recommended: list[Recommended]


def user_page(place: Workspace, cards: Cards, model: LdaModel, user: str) -> UserPage:
    """The page of a user of the model. Raises InputError if the user is unknown."""
    sources: dict[str, Any] = {"model": place.model("lda"), "listings": place.table_if_exists("listings")}
    [styled] = styles_of(**sources, k=0, users=[user])
    profile = [_part(item) for item in styled.items]
    [person] = users_of(model, [user])
    favorites = [model.listing_ids[listing] for listing in person.favorites.tolist()]
    inputs = RecommendInputs(**sources)
    by_style = recommend(inputs, [user], ListOptions(ROW, by_style=True))
    [explained] = recommend(inputs, [user], ListOptions(LIST, explain=True))
    return UserPage(
        user_id=user,
        fallback=bool(explained.fallback),
        n_favorites=len(favorites),
        favorites=[cards(favorite) for favorite in favorites[:FAVORITES]],
        profile=profile[:STYLES],
        rows=list(_rows(by_style, cards)),
        recommended=[_recommended(item, cards) for item in explained.items],
    )


def _part(item: style_output.StylePart) -> StylePart:
    return StylePart(style=item.style, label=item.label, probability=item.probability, lift=item.lift)


def _rows(by_style: Iterable[RankedList], cards: Cards) -> Iterator[StyleList]:
    for row in by_style:
        if row.style is not None and row.label is not None and row.share is not None:
            listings = [cards(item.id, item.title) for item in row.items]
            yield StyleList(style=row.style, label=row.label, share=row.share, listings=listings)


def _recommended(item: RankedItem, cards: Cards) -> Recommended:
    why = [
        Reason(
            what=reason.what,
            adds=reason.adds,
            style=reason.style,
            label=reason.label,
            shared_users=reason.shared_users,
            favorite=None if reason.id is None else cards(reason.id),
        )
        for reason in item.why or []
    ]
    return Recommended(listing=cards(item.id, item.title), score=item.score, why=why)

"""The objects that `etsyml styles` prints, with their JSON keys."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

SCHEMA_VERSION = 1


class StyleWord(msgspec.Struct, frozen=True, kw_only=True):
    """A typical word; `share` of the style's favorites have it, `lift` times the share among all favorites."""

    word: str
    share: float
    lift: float


class StyleShop(msgspec.Struct, frozen=True, kw_only=True):
    """A typical shop; `share` of the style's favorites are of it, `lift` times the share among all favorites."""

    shop_id: str
    share: float
    lift: float


class NearStyle(msgspec.Struct, frozen=True, kw_only=True):
    """Another style and its similarity, from 0 to 1."""

    style: int
    similarity: float


class NamedListing(msgspec.Struct, frozen=True, kw_only=True):
    """A listing with its title, if it has one."""

    id: str
    title: str | UnsetType = UNSET


class StyleListing(msgspec.Struct, frozen=True, kw_only=True):
    """A typical listing of a style: `score` is the log-odds, `probability` is β, `lift` is β relative to all styles."""

    rank: int
    score: float
    id: str
    title: str | UnsetType = UNSET
    probability: float
    lift: float


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """A learned style; `style` is its row in beta, `share` its mean share of the users' profiles.

    `label` names it in a few typical shops, words and titles; no other style of the model has the same one.
    """

    schema_version: int = SCHEMA_VERSION
    style: int
    label: str
    share: float
    words: list[StyleWord]
    shops: list[StyleShop]
    coherence: float
    nearest: list[NearStyle]
    items: list[StyleListing]


class StylePart(msgspec.Struct, frozen=True, kw_only=True):
    """A style of a user or listing; `lift` is its probability divided by its share of all users."""

    rank: int
    style: int
    label: str
    probability: float
    lift: float
    words: list[str]
    listings: list[NamedListing]


class StyleProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The styles of a user or of a listing, those above their share first."""

    schema_version: int = SCHEMA_VERSION
    user_id: str | UnsetType = UNSET
    listing_id: str | UnsetType = UNSET
    items: list[StylePart]

    @property
    def subject(self) -> str:
        """The id of the user or listing."""
        return str(self.user_id or self.listing_id)

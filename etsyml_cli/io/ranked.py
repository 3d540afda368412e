"""Ranked lists: the JSON objects that `rank`, `similar` and `recommend` print and write."""

from __future__ import annotations

from msgspec import Struct


class Reason(Struct, kw_only=True, omit_defaults=True):
    """The contribution of one kind of evidence to a score; `word`, `style` or `id` (a listing) says which one.

    A style has a `label`, a listing its `title` if known. `shared_users` is the number of other users who favorited
    both that listing and the listing with this score.
    """

    what: str
    word: str | None = None
    style: int | None = None
    label: str | None = None
    id: str | None = None
    title: str | None = None
    shared_users: int | None = None
    adds: float


class RankedItem(Struct, kw_only=True, omit_defaults=True):
    """An item of a ranked list: 1-based rank, id and score; the title if known, the reasons if requested."""

    rank: int
    id: str
    score: float
    title: str | None = None
    why: list[Reason] | None = None


class RankedList(Struct, kw_only=True, omit_defaults=True, tag_field="schema_version", tag=1):
    """A ranked list, best item first; fields that do not apply are None and omitted from the JSON.

    The subject of the list is a `search_id` (with its `query`), a `query`, a `listing_id` (with the `variant` of its
    similar listings) or a `user_id`. For a user, `what` names the kind of the items, `fallback` marks popular items
    instead of personal ones, and `style` with its `label` and `share` of the profile is set if the list comes from one
    style.
    """

    search_id: str | None = None
    query: str | None = None
    listing_id: str | None = None
    variant: str | None = None
    user_id: str | None = None
    fallback: bool | None = None
    what: str | None = None
    style: int | None = None
    label: str | None = None
    share: float | None = None
    items: list[RankedItem]

    def subject(self, key: str) -> str:
        """The value of the field `key`, for example "query" or "user_id". Raises ValueError if it is not set."""
        value = getattr(self, key)
        if value is None:
            raise ValueError(f"the ranked list has no {key}")
        return str(value)

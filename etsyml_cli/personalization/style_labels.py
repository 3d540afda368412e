"""Names of styles in a few terms: typical shops, tags and words, and titles if these are too few.

A shop, tag or word in a label rests on several listings, so that the words of a single title never name a style.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from etsyml_cli.core.types import I64
from etsyml_cli.personalization.store import LISTINGS
from etsyml_cli.personalization.style_view import BY_CHANCE, StyleView, typical_groups, typical_listings
from etsyml_cli.personalization.style_words import Groups

SHOPS, WORDS = 2, 2  # of a label, at most
TERMS, TITLES = 3, 2  # if there are fewer than TERMS shops and words: titles, at most TITLES of them
FURTHER = 8  # of each kind, to tell styles with the same label apart
LEAST_SCORE = 3.0  # standard errors
MOSTLY = 0.7  # of the favorites of a word have it in the phrase
NOTHING = "nothing typical"
WIDTH_OF_TITLE = 40
_NAME = re.compile(r"[^\W\d_]{3}|^[^\W\d_]+$")  # S29 and 1234 are ids
_SUBTITLE = re.compile(r" \(| : ")


class _Support(NamedTuple):
    """What a term must have at least: an effective number of listings, and share · ln lift.

    The latter is its part in the divergence of the style from all favorites, which is high if a term tells much of what
    is in the style, not only that it is more frequent there.
    """

    listings: float
    told: float


OF_SHOP, OF_WORD = _Support(2, 0.007), _Support(3, 0.015)


class _Term(NamedTuple):
    score: float
    share: float  # of the favorites in the style
    name: str
    stems: frozenset[str]


class _Candidates(NamedTuple):
    """The shops, words and titles that can name a style, the best of each first."""

    shops: list[str]
    words: list[str]
    titles: list[str]

    def label(self, extra: int) -> str:
        """The label with `extra` more terms than usual, if there are so many: titles, then words, then shops."""
        shops, words = len(self.shops[:SHOPS]), len(self.words[:WORDS])
        taken = {"titles": min(TITLES, max(TERMS - shops - words, 0)), "words": words, "shops": shops}
        for kind in taken:
            more = min(extra, max(len(getattr(self, kind)) - taken[kind], 0))
            taken[kind] += more
            extra -= more
        parts = (self.shops[: taken["shops"]], self.words[: taken["words"]], self.titles[: taken["titles"]])
        return " · ".join(", ".join(part) for part in parts if part)


def style_labels(view: StyleView) -> list[str]:
    """The label of each of K styles. Labels are distinct: styles that would have the same one get more terms."""
    candidates = [_candidates(view, number) for number in range(len(view.share))]
    usual = [of_style.label(0) for of_style in candidates]
    labels = usual
    for extra in range(1, 3 * FURTHER):
        again = _repeated(labels)
        labels = [
            of_style.label(extra) if label in again else label
            for of_style, label in zip(candidates, labels, strict=True)
        ]
    again = _repeated(labels)
    return [
        f"{short} ({number})" if label in again else label
        for number, (short, label) in enumerate(zip(usual, labels, strict=True))
    ]


def _repeated(labels: list[str]) -> set[str]:
    return {label for label, times in Counter(labels).items() if times > 1}


def _candidates(view: StyleView, number: int) -> _Candidates:
    [(best, scores)] = typical_listings(view, [number], FURTHER)
    if not (scores > BY_CHANCE).any():
        return _Candidates([], [], [NOTHING])
    catalog = view.catalog
    shops = [shop for shop in _terms(view, catalog.shops, number, OF_SHOP) if _NAME.search(shop.name)]
    named = list(islice(_without_repeats(shops, set()), FURTHER))
    phrases, words = (_terms(view, groups, number, OF_WORD) for groups in (catalog.phrases, catalog.words))
    used = set().union(*(shop.stems for shop in named[:SHOPS]))
    further = islice(_without_repeats([*_completed(words, phrases), *phrases], used), FURTHER)
    return _Candidates([shop.name for shop in named], [word.name for word in further], _titles(view, best))


def _terms(view: StyleView, groups: Groups, number: int, least: _Support) -> list[_Term]:
    return [
        _Term(one.score, one.share, one.name, groups.stems[one.column])
        for one in typical_groups(view, groups, number)
        if one.score >= LEAST_SCORE and one.listings >= least.listings and one.share * math.log(one.lift) >= least.told
    ]


def _completed(words: list[_Term], phrases: list[_Term]) -> Iterator[_Term]:
    """Each word, or the phrase that it nearly always is a part of."""
    for word in words:
        whole = [one for one in phrases if word.stems < one.stems and one.share >= MOSTLY * word.share]
        best = max(whole, key=lambda one: (one.share, one.name), default=word)
        yield best._replace(score=word.score)


def _without_repeats(terms: Iterable[_Term], used: set[str]) -> Iterator[_Term]:
    """The terms, best first and of equals the longest, that have no stem in common with a better one or `used`."""
    for term in sorted(terms, key=lambda term: (-term.score, -len(term.stems), term.name)):
        if not term.stems & used:
            used |= term.stems
            yield term


def _titles(view: StyleView, best: I64) -> list[str]:
    """Titles of these listings in quotes; of shops and if there are no titles, ids."""
    titles = [_short(view.catalog.titles[listing]) for listing in best.tolist()]
    if any(titles):
        return [f"‘{title}’" for title in dict.fromkeys(titles) if title]
    what = "listing " if view.model.things == LISTINGS else ""
    return [f"{what}{view.model.listing_ids[listing]}" for listing in best.tolist()]


def _short(title: str) -> str:
    """A title without its subtitle and series, cut to a width."""
    title = _SUBTITLE.split(title, maxsplit=1)[0].strip()
    return title if len(title) <= WIDTH_OF_TITLE else f"{title[: WIDTH_OF_TITLE - 1].rstrip()}…"

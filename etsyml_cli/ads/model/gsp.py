"""The generalized second-price auction (Edelman, Ostrovsky & Schwarz, AER 2007), in exact decimal arithmetic.

Ads rank by bid × click probability, which is what showing one is expected to earn. A click costs the least that would
have kept the place: the next ad's score over the own click probability, rounded up to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from itertools import pairwise
from typing import NamedTuple

CENT = Decimal("0.01")
MOST_DIGITS = 30  # of a bid or a click probability
HIGHEST_BID = Decimal(10) ** 15
# products are exact; a quotient is rounded up, and up again to the cent, which is the same as once
EXACT = Context(prec=4 * MOST_DIGITS, rounding=ROUND_CEILING)


class Bid(NamedTuple):
    """What an advertiser offers for a click on a listing, and the probability `ctr` of that click."""

    listing_id: str
    bid: Decimal
    ctr: Decimal


class Placed(NamedTuple):
    """An ad in its place, 1 the best: `score` is bid × ctr, `price` what a click costs."""

    place: int
    listing_id: str
    bid: Decimal
    ctr: Decimal
    score: Decimal
    price: Decimal


def run_auction(bids: Iterable[Bid], reserve: Decimal) -> list[Placed]:
    """Everyone who bids at least the reserve, best first, equal scores by id downwards.

    price = min(bid, max(reserve, next score / own ctr, rounded up to the cent)). The last ad pays the reserve, and so
    does one with a ctr of 0, which no bid could lift. Bids have at most MOST_DIGITS digits and stay below HIGHEST_BID.
    """
    with localcontext(EXACT):
        scored = [(one.bid * one.ctr, one) for one in bids if one.bid >= reserve]
        scored.sort(key=lambda pair: (pair[0], pair[1].listing_id), reverse=True)
        prices = [_price(one, below, reserve) for (_, one), (below, _) in pairwise(scored)]
        prices += [reserve] * bool(scored)
        return [
            Placed(place, *one, score.normalize(), price)
            for place, ((score, one), price) in enumerate(zip(scored, prices, strict=True), start=1)
        ]


def _price(own: Bid, next_score: Decimal, reserve: Decimal) -> Decimal:
    if own.ctr == 0:
        return reserve
    return min(own.bid, max((next_score / own.ctr).quantize(CENT), reserve))

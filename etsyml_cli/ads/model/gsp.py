"""The generalized second-price auction (Edelman, Ostrovsky & Schwarz, AER 2007), in exact decimal arithmetic.

Ads rank by bid × click probability, the expected revenue of an impression. The price of a click is the lowest bid that
would have kept the place: the score of the next ad divided by the click probability, rounded up to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from itertools import pairwise
from typing import NamedTuple

CENT = Decimal("0.01")
MAX_DIGITS = 30  # of a bid or a click probability
HIGHEST_BID = Decimal(10) ** 15
# products are exact; rounding a quotient up and then up to the cent equals rounding it up once
EXACT = Context(prec=4 * MAX_DIGITS, rounding=ROUND_CEILING)


class Bid(NamedTuple):
    """A bid for a click on a listing, and the click probability `ctr`."""

    listing_id: str
    bid: Decimal
    ctr: Decimal


class Placed(NamedTuple):
    """An ad in its place, from 1: `score` is bid × ctr, `price` the price of a click."""

    place: int
    listing_id: str
    bid: Decimal
    ctr: Decimal
    score: Decimal
    price: Decimal


def run_auction(bids: Iterable[Bid], reserve: Decimal) -> list[Placed]:
    """The ads that bid at least the reserve, best first; equal scores by descending id.

    price = min(bid, max(reserve, next score / own ctr, rounded up to the cent)). The last ad pays the reserve, as does
    an ad with a ctr of 0, whose score no bid could raise. Bids have at most MAX_DIGITS digits and are below
    HIGHEST_BID.
    """
    with localcontext(EXACT):
        scored = [(bid.bid * bid.ctr, bid) for bid in bids if bid.bid >= reserve]
        scored.sort(key=lambda pair: (pair[0], pair[1].listing_id), reverse=True)
        prices = [_price(bid, below, reserve) for (_, bid), (below, _) in pairwise(scored)]
        prices += [reserve] * bool(scored)
        return [
            Placed(place, *bid, score.normalize(), price)
            for place, ((score, bid), price) in enumerate(zip(scored, prices, strict=True), start=1)
        ]


def _price(own: Bid, next_score: Decimal, reserve: Decimal) -> Decimal:
    if own.ctr == 0:
        return reserve
    return min(own.bid, max((next_score / own.ctr).quantize(CENT), reserve))

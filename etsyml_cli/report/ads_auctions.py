"""What clicks would cost: ads that were shown for the same query, as if they had competed there."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from statistics import median

import msgspec
import pyarrow as pa

from etsyml_cli.ads.click_model import CtrModel
from etsyml_cli.ads.model.gsp import Bid, Placed, run_auction
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.ads_rows import evenly
from etsyml_cli.report.cards import Card, Cards
from etsyml_cli.report.missing import Missing
from etsyml_cli.report.plots import Plot, Series

MOST_ROWS = 200_000
MOST_PLACES = 8
INGEST = "etsyml ingest impressions FILE"
NO_RESERVE = Decimal(0)


class Ad(msgspec.Struct, kw_only=True):
    """An ad in its place: what was bid, the predicted click rate, and what a click costs."""

    place: int
    listing: Card
    bid: float
    rate: float
    price: float


class Auctions(msgspec.Struct, kw_only=True):
    """An auction for each query, in all of `ads` ads; `example`, best first, is the one of the most ads."""

    auctions: int
    ads: int
    prices: Plot
    query: str
    example: list[Ad]


def auctions(place: Workspace, model: CtrModel, rows: pa.RecordBatch) -> Auctions | Missing:
    """Generalized second-price auctions without a reserve, by each ad's latest bid and mean predicted rate."""
    lacking = [name for name in ("query", "bid") if name not in rows.schema.names]
    if lacking:
        named = " and ".join(f"`{name}`" for name in lacking)
        return Missing(f"the impressions have no column {named}, so there are no auctions", INGEST)
    placed = {query: run_auction(bids, NO_RESERVE) for query, bids in _bids(model, evenly(rows, MOST_ROWS)).items()}
    contested = {query: ads for query, ads in placed.items() if len(ads) > 1}
    if not contested:
        return Missing("no two ads with a bid were shown for the same query", INGEST)
    query = max(contested, key=lambda name: (len(contested[name]), name))
    cards = Cards(place)
    return Auctions(
        auctions=len(contested),
        ads=sum(map(len, contested.values())),
        prices=_prices(list(contested.values())),
        query=query,
        example=[_ad(one, cards) for one in contested[query][:MOST_PLACES]],
    )


def _bids(model: CtrModel, rows: pa.RecordBatch) -> dict[str, list[Bid]]:
    """The bids of each query, an ad's last one, at its mean predicted rate there."""
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    bid: dict[tuple[str, str], float] = {}
    columns = (rows.column(name).to_pylist() for name in ("query", "listing_id", "bid"))
    for query, listing_id, offered, rate in zip(*columns, model.predict(rows).tolist(), strict=True):
        if query is not None and offered is not None:
            rates[query, listing_id].append(rate)
            bid[query, listing_id] = offered
    found: dict[str, list[Bid]] = defaultdict(list)
    for (query, listing_id), of_ad in rates.items():
        rate = Decimal(repr(sum(of_ad) / len(of_ad)))
        found[query].append(Bid(listing_id, Decimal(repr(bid[query, listing_id])), rate))
    return found


def _prices(auctions: list[list[Placed]]) -> Plot:
    """Medians by place, of auctions that have an ad there and one below it that sets the price."""
    places = range(MOST_PLACES)
    priced = [[ads[place] for ads in auctions if len(ads) > place + 1] for place in places]
    names = [str(place + 1) for place, ads in zip(places, priced, strict=True) if ads]
    bids = [float(median(ad.bid for ad in ads)) for ads in priced if ads]
    prices = [float(median(ad.price for ad in ads)) for ads in priced if ads]
    return Plot(
        name="ads-prices",
        title="Clearing prices: the median bid and price, by place",
        x="place",
        y="amount",
        series=[Series(name="bid", x=names, y=bids), Series(name="price", x=names, y=prices)],
        kind="bars",
    )


def _ad(placed: Placed, cards: Cards) -> Ad:
    return Ad(
        place=placed.place,
        listing=cards(placed.listing_id),
        bid=float(placed.bid),
        rate=float(placed.ctr),
        price=float(placed.price),
    )

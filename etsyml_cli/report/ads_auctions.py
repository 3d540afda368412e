"""Simulated auctions among the ads that were shown for the same query, and the prices of clicks."""

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

MAX_ROWS = 200_000
MAX_POSITIONS = 8
INGEST = "etsyml ingest impressions FILE"
NO_RESERVE = Decimal(0)


class Ad(msgspec.Struct, kw_only=True):
    """An ad of an auction: its position, bid, predicted click-through rate and price per click."""

    place: int
    listing: Card
    bid: float
    rate: float
    price: float


class Auctions(msgspec.Struct, kw_only=True):
    """One auction per query, with `ads` ads in total; `example` is the auction with the most ads, best ad first."""

    auctions: int
    ads: int
    prices: Plot
    query: str
    example: list[Ad]


def auctions(place: Workspace, model: CtrModel, rows: pa.RecordBatch) -> Auctions | Missing:
    """Run generalized second-price auctions without a reserve price, with the latest bid and mean rate of each ad."""
    absent = [name for name in ("query", "bid") if name not in rows.schema.names]
    if absent:
        columns = " or ".join(f"`{name}`" for name in absent)
        return Missing(f"the impressions table has no column {columns}, so auctions cannot be simulated", INGEST)
    placed = {query: run_auction(bids, NO_RESERVE) for query, bids in _bids(model, evenly(rows, MAX_ROWS)).items()}
    contested = {query: ads for query, ads in placed.items() if len(ads) > 1}
    if not contested:
        return Missing("no query has two ads with bids, so auctions cannot be simulated", INGEST)
    query = max(contested, key=lambda name: (len(contested[name]), name))
    cards = Cards(place)
    return Auctions(
        auctions=len(contested),
        ads=sum(map(len, contested.values())),
        prices=_prices(list(contested.values())),
        query=query,
        example=[_ad(one, cards) for one in contested[query][:MAX_POSITIONS]],
    )


def _bids(model: CtrModel, rows: pa.RecordBatch) -> dict[str, list[Bid]]:
    """The bids of each query: the latest bid of each ad with its mean predicted rate for the query."""
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
    """Median bid and price per position, over auctions with an ad below that position, which sets the price."""
    positions = range(MAX_POSITIONS)
    priced = [[ads[position] for ads in auctions if len(ads) > position + 1] for position in positions]
    names = [str(position + 1) for position, ads in zip(positions, priced, strict=True) if ads]
    bids = [float(median(ad.bid for ad in ads)) for ads in priced if ads]
    prices = [float(median(ad.price for ad in ads)) for ads in priced if ads]
    return Plot(
        name="ads-prices",
        title="Median bid and price per position",
        x="position",
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

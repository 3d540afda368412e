"""Auctions of ads from a file or stdin: who is shown in which place, and what a click costs."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from etsyml_cli.ads.model.gsp import HIGHEST_BID, MOST_DIGITS, Bid, Placed, run_auction
from etsyml_cli.core.errors import DataError, InputError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.text import numbered_lines, open_lines

CSV_SUFFIX = ".csv"
HOW_TO_PART = "Ads of one auction_id compete; give one to every line, or to none."
COLUMNS = ("auction_id", *Placed._fields)

Id = str | int
Auctions = dict[str | None, dict[str, Bid]]  # by auction_id, None where the lines have none, then by listing_id


class AdLine(msgspec.Struct):
    """A line of the input; `score` is the click probability as `etsyml score` names it."""

    listing_id: Id
    bid: Decimal
    ctr: Decimal | None = None
    score: Decimal | None = None
    auction_id: Id | None = None


_DECODER = msgspec.json.Decoder(AdLine)


def auction_rows(*, source: str, reserve: str, slots: int | None) -> Iterator[dict[str, Any]]:
    """A row for each ad that is shown, auction after auction as they come in the source, best first.

    `source` is a JSON Lines or .csv file, or "-" for JSON Lines on stdin; `slots` is how many an auction shows, None
    for all. Raises InputError, naming the line, for what is no bid, DataError where there is none, UsageError for a
    reserve that is no amount.
    """
    floor = _amount(reserve)
    for auction_id, bids in read_auctions(source).items():
        placed = run_auction(bids.values(), floor)
        if below := len(bids) - len(placed):
            where = "" if auction_id is None else f"auction {auction_id}: "
            logger.info("%s%d of %d ads bid less than the reserve and are out", where, below, len(bids))
        named = {} if auction_id is None else {"auction_id": auction_id}
        yield from (named | one._asdict() for one in placed[:slots])


def read_auctions(source: str) -> Auctions:
    """The bids of every auction. Lines without an auction_id are one auction; either all have one or none."""
    auctions: Auctions = {}
    with open_lines(source) as lines:
        for number, line in _ad_lines(lines, source):
            auction_id = None if line.auction_id is None else str(line.auction_id)
            bid = _checked(line, number)
            bids = auctions.setdefault(auction_id, {})
            if bid.listing_id in bids:
                raise InputError(f"line {number}: {bid.listing_id} bids twice in one auction", hint=HOW_TO_PART)
            if None in auctions and len(auctions) > 1:
                raise InputError(f"line {number}: some lines have an auction_id and some have none", hint=HOW_TO_PART)
            bids[bid.listing_id] = bid
    if not auctions:
        raise DataError(f"{source}: no bids")
    return auctions


def _ad_lines(lines: Iterable[bytes], source: str) -> Iterator[tuple[int, AdLine]]:
    numbered = _csv_rows(lines) if source.lower().endswith(CSV_SUFFIX) else numbered_lines(lines)
    for number, one in numbered:
        try:
            yield number, _DECODER.decode(one) if isinstance(one, bytes) else msgspec.convert(one, AdLine)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"line {number}: {error}", hint="An ad has listing_id, bid and ctr (or score).") from None


def _csv_rows(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows by the header's names; an empty cell is an absent field."""
    reader = csv.DictReader(codecs.iterdecode(lines, "utf-8-sig"), restkey="")
    try:
        for row in reader:
            if "" in row:
                raise InputError(f"line {reader.line_num}: more cells than the header has columns")
            yield reader.line_num, {name: cell for name, cell in row.items() if cell}
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"line {reader.line_num + 1}: {error}") from None


def _checked(line: AdLine, number: int) -> Bid:
    ctr = line.score if line.ctr is None else line.ctr
    if ctr is None:
        raise InputError(f"line {number}: neither ctr nor score", hint="`etsyml score` adds the score to each line.")
    for name, value, highest in (("bid", line.bid, HIGHEST_BID), ("ctr", ctr, Decimal(1))):
        if not value.is_finite() or not 0 <= value <= highest:
            raise InputError(f"line {number}: {name} {value}: expected a number from 0 to {highest}")
        if len(value.as_tuple().digits) > MOST_DIGITS:
            raise InputError(f"line {number}: {name} {value}: more than {MOST_DIGITS} digits")
    return Bid(str(line.listing_id), line.bid, ctr)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise UsageError(f"--reserve {text}: expected an amount of at least 0, as in 0.05")
    return amount

"""The generalized second price, against its definition over fractions and a worked example."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ads.model.gsp import Bid, run_auction

AMOUNTS = st.integers(0, 500).map(lambda cents: Decimal(cents).scaleb(-2))
RATES = st.integers(0, 1000).map(lambda thousandths: Decimal(thousandths).scaleb(-3))
AUCTIONS = st.dictionaries(st.sampled_from("ABCDEFGH"), st.tuples(AMOUNTS, RATES), max_size=8).map(
    lambda offers: [Bid(listing, *offer) for listing, offer in offers.items()]
)


def bids(*offers: tuple[str, str]) -> list[Bid]:
    return [Bid(f"L{i}", Decimal(bid), Decimal(ctr)) for i, (bid, ctr) in enumerate(offers, start=1)]


EXAMPLE = bids((".25", ".158"), (".95", ".0202"), (".70", ".0271"), (".45", ".0373"))


def test_a_worked_example():
    placed = run_auction(EXAMPLE, Decimal("0.05"))
    assert [str(one.score) for one in placed] == ["0.0395", "0.01919", "0.01897", "0.016785"]
    assert [one.listing_id for one in placed] == ["L1", "L2", "L3", "L4"]
    assert [str(one.price) for one in placed] == ["0.13", "0.94", "0.62", "0.05"]


@given(AUCTIONS, AMOUNTS)
def test_it_is_the_definition(ads, reserve):
    """Everything over fractions, which know no rounding."""
    left = [one for one in ads if one.bid >= reserve]
    order = sorted(left, key=lambda one: (Fraction(one.bid) * Fraction(one.ctr), one.listing_id), reverse=True)
    placed = run_auction(ads, reserve)
    assert [(one.place, one.listing_id) for one in placed] == [(i, one.listing_id) for i, one in enumerate(order, 1)]
    for one, below in zip(placed, [*order[1:], None], strict=False):
        price = Fraction(reserve)
        if below is not None and one.ctr:
            least = Fraction(below.bid) * Fraction(below.ctr) / Fraction(one.ctr)
            price = min(Fraction(one.bid), max(price, Fraction(ceil(100 * least), 100)))
        assert Fraction(one.price) == price


@given(AUCTIONS, AMOUNTS)
def test_a_price_is_between_reserve_and_bid(ads, reserve):
    assert all(reserve <= one.price <= one.bid for one in run_auction(ads, reserve))


@given(AUCTIONS.filter(bool), AMOUNTS, st.data())
def test_the_own_bid_decides_the_place_and_never_the_price(ads, reserve, data):
    changed = data.draw(st.integers(0, len(ads) - 1))
    again = [*ads[:changed], ads[changed]._replace(bid=data.draw(AMOUNTS)), *ads[changed + 1 :]]
    by_listing = [{one.listing_id: one for one in run_auction(some, reserve)} for some in (ads, again)]
    before, after = (placed.get(ads[changed].listing_id) for placed in by_listing)
    if before and after and before.place == after.place:
        assert before.price == after.price


@given(AUCTIONS, AMOUNTS, st.randoms())
def test_the_order_of_the_lines_does_not_matter(ads, reserve, random):
    assert run_auction(random.sample(ads, len(ads)), reserve) == run_auction(ads, reserve)


def test_a_bid_between_two_cents_is_not_exceeded():
    first, _ = run_auction(bids(("0.125", "0.5"), ("0.124", "0.5")), Decimal(0))
    assert first.price == Decimal("0.125")


def test_a_whole_cent_is_not_rounded_up():
    first, _ = run_auction(bids(("1", "0.3"), ("0.7", "0.3")), Decimal(0))
    assert first.price == Decimal("0.70")  # 0.7 * 0.3 / 0.3 is a little more in binary floating point


def test_an_ad_that_is_never_clicked_pays_the_reserve():
    placed = run_auction(bids(("0.50", "0"), ("0.40", "0"), ("0.30", "0.1")), Decimal("0.20"))
    assert [(one.listing_id, str(one.price)) for one in placed] == [("L3", "0.20"), ("L2", "0.20"), ("L1", "0.20")]


def test_long_numbers_are_exact():
    """Scores that differ in the sixtieth digit only."""
    more, less = Decimal("0.333333333333333333333333333334"), Decimal("0.333333333333333333333333333333")
    placed = run_auction([Bid("A", more, more), Bid("B", less, more)], Decimal(0))
    assert [one.listing_id for one in placed] == ["A", "B"]
    assert placed[0].price == more

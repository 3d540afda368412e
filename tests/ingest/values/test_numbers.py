"""Numbers as shops write them: each notation of a number is read as that number, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.ingest.values.numbers import notation, number
from etsyml_cli.io.rejects import BadValueError, Reason

SIGNS = ["", "$", "€", "£", "¥", "₹", "US$", "R$", "kr", "kr.", "zł", "USD", "EUR", "SEK", "CHF"]
MARKS = {".": ["", ",", "'", "’", " ", "\u00a0", "\u202f"], ",": ["", ".", "'", "’", " ", "\u00a0", "\u202f"]}


def grouped(digits: str, mark: str) -> str:
    """`1234567` with a mark between groups of three digits, counted from the right."""
    first = len(digits) % 3
    groups = [digits[:first]] * bool(first) + [digits[i : i + 3] for i in range(first, len(digits), 3)]
    return mark.join(groups)


@st.composite
def amounts(draw: st.DrawFn) -> tuple[Decimal, str, str, bool]:
    """A number, one of its notations, the decimal mark, and whether the notation has a currency."""
    value = draw(st.decimals(-(10**9), 10**9, places=draw(st.integers(0, 4)), allow_nan=False))
    decimal = draw(st.sampled_from([".", ","]))
    whole, _, fraction = f"{abs(value):f}".partition(".")
    text = grouped(whole, draw(st.sampled_from(MARKS[decimal]))) + (f"{decimal}{fraction}" if fraction else "")
    minus = draw(st.sampled_from(["-", "−"])) if value < 0 else draw(st.sampled_from(["", "+"]))
    sign, space = draw(st.sampled_from(SIGNS)), draw(st.sampled_from(["", " ", "\u00a0"]))
    forms = [f"{minus}{sign}{space}{text}", f"{sign}{space}{minus}{text}", f"{minus}{text}{space}{sign}"]
    return value, f" {draw(st.sampled_from(forms))} ", decimal, bool(sign)


@given(amounts())
def test_every_notation_of_an_amount_is_read_as_its_number(amount):
    value, text, decimal, has_currency = amount
    assert number(text, decimal, currency=True) == float(value)
    assert notation(text, decimal)[0] == has_currency
    if has_currency:
        with pytest.raises(BadValueError):
            number(text, decimal)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60))
def test_python_s_own_notation_is_read_as_the_same_number(value):
    assert number(repr(value)) == float(value)
    assert number(repr(value).replace(".", ","), ",") == float(value)


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("1,234", ".", 1234.0),
        ("1.234", ".", 1.234),
        ("1.234", ",", 1234.0),
        ("1,234", ",", 1.234),
        ("1 234,56", ",", 1234.56),
        ("1'234.50", ".", 1234.5),
        ("₹1,23,45,678.90", ".", 12345678.9),
        ("US$ 12.00 USD", ".", 12.0),
        ("$.5", ".", 0.5),
        ("5. €", ".", 5.0),
        ("+5", ".", 5.0),
        ("1e3", ".", 1000.0),
    ],
)
def test_notations(text, decimal, expected):
    assert number(text, decimal, currency=True) == expected


@pytest.mark.parametrize(
    ("text", "decimal", "reason"),
    [
        ("12,5", ".", Reason.OTHER_DECIMAL_MARK),
        ("0,500", ".", Reason.OTHER_DECIMAL_MARK),
        ("0.500", ",", Reason.OTHER_DECIMAL_MARK),
        ("1.234,56", ".", Reason.OTHER_DECIMAL_MARK),
        ("1.234.567", ".", Reason.OTHER_DECIMAL_MARK),
        ("1,234.56", ",", Reason.OTHER_DECIMAL_MARK),
        ("12.5 €", ",", Reason.OTHER_DECIMAL_MARK),
        ("POA", ".", Reason.NOT_A_NUMBER),
        ("12%", ".", Reason.NOT_A_NUMBER),
        ("12 PCS", ".", Reason.NOT_A_NUMBER),
        ("5-10", ".", Reason.NOT_A_NUMBER),
        ("$5 - $10", ".", Reason.NOT_A_NUMBER),
        ("-$-5", ".", Reason.NOT_A_NUMBER),
        ("12,34,56", ".", Reason.NOT_A_NUMBER),
        ("1,234 567", ".", Reason.NOT_A_NUMBER),
        ("1 2", ".", Reason.NOT_A_NUMBER),
        (",", ".", Reason.NOT_A_NUMBER),
        ("$", ".", Reason.NOT_A_NUMBER),
        ("٣", ".", Reason.NOT_A_NUMBER),
        ("1_000", ".", Reason.NOT_A_NUMBER),
        ("$nan", ".", Reason.NOT_A_NUMBER),
        ("-Infinity", ".", Reason.NOT_FINITE),
        ("1e400", ".", Reason.NOT_FINITE),
    ],
)
def test_other_texts_are_not_read_as_numbers(text, decimal, reason):
    with pytest.raises(BadValueError) as error:
        number(text, decimal, currency=True)
    assert error.value.reason is reason


def test_thousands_marks_are_noted():
    assert [notation(text, ".")[1] for text in ("1,234", "$1 234", "1234", "12.345", "$5")] == [
        True, True, False, False, False,
    ]  # fmt: skip

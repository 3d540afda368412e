"""Parse numbers as shops write them: with thousands marks, a decimal comma, currency signs and codes."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from etsyml_cli.io.rejects import BadValueError, Reason
from etsyml_cli.io.schema import Kind

DecimalMark = Literal[".", ","]

MAX_EXACT_INTEGER = 2**53  # a float represents every integer below it

# lowest and highest value, and whether it must be an integer
NUMBER_RANGES: dict[str, tuple[float, float, bool]] = {
    "price": (0, 1e300, False),
    "number": (-1e300, 1e300, False),
    "count": (0, MAX_EXACT_INTEGER, True),
    "position": (1, 2**31 - 1, True),
    "flag": (0, 1, True),
}
AMOUNTS = ("price", "number")  # kinds that may have a currency

_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(inf|infinity|nan)", re.IGNORECASE)
_OTHER_MARK: dict[DecimalMark, DecimalMark] = {".": ",", ",": "."}

_SIGNS = "$¢£¤¥֏؋৲৳฿₠-⃀﷼﹩＄￠￡￥￦"  # Unicode's currency symbols
_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
"""
_ABBREVIATIONS = "Fr Ft Kc Kč Rs Rp SFr TL eur euro gbp kr lei usd zl zł лв руб"
_CURRENCIES = frozenset(f"{_ISO_4217} {_ABBREVIATIONS}".split())


def number(value: Any, decimal: DecimalMark = ".", *, currency: bool = False) -> float:
    """The finite number that `value` is or has as text; `currency`: it may be an amount. Raises BadValueError."""
    if isinstance(value, str):
        return _finite(_plain_text(value.strip(), decimal, currency))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadValueError(Reason.NOT_A_NUMBER)
    return _finite(value)


def number_of_kind(value: Any, kind: Kind, decimal: DecimalMark = ".") -> float | int:
    """The number, an integer if the kind of column has integers. Raises BadValueError if it is outside the range."""
    low, high, whole = NUMBER_RANGES[kind]
    parsed = number(value, decimal, currency=kind in AMOUNTS)
    if parsed < low:
        raise BadValueError(Reason.POSITION_BELOW_1 if kind == "position" else Reason.NEGATIVE)
    if parsed > high:
        raise BadValueError(Reason.TOO_LARGE)
    if whole and parsed != int(parsed):
        raise BadValueError(Reason.NOT_WHOLE)
    return int(parsed) if whole else parsed


def notation(text: str, decimal: DecimalMark) -> tuple[bool, bool]:
    """Whether the text of a number has a currency, and whether it has thousands marks."""
    match = _notation(decimal).fullmatch(text.strip())
    if match is None:
        return False, False
    return bool(match["before"] or match["after"]), not (match["whole"] or "0").isdecimal()


def _finite(value: str | float | Decimal) -> float:
    try:
        parsed = float(value)
    except OverflowError:
        raise BadValueError(Reason.TOO_LARGE) from None
    if not math.isfinite(parsed):
        raise BadValueError(Reason.NOT_FINITE)
    return parsed


def _plain_text(text: str, decimal: DecimalMark, currency: bool) -> str:
    """The number without currency and thousands marks, with a decimal point. Raises BadValueError."""
    if _NOT_FINITE.fullmatch(text):
        raise BadValueError(Reason.NOT_FINITE)
    plain = text if decimal == "." and _PLAIN.fullmatch(text) else _read(text, decimal, currency)
    if plain is None:
        other = _read(text, _OTHER_MARK[decimal], currency)
        raise BadValueError(Reason.NOT_A_NUMBER if other is None else Reason.OTHER_DECIMAL_MARK)
    return plain


def _read(text: str, decimal: DecimalMark, currency: bool) -> str | None:
    match = _notation(decimal).fullmatch(text)
    if match is None or (match["sign"] and match["second_sign"]):
        return None
    if not all(name is None or (currency and _is_currency(name)) for name in (match["before"], match["after"])):
        return None
    minus = "-" if (match["sign"] or match["second_sign"]) in ("-", "−") else ""
    whole = re.sub(r"\D", "", match["whole"] or "")
    return f"{minus}{whole}.{match['fraction'] or ''}{match['exponent'] or ''}"


@cache
def _notation(decimal: DecimalMark) -> re.Pattern[str]:
    """Numbers with this decimal mark: groups of three digits, or as in India `1,23,456`, with one kind of mark."""
    comma = re.escape(_OTHER_MARK[decimal])
    thousands = f"[{_OTHER_MARK[decimal]}'’ \u00a0\u2009\u202f]"
    grouped = rf"[1-9][0-9]{{0,2}}(?P<mark>{thousands})[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
    lakhs = rf"[1-9][0-9]?(?:{comma}[0-9]{{2}})+{comma}[0-9]{{3}}"
    mark = re.escape(decimal)
    digits = rf"(?=[0-9]|{mark}[0-9])(?P<whole>{grouped}|{lakhs}|[0-9]*)(?:{mark}(?P<fraction>[0-9]*))?"
    currency = rf"[^\W\d_]{{0,4}}[{_SIGNS}]|[^\W\d_]{{2,4}}\.?"
    return re.compile(
        rf"(?P<sign>[-+−]?)\s*(?:(?P<before>{currency})\s*)?(?P<second_sign>[-+−]?)"
        rf"{digits}(?P<exponent>[eE][-+]?[0-9]+)?(?:\s*(?P<after>{currency}))?"
    )


def _is_currency(text: str) -> bool:
    return bool(re.fullmatch(f"[{_SIGNS}]", text[-1])) or text.removesuffix(".") in _CURRENCIES

"""The words of titles, tags and queries: one normalization for all of them.

Text that Unicode calls equal, compatible forms and upper and lower case give the same words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

Words = list[str]

WORDS_VERSION = 2  # of the words; a model or an index with words of another version must be made again

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ASCII_HYPHEN = re.compile(r"-(?<=\b[a-z]-)(?=[a-z0-9])")  # t-shirt, v-neck: also written without a hyphen

# Apart from the word before, because NFKC makes 5¼ 51⁄4 and Lego™ LegoTM.
_SIGNS, _FRACTIONS = "™℠", "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅟↉"
_APART = re.compile(f"[{_SIGNS}{_FRACTIONS}]")
_ALIKE = {"‐": "-", "ʻ": "'", "ʼ": "'", "ı": "i"}  # in Turkish, ı is the lower case of I
_DROPPED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e0fff"  # invisible: soft hyphens, joiners, marks of direction, variation selectors
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points, which most texts leave out
    "\u0610-\u061a\u0640\u064b-\u0652\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"  # Arabic points and tatweel
)
_CHANGED = re.compile(f"[{''.join(_ALIKE)}{_DROPPED}]")
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3041-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f\u3105-\u312f\u31a0-\u31bf"  # kana, Bopomofo
)
_SPACELESS_CHARACTER = re.compile(f"[{_SPACELESS}]")
_LAST_MARK = 0x1FFFF  # above it, all marks are variation selectors

_TWO_LETTER_PLURALS = ("ches", "shes", "sses", "xes")
_NO_PLURALS = ("ss", "us", "is")


class _Patterns(NamedTuple):
    """A hyphen to leave out, a word, its parts inside and outside the spaceless scripts, a character of these."""

    hyphen: re.Pattern[str]
    word: re.Pattern[str]
    part: re.Pattern[str]
    character: re.Pattern[str]


@dataclass(frozen=True)
class Tokenizer:
    """The words of a text; `english`: without English plural endings."""

    english: bool

    def __call__(self, text: str | None) -> Words:
        """The words of a text, in lower case: sequences of letters, their marks, and digits.

        `Men's T-Shirts` gives `men`, `s`, `tshirt` in English. Scripts without spaces between words give pairs of
        neighboring characters, as in Lucene's CJKAnalyzer, and a single character if it is alone. None gives no words.
        """
        words = _words(text) if text else []
        return [singular(word) for word in words] if self.english else words


def normalize(text: str) -> str:
    """NFKC in lower case (ß as ss), without invisible characters and without Hebrew and Arabic vowel points.

    The Turkish letters İ, I, ı and i are all `i`, because upper and lower case must be alike in every language.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _APART.sub(_apart, text))
    text = _CHANGED.sub(lambda found: _ALIKE.get(found[0], ""), text).casefold().replace("i\u0307", "i")
    return unicodedata.normalize("NFKC", text)


def _apart(found: re.Match[str]) -> str:
    return " " if found[0] in _SIGNS else f" {found[0]}"


@lru_cache(1 << 16)  # words are repeated often
def singular(word: str) -> str:
    """Remove an English plural ending, as in Harman's s-stemmer (JASIS 1991), with the addition watches -> watch.

    The rule only looks at the spelling; it matters only that queries and listings are treated alike.
    """
    if len(word) <= 3 or not word.endswith("s") or word.endswith(_NO_PLURALS):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(_TWO_LETTER_PLURALS) else word[:-1]


def _words(text: str) -> Words:
    text = normalize(text)
    if text.isascii():
        return _ASCII_WORD.findall(_ASCII_HYPHEN.sub("", text) if "-" in text else text)
    patterns = _patterns()
    text = patterns.hyphen.sub("", text).replace("_", " ")
    words: Words = patterns.word.findall(text)
    if not _SPACELESS_CHARACTER.search(text):
        return words
    return [part for word in words for part in _parts(word, patterns)]


def _parts(word: str, patterns: _Patterns) -> Words:
    """The word, divided where it enters or leaves the spaceless scripts, and those parts into pairs."""
    parts: Words = []
    for spaceless, spaced in patterns.part.findall(word):
        parts += [spaced] if spaced else _pairs(patterns.character.findall(spaceless))
    return parts


def _pairs(characters: Words) -> Words:
    return [a + b for a, b in pairwise(characters)] or characters


@cache
def _patterns() -> _Patterns:
    """The patterns for other text than ASCII; Python's `\\w` has no marks."""
    marks = "".join(chr(code) for code in range(_LAST_MARK + 1) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    character = rf"(?=\w)[{_SPACELESS}][{marks}]*"
    return _Patterns(
        hyphen=re.compile(rf"-(?<=(?<![\w{marks}])[^\W\d_]-)(?=[^\W_])"),
        word=re.compile(rf"[^\W_][\w{marks}]*"),
        part=re.compile(rf"((?:{character})+)|((?:[^{_SPACELESS}]|[{marks}])+)"),
        character=re.compile(character),
    )

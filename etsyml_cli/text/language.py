"""Whether texts are English, by their most frequent words, so that English plurals are only removed there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from etsyml_cli.text.tokenize import Tokenizer

Plurals = Literal["auto", "english", "none"]  # which plural endings to remove; auto: English ones, if texts are English

TEXTS = 20_000  # are enough to decide
LEAST_SHARE = 0.2  # of English texts that have one of the English words
LEAD = 2  # of English words over those of other languages

# Frequent words of titles and of shops that are rare in other languages; words such as `in`, `for` and `ring` are not.
_ENGLISH = """
    the and of with from your you my this that are not new old our his who what how when all into without
    red black white blue green brown yellow grey gray pink purple wool wooden wood linen cotton leather glass silk
    gift made knitted men women woman girl girls boy boys kids children wedding birthday
    necklace earrings bracelet candle scarf shoes watch mug bowl cup bag shirt dress
    book story life love house night day world time little great best first last light heart
"""
_OTHERS = """
    und der das dem des mit aus von zum zur ein eine einen einer auf bei ist nicht
    le la les un une du de et pour avec dans sur en au aux est sans
    el los las una y con para por del al mi su
    il lo gli di da per della dei delle nel alla che non
    os uma dos das com em ao na
    het een van voor met op te zijn naar uit
    och med av til og fra ett det den
    z i w dla ze oraz po od pro se ja
    si pe cu din pentru az egy
    ve ile bir bu
    dan untuk dengan yang ng ang sa
"""  # words with other letters than a to z count anyway
ENGLISH, OTHERS = frozenset(_ENGLISH.split()), frozenset(_OTHERS.split())


def tokenizer_for(plurals: Plurals, texts: Sequence[str | None] = ()) -> Tokenizer:
    """The tokenizer of this setting; `auto` is decided by the texts, such as all titles of a listings table."""
    return Tokenizer(english=plurals == "english" or (plurals == "auto" and is_english(texts)))


def plurals_of(tokenize: Tokenizer) -> Plurals:
    """The setting that gives this tokenizer."""
    return "english" if tokenize.english else "none"


def is_english(texts: Sequence[str | None]) -> bool:
    """Whether most texts are English, by evenly spaced ones.

    Enough of them must have frequent English words, and together at least twice as many of these as of frequent words
    of other languages and words with other letters than a to z.
    """
    sample = [texts[i * len(texts) // TEXTS] for i in range(TEXTS)] if len(texts) > TEXTS else texts
    tokenize = Tokenizer(english=False)
    english = other = with_english = 0
    for text in sample:
        words = tokenize(text)
        n = sum(word in ENGLISH for word in words)
        english += n
        with_english += n > 0
        other += sum(_is_foreign(words))
    return with_english > LEAST_SHARE * len(sample) and english >= LEAD * other


def _is_foreign(words: Iterable[str]) -> Iterable[bool]:
    return (word in OTHERS or not word.isascii() for word in words)

"""Frequent words that say nothing about a text."""

from __future__ import annotations

from etsyml_cli.text.language import OTHERS

_ENGLISH = """
    a about above after again all also am an and another any anything are as at be been before being below
    between both but by can could did do does doing down during each edition else ever every everything few for
    from further had hardcover has have having he her here hers him his how however i if in into is it its just
    like may me might mine more most much must my no nor not now of off on once one only or other our ours out
    over own paperback per same shall she should since so some something such than that the their theirs them
    then there these they this those through to too under until up upon us very via vol volume was we were what
    when where which while who whom whose why will with within without would you your yours yourself
"""
STOP_WORDS = frozenset(_ENGLISH.split()) | OTHERS

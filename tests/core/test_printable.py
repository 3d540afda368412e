"""Foreign text in a terminal: no escape sequence of a title reaches it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.cli import show
from etsyml_cli.core.printable import printable


@pytest.mark.parametrize("text", ["wool scarf", "شال صوف\u200f", "スカーフ 🧣", "a\tb\nc", "=1+1", "<b>"])
def test_words_of_any_script_stay(text):
    assert printable(text) == text


@pytest.mark.parametrize("sign", ["\x1b", "\x07", "\r", "\x00", "\x9b", "\x7f", "\u202e", "\u2066"])
def test_what_steers_a_terminal_is_shown_as_such(sign):
    assert printable(f"red{sign}[31m") == "red\ufffd[31m"


@given(st.text())
def test_nothing_is_dropped(text):
    assert len(printable(text)) == len(text)
    assert printable(printable(text)) == printable(text)


def test_no_cell_title_or_message_steers_the_terminal(capfd, etsyml, tmp_path):
    show.table("red\x1b[31m", ["title"], [["wool\x1b]0;owned\x07"], ["\u202efracs"], ["=1+1"]])
    printed = capfd.readouterr().out
    assert "=1+1" in printed
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)
    ended = etsyml("inspect", tmp_path / "a\x1b[31mb")
    assert (ended.code, "\x1b" in ended.err) == (3, False)

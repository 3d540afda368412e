"""External text on a terminal: escape sequences in titles are not printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.cli import show
from etsyml_cli.core.printable import printable


@pytest.mark.parametrize("text", ["wool scarf", "شال صوف\u200f", "スカーフ 🧣", "a\tb\nc", "=1+1", "<b>"])
def test_text_of_any_script_is_unchanged(text):
    assert printable(text) == text


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\r", "\x00", "\x9b", "\x7f", "\u202e", "\u2066"])
def test_control_characters_are_replaced(character):
    assert printable(f"red{character}[31m") == "red\ufffd[31m"


@given(st.text())
def test_the_length_is_unchanged(text):
    assert len(printable(text)) == len(text)
    assert printable(printable(text)) == printable(text)


def test_tables_and_messages_contain_no_control_characters(capfd, etsyml, tmp_path):
    show.table("red\x1b[31m", ["title"], [["wool\x1b]0;owned\x07"], ["\u202efracs"], ["=1+1"]])
    printed = capfd.readouterr().out
    assert "=1+1" in printed
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)
    ended = etsyml("inspect", tmp_path / "a\x1b[31mb")
    assert (ended.code, "\x1b" in ended.err) == (3, False)

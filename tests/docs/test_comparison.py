"""The comparison of documents with printed output accepts another CPU's figures and can fail."""

from __future__ import annotations

import re

import pytest

from scripts.transcripts import ON_PUBLIC_DATA, ON_SAMPLE_DATA, steps_of
from tests.conftest import REPOSITORY
from tests.docs.comparison import is_shown

SHOWN_LINES = sorted(
    {
        line
        for document in (*ON_SAMPLE_DATA, *ON_PUBLIC_DATA)
        for step in steps_of(REPOSITORY / document)
        for line in step.shown
        if line != "…"
    }
)
NUMBER = re.compile(r"(?<![\w./,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w.,/…-])")
INTERVAL = " n 349    image       .6427  .619….664  +.0206    .001….039  .0440  167/123"
LIST = [
    " title                 listing  rank  score",
    " ─────────────────────────────────────────",
    " Green scarf in linen  L111        1  2.035",
    " Orange cotton scarf   L109        2   2.02",
    " Nautical scarf        L100        3  1.987",
    " Wool hat              L7          4  1.512",
]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("  valid ndcg@10: text 0.6362, image 0.6483", "  valid ndcg@10: text 0.6380, image 0.6401"),
        ("  train perplexity: 5,615", "  train perplexity: 5,609"),
        ("  passes: 31", "  passes: 30"),
        ("U17, from style 1 (70% of the profile)", "U17, from style 1 (69% of the profile)"),
        ('{"id":"3","score":6.018945693969727}', '{"id":"3","score":6.10}'),
        (" content  -0.6757  title:print", " content  -0.6698  title:print"),
        ("style 1 0.028, others 9e-05", "style 1 0.029, others 0.0001"),
        (INTERVAL, " n 349    image       .6501  .628….672  +.0230    .004….042  .0181  170/120"),
        (" perplexity  lda  257   245…270   -194  -209…-179", " perplexity  lda  261   249…274   -190  -205…-175"),
    ],
)
def test_figures_of_another_cpu_are_accepted(shown: str, printed: str) -> None:
    assert is_shown([printed], [shown])


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("  valid ndcg@10: text 0.6362", "  valid ndcg@10: text 0.6162"),
        ("  valid ndcg@10: text 0.6362", "  valid ndcg@10: image 0.6362"),
        ("  train perplexity: 5,615", "  train perplexity: 5,815"),
        ("  passes: 31", "  passes: 29"),
        ("U17, from style 1 (70% of the profile)", "U17, from style 2 (70% of the profile)"),
        ("U17, from style 1 (70% of the profile)", "U17, from style 1 (65% of the profile)"),
        ("work/models/ltr: written (31,970 pairs)", "work/models/ltr: written (31,971 pairs)"),
        ("models/2017-05-28: written", "models/2017-05-29: written"),
        ('{"id":"3","score":6.018945693969727}', '{"id":"3","score":6.2}'),
        ('{"id":"3","score":6.018945693969727}', '{"id":"4","score":6.018945693969727}'),
        (" content  -0.6757  title:print", " content  +0.6757  title:print"),
        (" scarf        1  0.25   0.158    0.0395   0.13", " scarf        1  0.25   0.158    0.0395   0.15"),
        (INTERVAL, INTERVAL.replace(".6427", ".6299")),
        (INTERVAL, INTERVAL.replace(".619", ".605")),
        (INTERVAL, INTERVAL.replace("+.0206", "-.0206")),
        (INTERVAL, INTERVAL.replace(".0440", ".4440")),
        (INTERVAL, INTERVAL.replace("167/123", "123/167")),
        (INTERVAL, INTERVAL.replace("n 349", "n 350")),
        (INTERVAL, INTERVAL.replace("  .0440  167/123", "")),
    ],
)
def test_other_words_counts_and_figures_are_refused(shown: str, printed: str) -> None:
    assert is_shown([shown], [shown])
    assert not is_shown([printed], [shown])


@pytest.mark.parametrize("line", [line for line in SHOWN_LINES if re.search(r"[A-Za-z]", line)])
def test_every_word_of_the_documents_counts(line: str) -> None:
    for word in re.finditer(r"[A-Za-z]+", line):
        changed = f"{line[: word.start()]}{word[0]}x{line[word.end() :]}"
        assert not is_shown([changed], [line]), changed


@pytest.mark.parametrize("line", SHOWN_LINES)
def test_every_number_of_the_documents_counts(line: str) -> None:
    for number in NUMBER.finditer(line):
        changed = f"{line[: number.start()]}{1.05 * float(number[0].replace(',', '')) + 100:g}{line[number.end() :]}"
        assert not is_shown([changed], [line]), changed


@pytest.mark.parametrize("line", [line for line in SHOWN_LINES if not re.search(r"…|passes|perplexity|% of", line)])
def test_counts_and_ids_of_the_documents_are_exact(line: str) -> None:
    for number in re.finditer(r"\d+", line):
        if re.search(r"[.]$", line[: number.start()]) or re.match(r"[.]\d|e-", line[number.end() :]):
            continue
        changed = f"{line[: number.start()]}{int(number[0]) + 1}{line[number.end() :]}"
        assert not is_shown([changed], [line]), changed


def test_every_line_counts_and_an_ellipsis_matches_any() -> None:
    assert is_shown(["x", "y", "z"], ["…", "z"])
    assert not is_shown(["x", "y"], ["…", "z"])
    assert not is_shown(["a", "b"], ["a"])
    assert not is_shown(["a"], ["a", "b"])
    assert not is_shown([], ["a"])
    assert not is_shown(["a"], [])


def places_taken_by(*rows: int) -> list[str]:
    """The list with its rows in another order, ranks and scores in their places."""
    items, places = [line[:30] for line in LIST[2:]], [line[30:] for line in LIST[2:]]
    return [*LIST[:2], *(items[row] + place for row, place in zip(rows, places, strict=True))]


def test_only_nearly_tied_rows_of_a_list_change_places() -> None:
    assert places_taken_by(0, 1, 2, 3) == LIST
    assert is_shown(places_taken_by(1, 0, 2, 3), LIST)
    assert is_shown(places_taken_by(0, 2, 1, 3), LIST)
    assert not is_shown(places_taken_by(2, 1, 0, 3), LIST)
    assert not is_shown(places_taken_by(0, 1, 3, 2), LIST)
    assert not is_shown(places_taken_by(0, 1, 2, 2), LIST)
    assert not is_shown([*LIST[:2], *LIST[3:]], LIST)

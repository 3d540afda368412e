from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etsyml_cli.core.errors import DataError, EtsymlError, InputError
from etsyml_cli.io.ranked import RankedItem, RankedList
from etsyml_cli.io.runs import trec_lines
from etsyml_cli.io.trec import query_key, read_qrels, read_run, write_qrels
from tests.places import names_in

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
judged = st.dictionaries(words, st.dictionaries(words, st.integers(-2, 9), min_size=1), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(judged)
def test_qrels_round_trip(tmp_path, qrels):
    rows = [(query, document, grade) for query, grades in qrels.items() for document, grade in grades.items()]
    assert write_qrels(rows, tmp_path / "q") == len(rows)
    assert read_qrels(tmp_path / "q") == {query_key(query): grades for query, grades in qrels.items()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_or_refused(tmp_path, content):
    (tmp_path / "run").write_bytes(content)
    for read in (read_qrels, read_run):
        try:
            assert read(tmp_path / "run")
        except EtsymlError as error:
            assert str(tmp_path / "run") in error.message


def test_tabs_spaces_line_ends_and_gzip_are_equivalent(tmp_path):
    content = b"\xef\xbb\xbfred_scarf 0 L1 2\r\n\nred_scarf\t0\tL2\t-1\r\n  hat  Q0  L1  0"
    (tmp_path / "q").write_bytes(content)
    (tmp_path / "q.gz").write_bytes(gzip.compress(content))
    expected = {"red_scarf": {"L1": 2, "L2": -1}, "hat": {"L1": 0}}
    assert read_qrels(tmp_path / "q") == read_qrels(tmp_path / "q.gz") == expected


def test_the_ranks_of_a_run_are_ignored(tmp_path):
    (tmp_path / "run").write_text("q Q0 a 9 1.5 t\nq Q0 b 1 -2e-3 t\n")
    assert read_run(tmp_path / "run") == {"q": {"a": 1.5, "b": -0.002}}


def test_the_largest_float32_is_a_valid_score(tmp_path):
    largest = float(np.finfo(np.float32).max)
    (tmp_path / "run").write_text(f"q Q0 a 1 {largest!r} t\nq Q0 b 1 {-np.finfo(np.float32).max} t\n")
    assert read_run(tmp_path / "run")["q"]["a"] == largest


def test_comments_and_number_signs_in_ids_are_read_as_by_trec_eval_10(tmp_path):
    qrels = b"\xef\xbb\xbf# made in caf\xe9\n#q 0 d 1\nq 0 msmarco#7#12 1\nq#2 #0 #d -1\n# the end"
    run = b"#run\n  # indented\nq Q0 msmarco#7#12 1 2.5 #tag\nq#2 #0 #d 1 1 t and more\n"
    (tmp_path / "q").write_bytes(qrels)
    (tmp_path / "run").write_bytes(run)
    assert read_qrels(tmp_path / "q") == {"q": {"msmarco#7#12": 1}, "q#2": {"#d": -1}}
    assert read_run(tmp_path / "run") == {"q": {"msmarco#7#12": 2.5}, "q#2": {"#d": 1.0}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-(2**31) + 1, 2**31 - 1), st.sampled_from(["", ".", ".0", ".000"]), st.booleans())
def test_whole_grades_are_read_in_every_form(tmp_path, grade, ending, with_plus):
    (tmp_path / "q").write_text(f"q 0 d {'+' if with_plus and grade >= 0 else ''}{grade}{ending}\n")
    assert read_qrels(tmp_path / "q") == {"q": {"d": grade}}


def test_a_file_of_comments_has_no_entries(tmp_path):
    (tmp_path / "q").write_text("# q 0 a 1\n")
    with pytest.raises(DataError, match="no entries"):
        read_qrels(tmp_path / "q")


def test_a_fifth_field_of_qrels_is_refused(tmp_path):
    (tmp_path / "q").write_text("q 0 a 1\nq 0 b 1 x\n")
    with pytest.raises(InputError, match="q:2: expected 4 fields, got 5"):
        read_qrels(tmp_path / "q")


def test_a_query_that_begins_with_a_number_sign_is_not_written_as_a_comment(tmp_path):
    lists = RankedList(query="#1 mug", items=[RankedItem(rank=1, id="#a", score=1.0)])
    (tmp_path / "run").write_text("".join(trec_lines(lists, "query")))
    write_qrels([("#1 mug", "#a", 2)], tmp_path / "q")
    assert read_run(tmp_path / "run") == {"_#1_mug": {"#a": 1.0}}
    assert read_qrels(tmp_path / "q") == {"_#1_mug": {"#a": 2}}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_stdin_is_read_through_a_pipe(pack):
    program = "from pathlib import Path; from etsyml_cli.io.trec import read_qrels; print(read_qrels(Path('-')))"
    content = pack(b"".join(b"q 0 L%d 1\n" % i for i in range(5000)))
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
    assert done.stdout.decode().strip() == str({"q": {f"L{i}": 1 for i in range(5000)}})


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", DataError, ": no entries in the file"),
        (b"\n \n", DataError, ": no entries in the file"),
        (b"q Q0 a 1 2 t\nq Q0 a 1 t\n", InputError, ":2: expected 6 fields, got 5"),
        (b"q Q0 a 1 two t\n", InputError, ":1: the score 'two' is not a number"),
        (b"q Q0 a 1 1_0 t\n", InputError, ":1: the score '1_0' is not a number"),
        (b"q Q0 a 1 nan t\n", InputError, ":1: the score nan is not finite"),
        (b"q Q0 a 1 1e39 t\n", InputError, ":1: the score 1e39 is not finite or too large"),
        (b"q Q0 a 1 2 t\nq Q0 a 2 1 t\n", DataError, ":2: duplicate document a for query q"),
        (b"q Q0 \xff 1 2 t\n", InputError, ":1: not UTF-8 text"),
        (b"q Q0 a\0 1 2 t\n", InputError, ":1: unexpected NUL byte"),
        (gzip.compress(b"q Q0 a 1 2 t\n", mtime=0)[:-9], InputError, ": damaged gzip file"),
    ],
)
def test_a_malformed_run_is_refused_with_its_line(tmp_path, content, kind, message):
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(kind) as caught:
        read_run(tmp_path / "run")
    assert f"{tmp_path / 'run'}{message}" in caught.value.message


def test_grades_must_be_integers_and_agree(tmp_path):
    path = tmp_path / "q"
    path.write_text("q 0 a 1\nq 0 a 1\n")
    assert read_qrels(path) == {"q": {"a": 1}}
    path.write_text("q 0 a 1\nq 0 a 2\n")
    with pytest.raises(DataError, match=r"q:2: conflicting grades for \(q, a\): 1 and 2"):
        read_qrels(path)
    for grade in ("1.5", "1_0", "١", ".0", "1e0", "1.0.", "1.01", "one"):
        path.write_text(f"q 0 a {grade}\n", encoding="utf-8")
        with pytest.raises(InputError, match=f"q:1: the grade '{grade}' is not an integer"):
            read_qrels(path)


def test_an_id_with_a_space_is_refused_and_no_file_is_written(tmp_path):
    with pytest.raises(DataError, match="'a b' cannot be written"):
        write_qrels([("q", "a", 1), ("q", "a b", 1)], tmp_path / "q")
    assert not names_in(tmp_path)


@given(st.text())
def test_runs_and_qrels_have_the_same_query_keys(query):
    [line] = trec_lines(RankedList(query=query, items=[RankedItem(rank=1, id="a", score=1.0)]), "query")
    assert line == f"{query_key(query)} Q0 a 1 1.0 etsyml\n"

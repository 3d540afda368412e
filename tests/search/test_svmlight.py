"""SVMlight files are read as by scikit-learn, round-trip bit for bit, and errors name the exact position."""

from __future__ import annotations

import gzip
import io
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.datasets import load_svmlight_file

from etsyml_cli.core.errors import DataError, InputError
from etsyml_cli.search.svmlight import HIGHEST_INDEX, read_svmlight, write_rows
from tests.conftest import REPOSITORY

EXAMPLE = REPOSITORY.parent / "shared/data/lightgbm-rank"

numbers = st.floats(allow_nan=False, allow_infinity=False)
rows_of_cells = st.lists(
    st.tuples(
        numbers, st.sampled_from(["7", "q1", "ü", "03"]), st.dictionaries(st.integers(0, 30), numbers, max_size=6)
    ),
    min_size=1,
    max_size=12,
)
words = st.one_of(
    numbers.map(repr),
    st.from_regex(r"[+-]?([0-9]{1,25}\.?[0-9]{0,25}|\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?", fullmatch=True).filter(
        lambda word: word.isascii()
    ),
)


def bits(values):
    return np.asarray(values, np.float64).view(np.int64).tolist()


def as_text(rows):
    indptr = np.cumsum([0, *(len(cells) for _, _, cells in rows)])
    indices = [index for _, _, cells in rows for index in sorted(cells)]
    values = [cells[index] for _, _, cells in rows for index in sorted(cells)]
    file = io.StringIO()
    matrix = csr_matrix((np.array(values, float), np.array(indices, int), indptr), shape=(len(rows), 31))
    write_rows(file, [label for label, _, _ in rows], [qid for _, qid, _ in rows], matrix)
    return file.getvalue()


@pytest.fixture
def file(tmp_path):
    def write(content, name="rows.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def message_of(path, **options):
    with pytest.raises((DataError, InputError)) as raised:
        read_svmlight(path, **options)
    return raised.value.message.replace(f"{path.parent}/", "")


@settings(max_examples=150, deadline=None)
@given(rows_of_cells)
def test_what_is_written_comes_back_bit_by_bit_grouped_by_page(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "rows.txt"
    path.write_text(as_text(rows), encoding="utf-8")
    read = read_svmlight(path, n_features=31)
    qids = list(dict.fromkeys(qid for _, qid, _ in rows))
    grouped = [row for qid in qids for row in rows if row[1] == qid]
    assert read.qids == qids
    assert np.diff(read.offsets).tolist() == [sum(row[1] == qid for row in rows) for qid in qids]
    assert bits(read.labels) == bits([label for label, _, _ in grouped])
    for row, (_, _, cells) in enumerate(grouped):
        one = read.features[row]
        assert one.indices.tolist() == sorted(cells)
        assert bits(one.data) == bits([cells[index] for index in sorted(cells)])


@settings(max_examples=300, deadline=None)
@given(st.lists(words, min_size=1, max_size=20))
def test_numbers_are_read_as_python_reads_them(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("rows") / "rows.txt"
    path.write_text("0 qid:1 " + " ".join(f"{i}:{word}" for i, word in enumerate(written)))
    assert bits(read_svmlight(path).features.data) == bits([float(word) for word in written])


def test_equals_scikit_learn(file):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((60, 12)) < 0.4, rng.normal(size=(60, 12)) * 10.0 ** rng.integers(-30, 30, 12), 0)
    qids = rng.integers(1, 6, 60)
    text = io.StringIO()
    write_rows(text, rng.integers(0, 5, 60).tolist(), [str(qid) for qid in qids], csr_matrix(dense))
    path = file(gzip.compress(text.getvalue().encode()), "rows.gz")
    theirs, labels, their_qids = load_svmlight_file(str(path), query_id=True, zero_based=True, n_features=12)
    ours = read_svmlight(path, n_features=12)
    order = np.concatenate([np.flatnonzero(their_qids == int(qid)) for qid in ours.qids])
    np.testing.assert_array_equal(ours.features.toarray(), theirs.toarray()[order])
    np.testing.assert_array_equal(ours.labels, labels[order])


@pytest.mark.skipif(not EXAMPLE.exists(), reason="shared/data/lightgbm-rank is not here")
@pytest.mark.parametrize("part", ["train", "test"])
def test_lightgbm_example_equals_scikit_learn(part):
    ours = read_svmlight(EXAMPLE / f"rank.{part}.gz", EXAMPLE / f"rank.{part}.query")
    theirs, labels = load_svmlight_file(str(EXAMPLE / f"rank.{part}.gz"), zero_based=True)
    assert (ours.features != theirs).nnz == 0
    np.testing.assert_array_equal(ours.labels, labels)
    np.testing.assert_array_equal(np.diff(ours.offsets), np.loadtxt(EXAMPLE / f"rank.{part}.query"))


def test_comments_blank_lines_and_windows_line_ends_are_passed_over(file):
    read = read_svmlight(
        file("\ufeff# LETOR\r\n\r\n  2 qid:9\t1:0.5  3:1e-3 # doc: 7\r\n+0 qid:9#none\n \n1 qid:8 2:-.5")
    )
    assert read.features.toarray().tolist() == [[0, 0.5, 0, 0.001], [0, 0, 0, 0], [0, 0, -0.5, 0]]
    assert (read.labels.tolist(), read.qids, read.offsets.tolist()) == ([2, 0, 1], ["9", "8"], [0, 2, 3])


def test_groups_make_pages_in_order(file):
    read = read_svmlight(file("1 1:1\n0 1:2\n0 1:3\n"), file("2\n\n1\n", "rows.query"))
    assert (read.qids, read.offsets.tolist()) == (["1", "2"], [0, 2, 3])


def test_features_above_the_models_are_dropped_with_a_warning(file, caplog):
    path = file("1 qid:1 1:5 3:7 4:8\n")
    with caplog.at_level(logging.WARNING, "etsyml"):
        assert read_svmlight(path, n_features=3).features.toarray().tolist() == [[0, 5, 0]]
    assert caplog.messages == [f"{path}: 2 values of features above 2 are ignored"]
    assert read_svmlight(path, n_features=9).features.shape == (1, 9)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("good qid:1 1:1", "label 'good' is not a finite number"),
        ("nan qid:1 1:1", "label 'nan' is not a finite number"),
        ("1e999 qid:1 1:1", "label '1e999' is not a finite number"),
        ("qid:1 1:1", "the label is missing before 'qid:1'"),
        ("3:0.5 4:1", "the label is missing before '3:0.5'"),
        ("1 qid: 1:1", "qid: without an id"),
        ("1 qid:1 qid:2", "'qid' is not a feature index (an integer from 0 to 2147483646)"),
        ("1 qid:1 5", "'5' is not index:value"),
        ("1 qid:1 -5:1", "'-5' is not a feature index (an integer from 0 to 2147483646)"),
        ("1 qid:1 2147483647:1", "'2147483647' is not a feature index (an integer from 0 to 2147483646)"),
        (f"1 qid:1 {'9' * 5000}:1", f"'{'9' * 40}…' is not a feature index (an integer from 0 to 2147483646)"),
        ("1 qid:1 7:1 3:1", "feature 3 after 7: indices must ascend"),
        ("1 qid:1 3:1 3:1", "feature 3 after 3: indices must ascend"),
        ("1 qid:1 3:", "value '' of feature 3 is not a finite number"),
        ("1 qid:1 3: 4:1", "value '' of feature 3 is not a finite number"),
        ("1 qid:1 3:0.5:1", "value '0.5:1' of feature 3 is not a finite number"),
        ("1 qid:1 3:1e", "value '1e' of feature 3 is not a finite number"),
        ("1 qid:1 3:.", "value '.' of feature 3 is not a finite number"),
        ("1 qid:1 3:1_0", "value '1_0' of feature 3 is not a finite number"),
        ("1 qid:1 3:inf", "value 'inf' of feature 3 is not a finite number"),
        ("1 qid:1 3:-1e400", "value '-1e400' of feature 3 is not a finite number"),
        ("1 1:1", "no qid:, but earlier rows have one"),
    ],
)
def test_a_wrong_line_is_named(file, line, fault):
    assert message_of(file(f"# head\n1 qid:1 1:1\n\n{line}\n0 qid:1 2:2\n")) == f"rows.txt:4: {fault}"


@given(st.text(alphabet="0123qid:. \t#e-+\n_ü", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("rows") / "rows.txt"
    path.write_text(text, encoding="utf-8")
    try:
        read = read_svmlight(path, n_features=5)
    except (DataError, InputError) as error:
        assert error.hint
    else:
        assert len(read.labels) == sum(bool(line.partition("#")[0].strip()) for line in text.split("\n"))


def test_files_without_rows_or_pages_are_refused(file, tmp_path):
    assert message_of(file("# nothing\n\n")) == "rows.txt: no rows"
    assert message_of(file("")) == "rows.txt: no rows"
    assert message_of(file("1 1:1\n")) == "rows.txt: the rows have no qid:"
    assert message_of(file("1 1:1\n0 qid:1 1:1\n")) == "rows.txt:2: a qid:, but earlier rows have none"
    assert message_of(tmp_path / "none.txt") == "none.txt: No such file or directory"
    assert message_of(file(gzip.compress(b"1 qid:1 1:1\n" * 99)[:-9], "cut.gz")).startswith("cut.gz: damaged gzip")


def test_groups_that_do_not_fit_are_refused(file):
    rows, groups = file("1 1:1\n0 1:2\n"), file("2\n1\n", "q")
    assert (
        message_of(rows, groups=groups).replace(f"{rows.parent}/", "")
        == "q: sizes add up to 3 rows, but rows.txt has 2"
    )
    for wrong in ("0", "-1", "1.5", "x", "9" * 39):
        assert message_of(rows, groups=file(f"1\n{wrong}\n", "q")) == f"q:2: '{wrong}' is not a number of rows"
    assert "is not a number of rows" in message_of(rows, groups=file(f"{'9' * 5000}\n", "q"))
    assert (
        message_of(file("1 qid:1 1:1\n"), groups=file("1\n", "q"))
        == "rows.txt: the rows have a qid:, so q is not needed"
    )


@pytest.mark.parametrize("qid", ["", "bar necklace", "a#b", "a\n"])
def test_a_qid_that_would_not_come_back_is_refused(qid):
    with pytest.raises(DataError) as raised:
        write_rows(io.StringIO(), [1], [qid], csr_matrix([[1.0]]))
    assert raised.value.message == f"invalid qid {qid!r}"


def test_the_highest_index_is_read(file):
    assert read_svmlight(file(f"1 qid:1 {HIGHEST_INDEX}:1")).features.shape == (1, HIGHEST_INDEX + 1)

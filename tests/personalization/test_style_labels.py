"""Labels of styles: from which terms they are made, and that they are distinct."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.ingest import ingest
from etsyml_cli.personalization.config import LdaConfig
from etsyml_cli.personalization.style_labels import style_labels
from etsyml_cli.personalization.style_view import read_view
from tests.lda_chain import table_of, train

Listing = tuple[str, str, str]  # title, tags, shop
Labels = Callable[..., list[str]]
N = 12  # listings of each of two tastes


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    """Train on two tastes of N listings each, and return the labels: that of the first taste, then the other."""

    def of(first: list[Listing], second: list[Listing], n_topics: int = 2) -> list[str]:
        rng = np.random.default_rng(0)
        rows = [
            (f"U{user}", f"L{listing + N * (user % 2):02}", "2014-05-01T00:00:00Z")
            for user in range(80)
            for listing in rng.choice(N, 7, replace=False).tolist()
        ]
        lines = [f'L{i:02},"{title}",{tags},"{shop}"' for i, (title, tags, shop) in enumerate([*first, *second])]
        (tmp_path / "listings.csv").write_text("\n".join(["listing_id,title,tags,shop_id", *lines]) + "\n")
        ingest("listings", [str(tmp_path / "listings.csv")], out=tmp_path / "l.parquet", config=IngestConfig())
        config = LdaConfig(n_topics=n_topics, passes=20)
        train(table_of(rows, tmp_path / "f.parquet"), tmp_path / "lda", "none", config, listings=tmp_path / "l.parquet")
        view = read_view(tmp_path / "lda", tmp_path / "l.parquet")
        found = style_labels(view)
        order = np.argsort([-view.inside(number)[:N].sum() / view.inside(number).sum() for number in range(n_topics)])
        return [found[number] for number in order]

    return of


def test_a_label_has_shops_then_tags_and_words_as_written_most_often(labels: Labels) -> None:
    first = [(f"Night of the Vampires {i}", "horror fiction", "Stephen King") for i in range(N)]
    second = [
        ("A RUNNER", "sport", "Ann Smith"),
        *((f"The Runners, part {i}", "sport", "Ann Smith") for i in range(11)),
    ]
    one, other = labels(first, second)
    assert one.startswith("Stephen King · ")
    assert set(one.split(" · ")[1].split(", ")) < {"horror fiction", "Night", "Vampires"}
    assert other.startswith("Ann Smith · ")
    assert set(other.split(" · ")[1].split(", ")) < {"Runners", "part", "sport"}


def test_ids_stop_words_numbers_and_repeated_stems_are_no_terms(labels: Labels) -> None:
    first = [(f"The scarf and the 12 scarves of {i}", "scarf", "S7") for i in range(N)]
    second = [(f"Ring {i} for you", "rings", "8812") for i in range(N)]
    one, other = labels(first, second)
    assert one.split(" · ")[0] in ("scarf", "scarf, scarves")
    assert other.startswith("rings · ‘Ring ") or other.startswith("Ring · ‘Ring ")


def test_the_words_of_one_title_never_name_a_style(labels: Labels) -> None:
    first = [(f"Unique{i} words{i}", "", "") for i in range(N)]
    second = [(f"Other{i} title{i} : a sub{i}", "", "") for i in range(N)]
    one, other = labels(first, second)
    assert one.startswith("‘Unique") and one.count("‘") == 2 and "·" not in one
    assert other.startswith("‘Other") and "sub" not in other


def test_a_shop_of_one_listing_is_no_term(labels: Labels) -> None:
    first = [(f"Mug {i}", "", f"Potter{'abcdefghijkl'[i]}") for i in range(N)]
    one, _ = labels(first, [(f"Vase {i}", "", "Glassworks") for i in range(N)])
    assert "Potter" not in one and one.startswith("Mug · ‘Mug ")


def test_words_that_belong_together_stay_together(labels: Labels) -> None:
    first = [(f"Star Trek: number {i}", "sci-fi", "") for i in range(N)]
    second = [(f"Star gazing {i}", "sky", "") for i in range(N)]
    one, _ = labels(first, second)
    assert set(one.split(" · ")[0].split(", ")) == {"Star Trek", "sci-fi"}


@pytest.mark.parametrize("n_topics", [2, 6])
def test_styles_alike_have_different_labels(labels: Labels, n_topics: int) -> None:
    same = [(f"Thing {i}", "tag", "Shop") for i in range(N)]
    found = labels(same, same, n_topics)
    assert len(set(found)) == n_topics


def test_without_titles_a_label_has_ids(tmp_path: Path) -> None:
    rows = [(f"U{i}", f"L{j}", "2014-05-01T00:00:00Z") for i in range(40) for j in range(i % 2, 12, 2)]
    train(table_of(rows, tmp_path / "f.parquet"), tmp_path / "lda", "none", LdaConfig(n_topics=2, passes=20))
    found = style_labels(read_view(tmp_path / "lda", None))
    assert all(label.startswith("listing L") and label.count(", listing L") == 1 for label in found)

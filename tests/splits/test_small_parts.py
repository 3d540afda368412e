"""`train` warns of test and validation parts that are too small to rely on."""

from __future__ import annotations

import csv
from pathlib import Path


def write(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_favorites_of_a_few_users(tmp_path, etsyml):
    rows = [{"user_id": f"U{user}", "listing_id": f"L{(user + i) % 9}"} for user in range(6) for i in range(6)]
    table = write(tmp_path / "favorites.csv", rows)
    assert etsyml("-w", tmp_path, "ingest", "favorites", table).code == 0
    ended = etsyml("-w", tmp_path, "train", "lda", "--set", "n_topics=2")
    assert ended.code == 0
    assert "the test part has only 6 users with held-out favorites: its metrics mean little" in ended.err


def test_searches_of_a_last_day_of_one_page(tmp_path, etsyml):
    listings = [{"listing_id": f"L{i}", "title": f"mug {i}"} for i in range(4)]
    pages = [(day, page) for day in range(1, 9) for page in range(60)] + [(9, 0)]
    searches = [
        {
            "search_id": f"S{day}.{page}",
            "query": "mug",
            "listing_id": f"L{i}",
            "position": i + 1,
            "event": "click" if i == page % 3 else "impression",
            "created_at": f"2024-03-0{day}T00:00:00Z",
        }
        for day, page in pages
        for i in range(2 if day == 9 else 4)
    ]
    for name, rows in (("listings", listings), ("searches", searches)):
        assert etsyml("-w", tmp_path, "ingest", name, write(tmp_path / f"{name}.csv", rows)).code == 0
    ended = etsyml("-w", tmp_path, "train", "ltr", "--holdout", "0.1")
    assert ended.code == 0
    assert "the test part has only 1 pages with a click: its metrics mean little" in ended.err
    assert "the test part has only 2 rows; a usual day of the log has 240" in ended.err

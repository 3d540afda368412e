"""A small shop with HTML, scripts and control characters in titles, queries and ids, and models trained on it."""

from __future__ import annotations

import csv
import html
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from etsyml_cli.cli.main import run
from tests.photo_shop import write_photo

TITLES = [
    "<script>alert(1)</script> wool scarf",
    "\"><img src=http://evil.example/x onerror='alert(2)'> wool mug",
    "wool \u202efracs\u202c & <b>mug</b> \u2067\u0645\u0631\u062d\u0628\u0627\u2069 &amp; $x^2",
    "wool " + "long " * 1999,
    "{{ 7 * 7 }} {% raw %} wool mug </style></svg></title><script>",
    "plain wool scarf",
]
QUERY = "<b>wool</b> <script>alert(3)</script>"
SHOPS = ["=1+1", "javascript:alert(4)<i>"]
N_LISTINGS, N_USERS, DAYS = 30, 24, 10


def write_shop(folder: Path) -> Path:
    """Write the logs and photos of the shop as CSV and PNG files."""
    rng = np.random.default_rng(7)
    folder.mkdir()
    for number in range(1, N_LISTINGS):  # the first has no photo
        write_photo(folder / f"{number}.png", number)
    _write(folder / "listings.csv", [_listing(number) for number in range(N_LISTINGS)])
    _write(folder / "favorites.csv", _favorites(rng))
    _write(folder / "searches.csv", _searches(rng))
    _write(folder / "impressions.csv", _impressions(rng))
    return folder


def train_all(shop: Path, work: Path) -> Path:
    """Create the workspace `work` with all tables, photo features and models of the shop."""
    commands = [f"ingest {table} {shop}/{table}.csv" for table in ("listings", "favorites", "searches", "impressions")]
    commands += ["extract-images --set backbone=tiny --set engine=torch"]
    commands += ["train lda --set n_topics=3", "train ltr --set controls=1", "train ctr --set bits=14"]
    for command in commands:
        assert run(["-w", str(work), *command.split(), "-q"]) == 0
    return work


def _listing(number: int) -> dict[str, Any]:
    return {
        "listing_id": f"L{number}",
        "title": html.escape(TITLES[number % len(TITLES)]),  # ingest decodes HTML once
        "shop_id": SHOPS[number % len(SHOPS)],
        "price": 5 + number,
        "currency": "USD",
        "image": f"{number}.png" if number else "",
    }


def _favorites(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Even users like even listings."""
    return [
        {"user_id": f"<i>U{user}</i>", "listing_id": f"L{2 * i + user % 2}", "created_at": _time(day)}
        for user in range(N_USERS)
        for day, i in enumerate(rng.choice(N_LISTINGS // 2, 8, replace=False).tolist())
    ]


def _searches(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Six listings per page; cheap ones get more clicks."""
    rows = []
    for page in range(20 * DAYS):
        for position, listing in enumerate(rng.choice(N_LISTINGS, 6, replace=False).tolist(), 1):
            clicked = rng.random() < 0.6 - listing / 60
            rows.append(
                {
                    "search_id": f"P{page}",
                    "query": QUERY if page % 2 else "wool mug",
                    "listing_id": f"L{listing}",
                    "position": position,
                    "event": "click" if clicked else "impression",
                    "created_at": _time(page // 20, page),
                }
            )
    return rows


def _impressions(rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for number in range(100 * DAYS):
        listing = int(rng.integers(N_LISTINGS))
        rows.append(
            {
                "created_at": _time(number // 100, number),
                "listing_id": f"L{listing}",
                "query": QUERY if number % 2 else "wool mug",
                "bid": 0.1 + listing / 100,
                "clicked": int(rng.random() < (0.5 if listing % 2 else 0.1)),
            }
        )
    return rows


def _time(day: int, second: int = 0) -> str:
    return (datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)).isoformat()


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

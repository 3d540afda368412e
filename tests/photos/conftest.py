"""What the tests of photo features share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.photo_shop import write_listings, write_photo


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Thirty listings with a photo each, in an order that is not the ids'."""
    (tmp_path / "photos").mkdir()
    for number in range(30):
        write_photo(tmp_path / "photos" / f"{number}.png", number)
    write_listings(tmp_path / "listings.parquet", {f"L{number * 7 % 30}": f"{number}.png" for number in range(30)})
    return tmp_path

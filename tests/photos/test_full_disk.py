"""`extract-images` on a full disk: it reports an error, and resumes when there is space."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.photo_shop import files_of, write_listings

PHOTOS = 1500  # a row is 64 bytes, so that two batches of 500 do not fit on the disk


@pytest.fixture
def little_disk(small_disk: Callable[[str], Path]) -> Path:
    return small_disk("64k")


def extract(listings: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since a full disk can kill one."""
    tiny = [
        "--backbone",
        "tiny",
        "--set",
        "engine=torch",
        "--set",
        "batch_size=500",
        "--listings",
        str(listings),
        "--out",
        str(out),
    ]
    line = [sys.executable, "-m", "etsyml_cli", "extract-images", *tiny]
    return subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_a_full_disk_is_reported_and_the_next_run_resumes(tmp_path: Path, little_disk: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(PHOTOS):
        Image.new("RGB", (1, 1), (number % 256, number // 256, 0)).save(tmp_path / "photos" / f"{number}.bmp")
    listings = write_listings(tmp_path / "listings.parquet", {f"L{n}": f"{n}.bmp" for n in range(PHOTOS)})
    assert extract(listings, tmp_path / "unbroken").returncode == 0

    stopped = extract(listings, little_disk / "features")
    assert stopped.returncode == 7, stopped.stderr
    assert "no space left on device" in stopped.stderr
    assert not (little_disk / "features").exists()

    subprocess.run(["mount", "-o", "remount,size=1m", little_disk], check=True)
    resumed = extract(listings, little_disk / "features")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming: " in resumed.stderr
    assert files_of(little_disk / "features") == files_of(tmp_path / "unbroken")

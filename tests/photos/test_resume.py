"""`extract-images` killed, and run again: nothing is computed twice and the bytes are those of an unbroken run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.photo_shop import computed, extract, files_of, tiny, write_photo
from tests.places import names_in

KILLED_AFTER_20_PHOTOS = """
import os, signal, sys
from pathlib import Path
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos import store as features
from etsyml_cli.photos.extract import extract_images

append = features.PhotoRows.append

def append_until_killed(rows, features, status):
    append(rows, features, status)
    if len(rows.status()) == 20:
        os.kill(os.getpid(), signal.SIGKILL)

features.PhotoRows.append = append_until_killed
shop = Path(sys.argv[1])
config = ImagesConfig(backbone="tiny", engine="torch", batch_size=4)
extract_images(listings=shop / "listings.parquet", out=shop / "features", config=config, seed=0)
"""


def test_a_killed_run_resumes_and_ends_with_the_same_bytes(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "photos" / "2.png").write_text("no photo")
    extract(shop, "unbroken")
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_20_PHOTOS, str(shop)], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (shop / "features").exists()

    seen = computed(monkeypatch)
    extract(shop)
    assert sorted(seen) == sorted(f"{number}.png" for number in range(20, 30))
    assert files_of(shop / "features") == files_of(shop / "unbroken")
    assert not [name for name in names_in(shop) if name.startswith(".")]


@pytest.mark.parametrize(
    "last_step",
    [
        "photos.output.fit_svd",
        "photos.output.save_ids",
        "io.artifact._finish",
    ],
)
def test_a_run_killed_while_finishing_ends_with_the_same_bytes(
    shop: Path, monkeypatch: pytest.MonkeyPatch, last_step: str
) -> None:
    reduced = tiny(dim=3)
    extract(shop, "unbroken", reduced)
    with monkeypatch.context() as broken:
        broken.setattr(f"etsyml_cli.{last_step}", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            extract(shop, config=reduced)
    seen = computed(monkeypatch)
    extract(shop, config=reduced)
    assert seen == []
    assert files_of(shop / "features") == files_of(shop / "unbroken")


def test_what_a_stopped_run_computed_serves_another_dim_and_dtype(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("etsyml_cli.photos.output.save_ids", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            extract(shop, config=tiny(dim=3))
    extract(shop, "fresh", tiny(dtype="float16"))
    seen = computed(monkeypatch)
    extract(shop, config=tiny(dtype="float16"))
    assert seen == []
    assert files_of(shop / "features") == files_of(shop / "fresh")


def test_what_was_left_by_a_run_over_other_photos_is_not_used(
    shop: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("etsyml_cli.photos.output.save_ids", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            extract(shop)
    write_photo(shop / "photos" / "0.png", 99)
    extract(shop)
    assert "the interrupted run had other inputs or settings, starting again" in caplog.text
    extract(shop, "fresh")
    assert files_of(shop / "features") == files_of(shop / "fresh")


def test_force_does_not_resume(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("etsyml_cli.photos.output.save_ids", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            extract(shop)
    seen = computed(monkeypatch)
    extract(shop, force=True)
    assert len(seen) == 30

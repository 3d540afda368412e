"""The settings of `extract-images` and the file that shows them."""

from __future__ import annotations

import pytest

from etsyml_cli.core.config import resolve_config
from etsyml_cli.core.errors import UsageError
from etsyml_cli.photos.config import ImagesConfig
from tests.conftest import REPOSITORY


def test_the_example_file_holds_every_default() -> None:
    text = (REPOSITORY / "configs" / "images.yaml").read_text()
    resolved = resolve_config(ImagesConfig, file_text=text, file_name="configs/images.yaml")
    assert resolved.value == ImagesConfig()
    assert set(resolved.origins.values()) == {"configs/images.yaml"}


@pytest.mark.parametrize("key", ["batch_size=0", "dtype=int8", "device=tpu", "threads=0", "max_pixels=0", "layer=fc6"])
def test_values_that_make_no_sense_are_refused(key: str) -> None:
    with pytest.raises(UsageError):
        resolve_config(ImagesConfig, sets=[key])

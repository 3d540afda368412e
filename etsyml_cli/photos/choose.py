"""The photo features that a command uses if --images is not given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from etsyml_cli.core.errors import InputError, UsageError
from etsyml_cli.core.log import logger
from etsyml_cli.io.artifact import read_manifest
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.store import ImageFacts, features_facts, made_by


def features_to_train_on(places: Sequence[Path]) -> Path | None:
    """The only features, or of several the unreduced ones of the default backbone; None if there are none.

    Raises UsageError if there are several, but none of the default backbone.
    """
    if len(places) < 2:
        return places[0] if places else None
    default = (ImagesConfig().backbone, None)
    chosen = next((at for at, facts in _facts_of(places) if (facts.backbone, facts.svd_sha256) == default), None)
    if chosen is None:
        raise UsageError(
            f"several photo features found: {', '.join(map(str, places))}", hint="Choose one with --images DIR."
        )
    others = ", ".join(str(place) for place in places if place != chosen)
    logger.info("photo features: %s (choose others with --images: %s)", chosen, others)
    return chosen


def features_of_model(model: Path, places: Sequence[Path]) -> Path | None:
    """The features that the model was trained on, else the first ones, whose reader reports the mismatch."""
    try:
        wanted = read_manifest(model).facts.get("photos")
    except InputError:
        wanted = None
    fitting = (place for place, facts in _facts_of(places) if made_by(facts) == wanted)
    return next(fitting, places[0] if places else None)


def _facts_of(places: Sequence[Path]) -> Iterator[tuple[Path, ImageFacts]]:
    """The undamaged features and their facts; damaged ones cause only a warning, as they may not be needed."""
    for place in places:
        try:
            yield place, features_facts(place)
        except InputError as error:
            logger.warning("%s", error.message)

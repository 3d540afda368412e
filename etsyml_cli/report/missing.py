"""What the report cannot show, and the command that makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from etsyml_cli.core.errors import EtsymlError

Found = TypeVar("Found")


class Missing(msgspec.Struct, frozen=True, tag_field="state", tag="missing"):
    """`what` is not here or cannot be shown, in words; `command` makes it or mends it."""

    what: str
    command: str


def unless_missing(find: Callable[[], Found], command: str) -> Found | Missing:
    """What `find` gives; where that is refused, why, with the command that mends it."""
    try:
        return find()
    except EtsymlError as error:
        return Missing(error.message, command)

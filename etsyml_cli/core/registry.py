"""Explicit registries `name -> "module:attribute"`; the module is imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from etsyml_cli.core.errors import UsageError, did_you_mean


def resolve(table: Mapping[str, str], name: str, what: str) -> Any:
    """Import the object registered as `name` in `table`.

    Raises UsageError if the name is not registered; `what` is the kind of object in its message.
    """
    if name not in table:
        raise UsageError(f"unknown {what} {name!r}", hint=did_you_mean(name, table))
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)

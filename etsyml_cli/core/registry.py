"""Explicit tables `name -> "module:attribute"`; what a name stands for is imported on use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from etsyml_cli.core.errors import UsageError, did_you_mean


def resolve(table: Mapping[str, str], name: str, what: str) -> Any:
    """The object that `name` stands for in `table`; `what` names the kind of thing in the error.

    Raises UsageError for a name that the table does not hold.
    """
    if name not in table:
        raise UsageError(f"unknown {what} {name!r}", hint=did_you_mean(name, table))
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)

"""What a folder holds."""

from __future__ import annotations

from pathlib import Path


def names_in(folder: Path) -> list[str]:
    """The names of its entries, sorted; lock files stay next to every output and are left out."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))

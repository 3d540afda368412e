"""The workspace: where each stage finds and leaves its files when the user names no place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etsyml_cli.io.artifact import MANIFEST


@dataclass(frozen=True)
class Workspace:
    """A directory with a place for each table, feature, model and list."""

    root: Path

    def table(self, name: str) -> Path:
        return self.root / "tables" / f"{name}.parquet"

    def table_if_here(self, name: str) -> Path | None:
        """The table, for a stage that can do without it."""
        return self.table(name) if self.table(name).exists() else None

    def images(self, backbone: str, dim: int | None = None) -> Path:
        """Photo features of a network; reduced ones lie beside the whole ones."""
        return self.root / "features" / "images" / (f"{backbone}-{dim}" if dim else backbone)

    def all_images(self) -> list[Path]:
        """The photo features that are here, one directory for each network and dim."""
        return _artifacts_in(self.root / "features" / "images")

    def model(self, kind: str) -> Path:
        return self.root / "models" / kind

    def all_models(self) -> list[Path]:
        return _artifacts_in(self.root / "models")

    def index(self, kind: str) -> Path:
        return self.root / "indexes" / kind

    def index_if_here(self, kind: str) -> Path | None:
        """The index, for a stage that can do without it."""
        return self.index(kind) if self.index(kind).exists() else None

    def all_indexes(self) -> list[Path]:
        return _artifacts_in(self.root / "indexes")

    def all(self) -> list[Path]:
        """Every table, feature, model and index that is here, in the order of the chain."""
        tables = sorted((self.root / "tables").glob("*.parquet"))
        return [*tables, *self.all_images(), *_artifacts_in(self.root / "models"), *self.all_indexes()]

    def lists(self) -> Path:
        return self.root / "lists"

    def reports(self) -> Path:
        return self.root / "reports"


def _artifacts_in(folder: Path) -> list[Path]:
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    return [place for place in places if not place.name.startswith(".") and (place / MANIFEST).is_file()]

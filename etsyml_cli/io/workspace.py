"""The workspace: default paths of the files that stages read and write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etsyml_cli.io.artifact import MANIFEST


@dataclass(frozen=True)
class Workspace:
    """A directory with a path for each table, feature set, model and list."""

    root: Path

    def table(self, name: str) -> Path:
        return self.root / "tables" / f"{name}.parquet"

    def table_if_exists(self, name: str) -> Path | None:
        """The path of the table if it exists, else None."""
        return self.table(name) if self.table(name).exists() else None

    def images(self, backbone: str, dim: int | None = None) -> Path:
        """Photo features of a network; `dim` selects features reduced to that dimension."""
        return self.root / "features" / "images" / (f"{backbone}-{dim}" if dim else backbone)

    def all_images(self) -> list[Path]:
        """Existing photo features, one directory per network and dimension."""
        return _artifacts_in(self.root / "features" / "images")

    def model(self, kind: str) -> Path:
        return self.root / "models" / kind

    def all_models(self) -> list[Path]:
        return _artifacts_in(self.root / "models")

    def index(self, kind: str) -> Path:
        return self.root / "indexes" / kind

    def index_if_exists(self, kind: str) -> Path | None:
        """The path of the index if it exists, else None."""
        return self.index(kind) if self.index(kind).exists() else None

    def all_indexes(self) -> list[Path]:
        return _artifacts_in(self.root / "indexes")

    def all(self) -> list[Path]:
        """All existing tables, features, models and indexes, in the order of the pipeline."""
        tables = sorted((self.root / "tables").glob("*.parquet"))
        return [*tables, *self.all_images(), *_artifacts_in(self.root / "models"), *self.all_indexes()]

    def lists(self) -> Path:
        return self.root / "lists"

    def reports(self) -> Path:
        return self.root / "reports"


def _artifacts_in(folder: Path) -> list[Path]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if not path.name.startswith(".") and (path / MANIFEST).is_file()]

"""CONTRIBUTING.md names files, tables and packages that exist."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES, RECIPES = PAGE.split("## Packages")[1].split("## How to add")
RECIPES = RECIPES.split("## Rules for changes")[0]
PATHS = sorted(set(re.findall(r"(?<![\w/])((?:etsyml_cli|tests|scripts|docs|benchmarks)/[\w./]*)", PAGE)))
TABLES = re.findall(r"`([A-Z]+)`\s+of\s+`(etsyml_cli/[\w/]+\.py)`", RECIPES)
ITEMS = [" ".join(item.split()) for item in re.findall(r"^- (.*?)(?=^- |\n\n|\Z)", RECIPES, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize(("table", "file"), TABLES)
def test_every_table_is_in_its_file(table: str, file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    assert re.search(rf"^{table}\b.* = \{{", text, re.MULTILINE)


def test_every_recipe_names_its_test() -> None:
    assert len(ITEMS) == 8
    for item in ITEMS:
        assert re.search(r"Test: `tests/[\w/]+\.py`\.$", item), item


def test_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([\w-]+)`", PAGE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_packages_are_those_of_the_import_contract_in_its_order() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in contracts["contracts"] if contract["type"] == "layers")
    rows = [re.findall(r"etsyml_cli/(\w+)", line) for line in PACKAGES.splitlines() if line.startswith("| `")]
    assert rows == [layer.split(" | ") for layer in layers]

"""The whole page: a single safe, reproducible file for any workspace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from etsyml_cli.cli.main import run
from tests.conftest import Etsyml
from tests.report.browser import CHROMIUM, browser, visit_page
from tests.report.hostile_shop import QUERY, SHOPS, TITLES, train_all, write_shop

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
FORBIDDEN_TAGS = {"script", "link", "iframe", "object", "embed", "base", "form", "audio", "video"}
URL_ATTRIBUTES = {"src", "href", "xlink:href", "srcset", "action", "background", "poster", "data"}
VOID = {"meta", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Elements with their attributes, the text outside <style>, and the tags that are not closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    return train_all(write_shop(folder / "shop"), folder / "work")


@pytest.fixture(scope="module")
def report(work: Path) -> Path:
    assert run(["-w", str(work), "report", "-q", "--plots", "--query", QUERY, "--user", "<i>U3</i>"]) == 0
    return work / "reports"


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def test_external_text_is_escaped(report: Path) -> None:
    page = Page(report / "report.html")
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint(FORBIDDEN_TAGS)
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
    shown = list(texts_in(json.loads((report / "report.json").read_text())))
    for text in [*TITLES, QUERY, *SHOPS]:
        assert text in shown and text in page.text


def test_the_page_is_self_contained(report: Path) -> None:
    page = Page(report / "report.html")
    addresses = [
        value or "" for _, attributes in page.elements for name, value in attributes.items() if name in URL_ATTRIBUTES
    ]
    assert {address.split(",")[0] for address in addresses if not address.startswith("#")} == {"data:image/webp;base64"}
    styles = (report / "report.html").read_text().split("</style>")[0]
    assert "url(" not in styles and "@import" not in styles
    for _, attributes in page.elements:
        for value in (attributes.get("style"), attributes.get("clip-path"), attributes.get("marker-end")):
            assert "url(" not in (value or "").replace("url(#", "")
    policies = [attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes]
    assert policies == [POLICY]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in addresses if address.startswith("#")} <= set(ids)


def test_the_same_workspace_gives_the_same_bytes(work: Path, report: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    again = tmp_path / "again"
    options = ("--query", QUERY, "--user", "<i>U3</i>", "--plots")
    assert etsyml("-w", work, "report", *options, "--out", again).code == 0
    files = sorted(path.relative_to(report) for path in report.rglob("*") if path.is_file() and path.name != "run.json")
    assert files == sorted(
        path.relative_to(again) for path in again.rglob("*") if path.is_file() and path.name != "run.json"
    )
    for name in files:
        assert (report / name).read_bytes() == (again / name).read_bytes(), name
    assert "up to date" in etsyml("-w", work, "report", *options).err
    assert "written" in etsyml("-w", work, "report", "--out", tmp_path / "other", "--query", "mug").err


def test_every_plot_is_a_file_and_on_the_page(report: Path) -> None:
    plots = sorted(path.name for path in (report / "plots").iterdir())
    page = (report / "report.html").read_text()
    stems = {name.rsplit(".", 1)[0] for name in plots}
    assert plots == sorted(f"{stem}.{ending}" for stem in stems for ending in ("png", "svg"))
    assert page.count('role="img"') == len(stems) + 1  # plus the lineage
    assert {
        "ads-reliability",
        "ads-roc",
        "ads-precision-recall",
        "ads-progressive",
        "ads-by-history",
        "ads-prices",
    } <= stems


@pytest.mark.skipif(CHROMIUM is None, reason="chromium not found")
def test_a_browser_shows_the_page_without_messages(report: Path, tmp_path: Path) -> None:
    page = report / "report.html"
    pictures = sum(tag == "img" for tag, _ in Page(page).elements)
    with browser(tmp_path) as chromium:
        for width in (390, 1280):
            visit = visit_page(chromium, page, width)
            assert [address for address in visit.requests if not address.startswith("data:")] == [page.as_uri()]
            assert visit.messages == []
            assert (visit.measured["images"], visit.measured["broken"]) == (pictures, 0)
            assert visit.measured["width"] <= width
            assert visit.measured["smallest"] >= 11


@pytest.mark.skipif(CHROMIUM is None, reason="chromium not found")
def test_the_browser_reports_a_broken_page(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        '<meta name="viewport" content="width=device-width"><p style="width: 500px"><img src="missing.png"><script>undefinedName()</script>'
    )
    with browser(tmp_path) as chromium:
        visit = visit_page(chromium, page, 390)
    assert (tmp_path / "missing.png").as_uri() in visit.requests
    assert any("undefinedName" in message for message in visit.messages)
    assert (visit.measured["images"], visit.measured["broken"]) == (1, 1)
    assert visit.measured["width"] > 390


def test_the_page_of_an_empty_workspace_shows_the_next_commands(tmp_path: Path, etsyml: Etsyml) -> None:
    work = tmp_path / "work"
    work.mkdir()
    assert etsyml("-w", work, "report").code == 0
    sections = json.loads((work / "reports/report.json").read_text())
    assert all(sections[name]["state"] == "missing" for name in ("search", "personalization", "ads", "run"))
    page = Page(work / "reports/report.html")
    for command in (
        "etsyml ingest listings FILE",
        "etsyml train lda",
        "etsyml ingest impressions FILE && etsyml train ctr",
    ):
        assert command in page.text
    assert etsyml("-w", tmp_path / "none", "report").code == 3


@pytest.mark.parametrize(("kind", "section"), [("ltr", "search"), ("lda", "personalization"), ("ctr", "ads")])
def test_a_single_system_is_shown(work: Path, tmp_path: Path, etsyml: Etsyml, kind: str, section: str) -> None:
    alone = tmp_path / "work"
    shutil.copytree(work, alone, ignore=shutil.ignore_patterns("reports"))
    for model in (alone / "models").iterdir():
        if model.is_dir() and model.name != kind:
            shutil.rmtree(model)
    assert etsyml("-w", alone, "report").code == 0
    sections = json.loads((alone / "reports/report.json").read_text())
    assert "state" not in sections[section] and "state" not in sections["run"]
    missing = {"search", "personalization", "ads"} - {section}
    page = Page(alone / "reports/report.html")
    for other in missing - {"search"}:  # similar listings need no model
        assert sections[other]["state"] == "missing"
        assert sections[other]["command"] in page.text


def test_a_table_other_than_the_training_table_is_reported(work: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    other = tmp_path / "work"
    shutil.copytree(work, other, ignore=shutil.ignore_patterns("reports"))
    logs = tmp_path / "other.csv"
    logs.write_text("created_at,listing_id,clicked\n2024-01-01T00:00:00Z,L1,1\n2024-01-02T00:00:00Z,L1,0\n")
    assert etsyml("-w", other, "ingest", "impressions", logs, "--replace").code == 0
    assert etsyml("-w", other, "report").code == 0
    sections = json.loads((other / "reports/report.json").read_text())
    assert sections["ads"]["state"] == "missing" and "not the impressions" in sections["ads"]["what"]
    edges, nodes = sections["run"]["lineage"]["edges"], sections["run"]["lineage"]["nodes"]
    changed = [(nodes[e["source"]]["name"], nodes[e["target"]]["name"]) for e in edges if e["changed"]]
    assert changed == [("tables/impressions.parquet", "models/ctr")]


def test_open_starts_the_browser(work: Path, report: Path, etsyml: Etsyml, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", lambda url: opened.append(url) or len(opened) - 1)
    command = ("-w", work, "report", "--plots", "--query", QUERY, "--user", "<i>U3</i>", "--open")
    assert "no browser" not in etsyml(*command).err
    assert f"no browser could be started; open {report / 'report.html'}" in etsyml(*command).err
    assert opened == [str(report / "report.html")] * 2


def test_a_new_run_record_updates_the_report(work: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    again = tmp_path / "work"
    shutil.copytree(work, again, ignore=shutil.ignore_patterns("reports", "models"))
    assert etsyml("-w", again, "report").code == 0
    record = again / "tables/favorites.run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"cpu_s": 123.4}))
    assert "up to date" not in etsyml("-w", again, "report").err
    assert "<td>123.4</td>" in (again / "reports/report.html").read_text()
    assert "up to date" in etsyml("-w", again, "report").err


def test_other_directories_are_not_replaced(work: Path, tmp_path: Path, etsyml: Etsyml) -> None:
    (tmp_path / "mine").write_text("kept")
    refused = etsyml("-w", work, "report", "--out", tmp_path, "--force")
    assert refused.code == 2 and "did not write" in refused.err
    assert (tmp_path / "mine").read_text() == "kept"

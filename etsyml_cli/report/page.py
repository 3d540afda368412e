"""The report of a workspace: four sections of plain data, rendered as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from msgspec.structs import replace as replaced

from etsyml_cli import __version__
from etsyml_cli.core.errors import InputError
from etsyml_cli.io.artifact import Plan, artifact, source_of, to_json
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.ads import Ads, ads
from etsyml_cli.report.missing import Missing, unless_missing
from etsyml_cli.report.personalization import Personalization, personalization
from etsyml_cli.report.plots import Plot, svg_of, write_plot
from etsyml_cli.report.run import Run, run, run_record_of
from etsyml_cli.report.search import Search, search
from etsyml_cli.report.thumbnails import Thumbnails
from etsyml_cli.systems import MODELS

KIND = "report"
PAGE, NUMBERS, PLOTS = "report.html", "report.json", "plots"


class Report(msgspec.Struct, kw_only=True):
    """The contents of the page, stored as `report.json`."""

    schema_version: int = 1
    search: Search | Missing
    personalization: Personalization | Missing
    ads: Ads | Missing
    run: Run | Missing


def write_report(
    place: Workspace,
    *,
    out: Path,
    queries: Sequence[str] = (),
    user: str | None = None,
    plots: bool = False,
    force: bool = False,
) -> Summary:
    """Write the page and its numbers into the directory `out`; with `plots`, also each plot as PNG and SVG.

    `queries` and `user` replace the queries and the user that the report chooses by default. Raises InputError if the
    workspace does not exist; missing parts of a workspace are reported on the page.
    """
    if not place.root.is_dir():
        raise InputError(f"{place.root}: workspace not found", hint="Create one with: etsyml ingest listings FILE")
    plan = _plan(place, {"queries": list(queries), "user": user, "plots": plots})
    if done := existing_result(out, plan, force=force):
        return replaced(done, path=str(out / PAGE))
    report = build_report(place, queries, user)
    with artifact(out, plan, force=force) as draft:
        (draft.path / PAGE).write_text(page_of(report, place), encoding="utf-8")
        (draft.path / NUMBERS).write_bytes(to_json(report))
        plot_files = list(plots_in(msgspec.structs.asdict(report))) if plots else []
        for plot in plot_files:
            write_plot(plot, draft.path / PLOTS)
        draft.rows = {"sections": len(_sections(report)), "missing": len(_missing(report))}
        draft.rows |= {"plots": len(plot_files)} if plots else {}
        draft.facts = {"missing": _missing(report)}
    return Summary(kind=KIND, path=str(out / PAGE), rows=draft.rows, facts=draft.facts)


def build_report(place: Workspace, queries: Sequence[str] = (), user: str | None = None) -> Report:
    """The four sections; a section that cannot be shown has the reason."""
    return Report(
        search=unless_missing(lambda: search(place, queries), MODELS["ltr"].train),
        personalization=unless_missing(lambda: personalization(place, user), MODELS["lda"].train),
        ads=unless_missing(lambda: ads(place), MODELS["ctr"].train),
        run=run(place),
    )


def page_of(report: Report, place: Workspace) -> str:
    """The report as a single self-contained HTML page."""
    sections = _sections(report)
    return _environment(place).get_template(PAGE).render(title="etsyml report", sections=sections, **sections)


def plots_in(value: Any) -> Iterator[Plot]:
    """All plots in a Struct, list or dict, at any depth."""
    if isinstance(value, Plot):
        yield value
    elif isinstance(value, msgspec.Struct):
        yield from plots_in(msgspec.structs.asdict(value))
    elif isinstance(value, Mapping):
        yield from plots_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from plots_in(part)


def _environment(place: Workspace) -> Environment:
    environment = Environment(
        loader=PackageLoader("etsyml_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["missing"] = lambda part: isinstance(part, Missing)
    environment.globals |= {
        "version": __version__,
        "thumbnail": Thumbnails(place),
        "svg": lambda plot: Markup(svg_of(plot)),  # noqa: S704  svg_of escapes the text of the plot
    }
    return environment


def _sections(report: Report) -> dict[str, Any]:
    return {name: part for name, part in msgspec.structs.asdict(report).items() if name != "schema_version"}


def _missing(report: Report) -> list[str]:
    return [name for name, part in _sections(report).items() if isinstance(part, Missing)]


def _plan(place: Workspace, config: dict[str, Any]) -> Plan:
    """The report depends on every table, feature, model and index of the workspace, and on their run records."""
    inputs = {
        str(path.relative_to(place.root)): [source_of(one) for one in (path, run_record_of(path)) if one.exists()]
        for path in place.all()
    }
    return Plan(kind=KIND, config=config, inputs=inputs)

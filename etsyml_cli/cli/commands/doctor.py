"""`etsyml doctor`."""

from __future__ import annotations

from etsyml_cli.cli import show
from etsyml_cli.cli.session import common_options, in_this_workspace, session


@common_options
def doctor() -> None:
    """Check the installation and the workspace.

    Shows what is present, what is missing, and the command to run next.

    \b
    Examples:
      etsyml doctor
      etsyml doctor --json
    """
    import msgspec

    from etsyml_cli.workspace.doctor import examine

    findings = [
        msgspec.structs.replace(finding, todo=in_this_workspace(finding.todo)) for finding in examine(session.workspace)
    ]
    if session.json:
        show.print_json({"schema_version": 1, "findings": findings})
        return
    if show.is_interactive():
        rows = ([finding.what, finding.state, finding.found, finding.todo] for finding in findings)
        show.table("", ["what", "state", "found", "to do"], rows, numbers_from=9)
        return
    for finding in findings:
        show.print_json(finding)

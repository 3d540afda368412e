"""A new command is one file in cli/commands and one line in cli/main.py, as CONTRIBUTING.md describes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.package_copy import add_line, copy_package, run_in

TOY = '''
"""`etsyml toy`."""

from __future__ import annotations

from etsyml_cli.cli import options, show
from etsyml_cli.cli.session import common_options, session


@common_options
def toy(k: options.TopK = 3) -> None:
    """Show the workspace and a number."""
    show.print_json({"workspace": str(session.workspace.root), "k": k})
'''


def test_a_new_command_is_one_file_and_one_line(tmp_path: Path) -> None:
    cli = copy_package(tmp_path) / "cli"
    (cli / "commands/toy.py").write_text(TOY, encoding="utf-8")
    add_line(cli / "main.py", '    "toy": f"{HERE}.toy:toy",', after='    "doctor": f"{HERE}.doctor:doctor",')

    assert "Show the workspace and a number." in run_in(tmp_path, "--help").stdout
    ran = run_in(tmp_path, "-w", "shop", "toy", "-k", "5", "--quiet")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"workspace": "shop", "k": 5}
    refused = run_in(tmp_path, "toy", "-k", "5", "-k", "6")
    assert refused.returncode == 2
    assert "it takes one value" in refused.stderr

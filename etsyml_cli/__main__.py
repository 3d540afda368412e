"""`python -m etsyml_cli` is `etsyml`."""

from etsyml_cli.cli.main import main

main()

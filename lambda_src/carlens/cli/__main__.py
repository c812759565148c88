"""The command `carlens`; also `python -m carlens.cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; without the extra `cli`, say how to install it."""
    try:
        from carlens.cli.app import app  # worker processes import this module, without Typer
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise
        sys.exit("The command carlens needs the extra cli: pip install 'carlens[cli]'")
    app(prog_name="carlens")


if __name__ == "__main__":
    main()

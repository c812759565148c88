"""Check a model: `python -m carlens.models.check FILE_OR_FOLDER`; see `carlens.cli.check_model`."""

from carlens.cli.check_model import main

__all__ = ["main"]

if __name__ == "__main__":
    main()

"""Checks that maintainers run: the changelog and the contract."""

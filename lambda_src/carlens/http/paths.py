"""Match request paths to the path templates of a contract."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache


def match_path(path: str, templates: Iterable[str]) -> tuple[str, Mapping[str, str]] | None:
    """Find the template that a path belongs to. Templates without parameters come first.

    Parameters
    ----------
    path : str
        Without a trailing slash.
    templates : iterable of str
        Such as `/norm/{table}`, where `{table}` stands for one path segment.

    Returns
    -------
    (str, Mapping) or None
        The template, and the path's text for each parameter; None if no template fits.
    """
    templates = tuple(templates)
    if path in templates and "{" not in path:
        return path, {}
    for template in templates:
        if "{" in template and (found := _pattern(template).fullmatch(path)):
            return template, found.groupdict()
    return None


def has_values(template: str, parameters: Mapping[str, str]) -> bool:
    """Return whether there is a value for each parameter of a template."""
    return parameters.keys() >= _pattern(template).groupindex.keys()


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)))

"""Request paths to path templates."""

from __future__ import annotations

import pytest

from carlens.http.paths import match_path

TEMPLATES = ("/norm/{table}", "/norm", "/norm/list", "/assets/{version}/{name}", "/a.b/{c}")


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/norm", "/norm", {}),
        ("/norm/list", "/norm/list", {}),  # the exact path comes first
        ("/norm/europe", "/norm/{table}", {"table": "europe"}),
        ("/norm/%2e%2e", "/norm/{table}", {"table": "%2e%2e"}),
        ("/assets/1/main.js", "/assets/{version}/{name}", {"version": "1", "name": "main.js"}),
        ("/a.b/c", "/a.b/{c}", {"c": "c"}),
    ],
)
def test_a_path_has_one_template(path: str, template: str, values: dict[str, str]) -> None:
    assert match_path(path, TEMPLATES) == (template, values)


@pytest.mark.parametrize(
    "path", ["/", "", "/norm/", "/norm/a/b", "/norm/{table}/x", "/axb/c", "/assets/1", "norm"]
)
def test_other_paths_have_none(path: str) -> None:
    assert match_path(path, TEMPLATES) is None


def test_a_template_as_a_path_is_a_value() -> None:
    assert match_path("/norm/{table}", TEMPLATES) == ("/norm/{table}", {"table": "{table}"})

"""The runbook, compared with the alarms and the logs of a stage that has every part."""

from __future__ import annotations

import re

import pytest

from tests.unit.infra.test_stacks import ROOT, Stage, alarms, of_type, synthesized
from tools.permissions import EVERYTHING, STAGE

RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")


@pytest.fixture(scope="module")
def whole() -> Stage:
    return synthesized(STAGE, **EVERYTHING)


def sections() -> dict[str, str]:
    """Return the text about each alarm; a section may be about several."""
    (chapter,) = re.findall(r"^## Alarms$(.*?)^## ", RUNBOOK, re.MULTILINE | re.DOTALL)
    _, *parts = re.split(r"^### (.+)$", chapter, flags=re.MULTILINE)
    return {
        name: text
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
        for name in heading.split(", ")
    }


def test_each_alarm_has_a_section_and_each_section_an_alarm(whole: Stage) -> None:
    everywhere = [
        alarm
        for template in whole.templates.values()
        for alarm in of_type(template, "AWS::CloudWatch::Alarm")
    ]

    assert len(everywhere) == len(alarms(whole)) == len(sections())
    assert sections().keys() == alarms(whole).keys()


def test_each_section_says_what_it_means_how_to_look_and_what_to_do() -> None:
    for name, text in sections().items():
        assert re.findall(r"^\*\*(\w+)\*\*", text, re.MULTILINE) == ["Meaning", "Look", "Do"], name


def test_the_description_of_an_alarm_names_its_section(whole: Stage) -> None:
    for name, alarm in alarms(whole).items():
        assert alarm["AlarmDescription"].endswith(f" Runbook: docs/operations.md, {name}.")


def test_the_logs_and_rules_in_the_runbook_exist(whole: Stage) -> None:
    named = set(re.findall(r"`(\w+(?:Logs?|Firewall))`|\(log (\w+)\)", RUNBOOK))
    groups = of_type(whole.api, "AWS::Logs::LogGroup")

    assert len(named) > 4
    for name in map("".join, named):
        assert any(group.startswith(name) for group in groups), name
    assert any(
        rule.startswith("CanarySchedule") for rule in of_type(whole.api, "AWS::Events::Rule")
    )

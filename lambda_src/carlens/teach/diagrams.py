"""The diagrams of the model card, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from carlens.teach.evaluation import BINS, Bin

_SIDE, _LEFT, _TOP = 300, 60, 40


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """Draw accuracy over confidence; the bars of a perfect calibration end at the diagonal."""
    width = _SIDE / BINS
    marks = [
        f'<rect x="{_LEFT + i * width:.1f}" y="{_y(each.accuracy):.1f}" width="{width - 2:.1f}" '
        f'height="{_SIDE * each.accuracy:.1f}" fill="#4878a8">'
        f"<title>{each.answers} answers, {each.accuracy:.0%} right</title></rect>"
        for i, each in enumerate(bins)
        if each.answers
    ]
    marks.append(
        f'<path d="M{_LEFT} {_y(0)}L{_LEFT + _SIDE} {_y(1)}" stroke="#c03030" '
        'stroke-dasharray="4 4" fill="none"/>'
    )
    return _frame("Reliability", "confidence, %", "right, %", marks)


def coverage_diagram(points: Sequence[tuple[float, float]]) -> str:
    """Draw accuracy over coverage: how often the most confident answers are right."""
    path = "L".join(f"{_LEFT + _SIDE * share:.1f} {_y(right):.1f}" for share, right in points)
    line = f'<path d="M{path}" stroke="#4878a8" stroke-width="2" fill="none"/>'
    return _frame("Accuracy and coverage", "photos answered, %", "right, %", [line])


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - share)


def _frame(title: str, below: str, beside: str, marks: Sequence[str]) -> str:
    width, height = _LEFT + _SIDE + 30, _TOP + _SIDE + 55
    bottom = _TOP + _SIDE
    ticks = []
    for percent in range(0, 101, 20):
        x, y = _LEFT + _SIDE * percent / 100, _y(percent / 100)
        ticks += [
            f'<path d="M{_LEFT} {y}H{_LEFT + _SIDE}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{percent}</text>',
            f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{percent}</text>',
        ]
    middle = _LEFT + _SIDE / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{middle}" y="24" text-anchor="middle" font-size="15">{title}</text>',
        *ticks,
        *marks,
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{_LEFT + _SIDE}" stroke="#333" fill="none"/>',
        f'<text x="{middle}" y="{bottom + 40}" text-anchor="middle">{below}</text>',
        f'<text transform="translate(18 {_TOP + _SIDE / 2}) rotate(-90)" '
        f'text-anchor="middle">{beside}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"

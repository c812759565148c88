"""The findings as an HTML page with thumbnails and as a CSV file."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Mapping, Sequence

from carlens.teach.checks import Finding
from carlens.teach.evaluation import Evaluation
from carlens.teach.photos import Photo

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .3rem .6rem; text-align: left }
tr { border-bottom: 1px solid #ddd } img { display: block; max-height: 112px }
small { color: #666 } .diagrams { display: flex; flex-wrap: wrap }
"""


def report_csv(findings: Sequence[Finding]) -> str:
    """Write one row per finding."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["check", "class", "file", "other_file", "explanation"])
    for each in findings:
        files = [str(photo.path) if photo else "" for photo in (each.photo, each.other)]
        rows.writerow([each.check, each.class_name, *files, each.text])
    return buffer.getvalue()


def report_html(
    title: str,
    findings: Sequence[Finding],
    thumbnails: Mapping[Photo, bytes],
    evaluation: Evaluation | None,
    diagrams: Sequence[str],
) -> str:
    """Write a page that needs no other file.

    Parameters
    ----------
    title : str
    findings : sequence of Finding
    thumbnails : Mapping of Photo to bytes
        JPEG.
    evaluation : Evaluation or None
        None if the photos cannot be taught.
    diagrams : sequence of str
        SVG.
    """
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>",
        "<p>Nothing was deleted or moved. Correct what is wrong in the folder or the CSV file, and "
        "run the command again: only photos that changed are analyzed again.</p>",
    ]
    if evaluation is not None:
        parts.append(_figures(evaluation))
        parts.append(f'<div class="diagrams">{"".join(diagrams)}</div>')
    if not findings:
        parts.append("<p>The checks found nothing.</p>")
    for check in dict.fromkeys(each.check for each in findings):
        chosen = [each for each in findings if each.check == check]
        parts.append(f"<h2>{html.escape(check)} ({len(chosen)})</h2><table>")
        parts += [_row(each, thumbnails) for each in chosen]
        parts.append("</table>")
    return "\n".join(parts) + "\n"


def _figures(evaluation: Evaluation) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(each.name)}<td>{each.photos}<td>{each.right / each.photos:.0%}"
        f"<td>{each.in_five / each.photos:.0%}"
        for each in evaluation.classes
    )
    levels = "".join(
        f"<tr><td>{html.escape(each.name)}<td>{each.right / max(each.photos, 1):.1%}"
        f"<td>{each.certain / max(each.photos, 1):.1%}"
        f"<td>{each.certain_right / max(each.certain, 1):.1%}"
        for each in evaluation.levels
    )
    strange = evaluation.others or evaluation.left_out
    unknown = (
        f"<p>Of {strange.vehicles} vehicles of other models, {strange.named} got a certain model "
        "or full name.</p>"
        if strange
        else ""
    )
    return (
        f"<p>On {evaluation.photos} held-out photos: top-1 {evaluation.top1:.1%}, top-5 "
        f"{evaluation.top5:.1%}, calibration error {evaluation.calibration_error:.1%}.</p>{unknown}"
        f"<table><tr><th>level<th>right<th>certain<th>of these right{levels}</table>"
        f"<table><tr><th>class<th>photos<th>top-1<th>top-5{rows}</table>"
    )


def _row(finding: Finding, thumbnails: Mapping[Photo, bytes]) -> str:
    cells = [_cell(photo, thumbnails) for photo in (finding.photo, finding.other) if photo]
    text = html.escape(f"{finding.class_name}: {finding.text}")
    return f"<tr>{''.join(cells)}<td>{text}"


def _cell(photo: Photo, thumbnails: Mapping[Photo, bytes]) -> str:
    picture = ""
    if photo in thumbnails:
        encoded = base64.b64encode(thumbnails[photo]).decode()
        picture = f'<img alt="" src="data:image/jpeg;base64,{encoded}">'
    return f"<td>{picture}<small>{html.escape(str(photo.path))}</small>"

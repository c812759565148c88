"""Undo what spreadsheets do to names of models: a Saab `9-3` becomes the date `09-Mar`."""

from __future__ import annotations

import re

from carlens.catalog.normalize import fold

# English, German, French, Spanish, Italian, Portuguese, Dutch, Polish and Nordic, as folded.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "JANUARY JAN JANUAR JANVIER JANV ENERO ENE GENNAIO GEN JANEIRO STY",
            "FEBRUARY FEB FEBRUAR FEVRIER FEVR FEV FEBRERO FEBBRAIO FEVEREIRO LUT",
            "MARCH MAR MARZ MRZ MARS MARZO MARCO MAART MRT",
            "APRIL APR AVRIL AVR ABRIL ABR APRILE KWI",
            "MAY MAI MAYO MAGGIO MAG MAIO MEI MAJ",
            "JUNE JUN JUNI JUIN JUNIO GIUGNO GIU JUNHO CZE",
            "JULY JUL JULI JUILLET JUIL JULIO LUGLIO LUG JULHO LIP",
            "AUGUST AUG AOUT AGOSTO AGO AUGUSTUS SIE",
            "SEPTEMBER SEP SEPT SEPTEMBRE SEPTIEMBRE SETTEMBRE SET SETEMBRO WRZ",
            "OCTOBER OCT OKTOBER OKT OCTOBRE OCTUBRE OTTOBRE OTT OUTUBRO OUT PAZ",
            "NOVEMBER NOV NOVEMBRE NOVIEMBRE NOVEMBRO LIS",
            "DECEMBER DEC DEZEMBER DEZ DECEMBRE DICIEMBRE DIC DICEMBRE DEZEMBRO DES GRU",
        ),
        1,
    )
    for name in names.split()
}
_BETWEEN = r"(?:\s*[-./]\s*|\s+)"
_NAME = r"[^\W\d_]{3,10}"
_DATE = re.compile(
    r"\s*(?:"
    # 9. Mai, 09-Mar-24
    rf"(\d{{1,2}})\.?{_BETWEEN}({_NAME})\.?(?:{_BETWEEN}(?:\d{{4}}|\d\d))?"
    # Mar-09
    rf"|({_NAME})\.?{_BETWEEN}(\d\d)"
    # 09.03.2024
    r"|(\d{1,2})[./-](\d{1,2})[./-](?:19|20)\d\d"
    # 2024-03-09
    r"|(?:19|20)\d\d-(\d\d)-(\d\d)"
    r")(?:[ T]\d\d?:\d\d(?::\d\d)?)?\s*"
)
_MAX_DAY = 31


def undo_date(text: str) -> tuple[str, ...]:
    """Return what a spreadsheet may have turned into the date `text`.

    Returns
    -------
    tuple of str
        Both orders of the day and the month, such as `9-3` and `3-9`; empty if `text` is not a
        date.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return ()
    first, second = (_number(part) for part in found.groups() if part is not None)
    return (f"{first}-{second}", f"{second}-{first}") if first and second else ()


def _number(text: str) -> int:
    """Return a day or month as a number, or 0."""
    if not text.isdecimal():
        return _MONTHS.get(fold(text), 0)
    return int(text) if int(text) <= _MAX_DAY else 0

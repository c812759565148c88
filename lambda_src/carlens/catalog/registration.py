"""Read the fields of a registration certificate: `(D.1) FIAT (D.3) 500`.

The codes are those of the European harmonized certificate [1]_: D.1 is the make, D.2 the type and
D.3 the commercial name.

References
----------
.. [1] Council Directive 1999/37/EC on the registration documents for vehicles, annex I.
"""

from __future__ import annotations

import re

# D.1, (D.1), D.2.1, (E), or D1 with a colon or in parentheses: without them it may be a model.
_CODE = re.compile(
    r"""
    \(\s?(?P<a>[A-Z](?:\.?\s?\d(?:\.\d)?)?)\.?\s?\)\s*[:=-]?
    | (?<![\w.])(?P<b>[A-Z]\.\s?\d(?:\.\d)?)\.?(?![\w])\s*[:=-]?
    | (?<![\w.])(?P<c>[A-Z]\d)\s?[:=]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORDS = (
    "marque|marca|marke|make|marka|merk|zna[cč]ka|d[ée]nomination commerciale|handelsbezeichnung|"
    "denominazione commerciale|denominaci[oó]n comercial|handelsbenaming|model|mod[eè]le|modello|"
    "modelo|modell"
)
_LABEL = re.compile(rf"^\s*(?:{_WORDS})\s*:|(?:^|\s)(?:{_WORDS})\s*:?\s*$", re.IGNORECASE)
# Codes without points are codes only together: `D1 PEUGEOT D3 207`.
_BARE_CODES = re.compile(r"\bD1\b.*\bD[23]\b", re.IGNORECASE)
_BARE_CODE = re.compile(r"\bD([123])\b", re.IGNORECASE)
_CELL = re.compile(r"\s*D\s?([123])\s+(.+)", re.IGNORECASE)
_MARKS = " \t/,;:-"


def split_fields(make: str, model: str) -> tuple[str, str]:
    """Return the make and model in the fields of a registration certificate.

    A text without such fields is returned as it is.
    """
    cells = _CELL.fullmatch(make), _CELL.fullmatch(model)
    if cells[0] and cells[1] and cells[0][1] == "1":
        return cells[0][2], cells[1][2]
    of_make, of_model = _fields(make), _fields(model)
    fields = of_model | of_make
    if "D1" not in fields and not make and "D3" in fields:
        fields["D1"] = fields.get("", "")
    if "D1" not in fields and "D3" not in fields:
        return make, model
    rest = "" if of_model else model
    return fields.get("D1") or make, fields.get("D3") or rest or fields.get("D2", "")


def _fields(text: str) -> dict[str, str]:
    """Return the text after each code by code without points, and the text before them by ""."""
    if _BARE_CODES.search(text):
        text = _BARE_CODE.sub(r"D.\1", text)
    codes = list(_CODE.finditer(text))
    if not codes:
        return {}
    ends = [code.start() for code in codes[1:]] + [len(text)]
    fields = {"": _value(text[: codes[0].start()])}
    for code, end in zip(codes, ends, strict=True):
        name = re.sub(r"[.\s]", "", code["a"] or code["b"] or code["c"]).upper()
        # The code may follow its only value: `RENAULT (D.1)`.
        before = fields[""] if len(codes) == 1 and code["a"] else ""
        if value := _value(text[code.end() : end]) or before:
            fields.setdefault(name, value)
    return fields


def _value(text: str) -> str:
    return _LABEL.sub("", text.strip(_MARKS)).strip(_MARKS)

"""Find the columns of make and model by the words in their headings.

A heading is split into words as people write them: `Car Make`, `car_make`, `carMake` and `carmake`
have the same two. Some words mean make or model by themselves; others, such as `vehicle` and
`type`, do only together, or when nothing better is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from carlens.catalog.normalize import tokenize


def _words(text: str) -> frozenset[str]:
    return frozenset(tokenize(word)[0] for word in text.split())


# Cyrillic and Greek headings are compared in Latin letters: `марка` is `marka`.
# Names of models cannot be among these: Fiat has a Tipo.
MAKE_HEADINGS = _words(
    "make maker manufacturer manuf mfr mfg brand marque marq constructeur fabricant Marke Marken "
    "Hersteller Herst Hst Fabrikat marca fabricante montadora casa marchio fabbricante costruttore "
    "produttore merk fabrikant marka producent merke mærke märke tillverkare produsent merkki "
    "valmistaja značka výrobce výrobca gyártó gyártmány producător"
)
MODEL_HEADINGS = _words(
    "model modèle gamme Modell Modelle Baureihe Handelsbezeichnung modelo modello modelli malli "
    "mudel modelis handelsbenaming mdl mod montelo"
)
# Words for a vehicle, for the column of the make, or of both.
VEHICLE_HEADINGS = _words(
    "vehicle car auto automobile véhicule voiture Fahrzeug Kfz Pkw Wagen veicolo vettura vehículo "
    "coche carro veículo viatura voertuig pojazd samochód vozidlo bil fordon"
)
# Words for a name, for the column of the model.
NAME_HEADINGS = _words(
    "name designation description type version variant series désignation dénomination libellé nom "
    "Bezeichnung Beschreibung Typ Typen Variante Serie denominazione descrizione nome tipo "
    "denominación descripción nombre descrição omschrijving naam nazwa típus název"
)
# Codes of the EU's registration certificates (Directive 1999/37/EC): make, type, commercial name.
_CODE = re.compile(r"\bD[._ ]?([123])(?![.\w])", re.IGNORECASE)
_MAKE_CODE, _TYPE_CODE, _MODEL_CODE = "D1", "D2", "D3"

# A heading with one of these is another column (`model_year`, `N° modèle`) or data (`brand new`).
_EXCLUDED = _words(
    "id ids code key n no nr num number numéro nummer número numero year année Jahr Baujahr jaar "
    "año anno ano rok år new color colour couleur Farbe date Datum price prix Preis country pays "
    "Land url logo image slug count matched score Schlüssel plate Kennzeichen vin"
)
# Words that do not change what a heading means. Not `y`: Tesla has a Model Y.
_NEUTRAL = _words(
    "the of and und et de du des la le del della di da do van von der commercial commerciale "
    "handels trade full complete oem tovární"
)
_FRENCH = _words("marque marq modèle gamme constructeur fabricant véhicule voiture")
_VOCABULARY = frozenset().union(
    *(MAKE_HEADINGS, MODEL_HEADINGS, VEHICLE_HEADINGS, NAME_HEADINGS, _EXCLUDED, _NEUTRAL),
    (_MAKE_CODE, _TYPE_CODE, _MODEL_CODE),
)
# Shorter words would be found in names.
_JOINED = {word for word in _VOCABULARY if len(word) > 3} | _words("car nom typ key bil id nr no")
_MAX_JOINED = 40  # characters

_CAMEL_CASE = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])")
_KEY_AND_VALUE = re.compile(r":\s*\w")
# A header is looked for in this number of rows.
MAX_TITLE_ROWS = 20


@dataclass(frozen=True)
class Header:
    """The columns that a header row names, by their indexes; None if it does not name them.

    Attributes
    ----------
    make, model : int or None
        Named by a word that means nothing else. The same if one column is for both.
    vehicle, name : int or None
        Named by a more general word, such as `vehicle` and `type`.
    others : frozenset of int
        Columns of something else, such as a year.
    is_french : bool
        Whether the words for the make and the model are French.
    """

    make: int | None = None
    model: int | None = None
    vehicle: int | None = None
    name: int | None = None
    others: frozenset[int] = frozenset()
    is_french: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether make and model are named, each with its own column."""
        make = self.vehicle if self.make is None else self.make
        model = self.name if self.model is None else self.model
        return None not in (make, model) and make != model

    def columns(self, width: int) -> tuple[int | None, int | None]:
        """Return the columns to read make and model from.

        A column that is not named is next to the other. A column for both is read as the model's,
        which may hold the make too.

        Parameters
        ----------
        width : int
            Number of columns.
        """
        make, model = self.make, self.model
        if make == model:  # or neither is named
            both = self.vehicle if make is None else make
            return (self.vehicle, self.name) if make is None and self.is_complete else (None, both)
        if make is None and model is not None:
            before, after = range(model - 1, -1, -1), range(model + 1, width)
            return self._first(self.vehicle, model, before or after), model
        if model is None and make is not None:
            if width == 1:
                return None, make
            before, after = range(make - 1, -1, -1), range(make + 1, width)
            return make, self._first(self.name, make, after or before)
        return make, model

    def _first(self, named: int | None, taken: int, nearby: range) -> int | None:
        if named is not None and named != taken:
            return named
        return next((column for column in nearby if column not in self.others), None)


def find_header(rows: Sequence[Sequence[str]]) -> tuple[int, Header] | None:
    """Find the header among the first rows. It may be below a title and empty rows.

    Returns
    -------
    (int, Header) or None
        Index of the row and its columns; None if all rows are data.
    """
    found: tuple[int, Header] | None = None
    above: list[int] = []  # the numbers of cells with text
    for index, cells in enumerate(rows):
        filled = sum(1 for cell in cells if cell.strip())
        if not filled:
            continue
        # Rows above a header that are as full as the header are data, unless there is only one.
        is_below_title = len(above) < 2 or max(above) < filled
        if is_below_title and (header := read_header(cells)):
            if header.is_complete:
                return index, header
            found = found or (index, header)
        above.append(filled)
        if len(above) == MAX_TITLE_ROWS:
            break
    return found


def read_header(cells: Sequence[str]) -> Header | None:
    """Find the columns of make and model by the words in their headings.

    Returns
    -------
    Header or None
        None for a row of data such as `Tesla,Model 3`. A header names both columns, or has a
        heading that consists of words for one of them.
    """
    headings = [_heading_words(cell) for cell in cells]
    if not any(_MAKE_CODE in words for words in headings):
        headings = [words - {_TYPE_CODE, _MODEL_CODE} for words in headings]  # engines of Volvo
    others = frozenset(column for column, words in enumerate(headings) if words & _EXCLUDED)
    columns = {
        column: words
        for column, words in enumerate(headings)
        # A cell with a number is the name of a model: `Model 3`.
        if column not in others and not any(map(str.isdigit, words))
    }
    pure = {column: words for column, words in columns.items() if words and words <= _VOCABULARY}
    make = _shortest(columns, MAKE_HEADINGS | {_MAKE_CODE})
    model = _shortest(columns, MODEL_HEADINGS | {_MODEL_CODE})
    named = MAKE_HEADINGS | MODEL_HEADINGS | {_MAKE_CODE, _MODEL_CODE}
    general = {column: words for column, words in pure.items() if not words & named}
    vehicle = _shortest(general, VEHICLE_HEADINGS)
    name = _shortest(general, NAME_HEADINGS | {_TYPE_CODE})
    found = Header(make, model, vehicle, name, others, _is_french(headings, make, model, vehicle))
    is_header = (
        (make is not None and model is not None)
        or any(words & (MAKE_HEADINGS | MODEL_HEADINGS) for words in pure.values())
        or (name is not None and (vehicle is not None or make in pure) and found.is_complete)
        or (vehicle is not None and all(words <= _VOCABULARY for words in headings))
    )
    return found if is_header else None


def _shortest(headings: Mapping[int, frozenset[str]], known: frozenset[str]) -> int | None:
    # The shortest heading is the most specific: `make` rather than `make and model`.
    columns = [column for column, words in headings.items() if words & known]
    return min(columns, key=lambda column: len(headings[column]), default=None)


def _is_french(headings: Sequence[frozenset[str]], *columns: int | None) -> bool:
    named = [headings[column] for column in columns if column is not None]
    return bool(named) and all(words & _FRENCH for words in named)


def _heading_words(cell: str) -> frozenset[str]:
    if _KEY_AND_VALUE.search(cell):
        return frozenset((cell,))  # data: `Marque : Renault`
    tokens = tokenize(_CODE.sub(r" D\1 ", _CAMEL_CASE.sub(" ", cell)))
    return frozenset(word for token in tokens for word in _split(token))


@lru_cache(1024)
def _split(token: str) -> tuple[str, ...]:
    """Split a token into the words of the vocabulary that are joined in it, if there are any."""
    if token in _VOCABULARY:
        return (token,)
    if token.endswith("S") and token[:-1] in _VOCABULARY:
        return (token[:-1],)
    if len(token) <= _MAX_JOINED:
        for end in range(len(token) - 2, 1, -1):
            if token[:end] in _JOINED and _VOCABULARY.issuperset(rest := _split(token[end:])):
                return (token[:end], *rest)
    return (token,)

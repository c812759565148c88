"""A table is indexed by all names of its makes and models."""

from __future__ import annotations

from carlens.catalog.fuzzy_index import FuzzyIndex
from carlens.catalog.index import CatalogIndex, build_index
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import ModelAlias, Vocabulary


def build(*names: str, make: str = "Acme", vocabulary: Vocabulary | None = None) -> CatalogIndex:
    entries = [Entry(make, name) for name in names]
    return build_index(entries, vocabulary or Vocabulary())


def models_by_name(index: CatalogIndex, names: FuzzyIndex) -> dict[str, str]:
    return {name: index.entries[entry_id].model for name, entry_id in names.ids.items()}


def test_equal_names_count_once_and_the_first_spelling_stays() -> None:
    entries = [Entry("Citroën", "C-3"), Entry("CITROEN", "c3"), Entry("citroen", "C4")]

    index = build_index(entries, Vocabulary())

    assert [entry.model for entry in index.entries] == ["C-3", "C4"]
    assert [(make.name, make.key) for make in index.makes] == [("Citroën", "CITROEN")]
    assert index.make_ids == [0, 0]


def test_a_make_has_its_aliases_under_whichever_name_it_is_listed() -> None:
    aliases = {"VW": "VOLKSWAGEN", "VAG": "VOLKSWAGEN", "MERC": "MERCEDES"}

    index = build("Golf", make="VW", vocabulary=Vocabulary(make_aliases=aliases))

    assert index.make_names.ids == {"VW": 0, "VOLKSWAGEN": 0, "VAG": 0}
    assert index.unlisted_makes == {"MERC", "MERCEDES"}


def test_a_model_has_its_aliases_and_the_orders_of_its_words() -> None:
    vocabulary = Vocabulary(
        series=frozenset({"SERIES"}),
        synonyms={"REIHE": "SERIES"},
        model_aliases=(
            ModelAlias("Acme", "E30 Reihe", "3 Series"),
            ModelAlias("Acme", "none", "absent"),
            ModelAlias("Other", "none", "3 Series"),
        ),
    )

    index = build("3 Series", "C4 Picasso", "A B", "One Two Three", vocabulary=vocabulary)

    assert models_by_name(index, index.makes[0].models) == {
        "3SERIES": "3 Series",
        "SERIES3": "3 Series",
        "3": "3 Series",
        "E30SERIES": "3 Series",
        "C4PICASSO": "C4 Picasso",
        "PICASSOC4": "C4 Picasso",
        "AB": "A B",
        "ONETWOTHREE": "One Two Three",
    }


def test_a_model_of_only_a_series_word_keeps_its_name() -> None:
    index = build("Series", vocabulary=Vocabulary(series=frozenset({"SERIES"})))

    assert list(index.makes[0].models.ids) == ["SERIES"]


def test_a_model_may_be_named_without_its_body_style_if_unambiguous() -> None:
    vocabulary = Vocabulary(bodies=frozenset({"SUV", "SEDAN", "WAGON"}))

    index = build("X5 SUV", "M3 Sedan", "M3 Wagon", "SUV", vocabulary=vocabulary)

    names = models_by_name(index, index.makes[0].models)
    assert names["X5"] == "X5 SUV"
    assert "M3" not in names
    assert "" not in names


def test_a_name_of_one_make_identifies_it_unless_it_is_ambiguous() -> None:
    entries = [
        Entry("Acme", "Rocket"),
        Entry("Acme", "Anvil"),
        Entry("Acme", "500"),
        Entry("Acme", "X5"),
        Entry("Acme", "X55"),
        Entry("Acme", "Sport"),
        Entry("Acme", "Other"),
        Entry("Other", "Anvil"),
    ]

    index = build_index(entries, Vocabulary(stop_words=frozenset({"SPORT"})))

    assert list(index.distinctive_models.ids) == ["ROCKET", "X55"]


def test_a_shortened_name_does_not_identify_a_make() -> None:
    index = build("Grand SUV", vocabulary=Vocabulary(bodies=frozenset({"SUV"})))

    assert "GRAND" in index.makes[0].models.ids
    assert "GRAND" not in index.distinctive_models.ids


def test_models_of_several_words_are_listed_by_initials() -> None:
    index = build("Land Cruiser", "Golf", "Lancer Combi")

    assert index.multiword_models == {
        (0, "L", "C"): [(("LAND", "CRUISER"), 0), (("LANCER", "COMBI"), 2)]
    }


def test_a_longer_model_is_listed_by_the_words_that_it_adds() -> None:
    index = build("GLC", "GLC Coupe", "GLC X", "GLC 43", "500", "500C")

    coupe = index.makes[0].models.ids["GLCCOUPE"]
    assert index.extensions == {0: {"COUPE": coupe}}

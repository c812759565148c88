"""The Names view: names alone, what was meant, and a file whose answers a person checks."""

from __future__ import annotations

from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.integration.test_page import visit


def csv_file(text: str) -> FilePayload:
    return {"name": "fleet.csv", "mimeType": "text/csv", "buffer": text.encode("utf-8-sig")}


def answers(page: Page) -> list[str]:
    """Return the numbers and names of the rows on the page."""
    rows = page.locator("#answer-rows tr:not(.editor)").all()
    return [
        f"{row.locator('th').inner_text()} {row.locator('strong').inner_text()}" for row in rows
    ]


def download(page: Page) -> str:
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the answers").click()
    return saved.value.path().read_bytes().decode()


def test_a_make_or_a_model_alone_is_enough_and_an_unsure_one_asks_what_was_meant(
    api: str, browser: Browser
) -> None:
    with visit(browser, f"{api}/#names") as page:
        # Given a make alone, then its score is that of the make
        page.get_by_label("Make", exact=True).fill("reno")
        expect(page.locator("#match")).to_have_text("Renault")
        expect(page.locator("#scores .bars li span:first-child")).to_have_text(["Make"])
        expect(page.locator("#scores .share")).to_have_text(["100"])
        # Given a misspelled one, then the page asks, and a click answers
        page.get_by_label("Make", exact=True).fill("renot")
        expect(page.locator("#match")).to_have_text("No name is certain.")
        page.locator("#scores").get_by_role("button", name="Renault", exact=True).click()
        expect(page.locator("#match")).to_have_text("Renault")
        expect(page.get_by_label("Make", exact=True)).to_have_value("Renault")
        # Given a misspelled model alone, then a click fills both
        page.get_by_label("Make", exact=True).fill("")
        page.get_by_label("Model", exact=True).fill("clioo")
        expect(page.locator("#scores h3")).to_have_text("Did you mean")
        page.locator("#scores").get_by_role("button", name="Renault Clio").click()
        expect(page.locator("#match")).to_have_text("Renault Clio")
        expect(page.get_by_label("Make", exact=True)).to_have_value("Renault")
        # And a model that matches below the threshold of models alone is not shown as the match
        page.get_by_label("Make", exact=True).fill("")
        page.get_by_label("Model", exact=True).fill("Série 3 Touring")
        expect(page.locator("#match")).to_have_text("No name is certain.")


FLEET = """N°;Marque;Modèle;Note
1;vw;golf;"17"" wheels; sold to a dealer in the north of the country"
2;;clioo;
3;peugeot;zzzz;=1+1
4;;clioo;
5;;;
6;citroen;c3;-5
"""


def test_the_answers_of_a_file_are_checked_corrected_and_downloaded(
    api: str, browser: Browser
) -> None:
    with visit(browser, f"{api}/#names") as page:
        # Given a file, then its doubtful rows are first, beside the columns of the file
        page.set_input_files("#rows", csv_file(FLEET))
        expect(page.locator("#answer-head th")).to_have_text(
            ["Row", "Answer", "N°", "Marque", "Modèle", "Note"]
        )
        assert answers(page) == [
            *("3 Peugeot", "2 –", "4 –", "1 Volkswagen Golf", "6 Citroën C3", "5 –")
        ]
        expect(page.locator("#row-states b")).to_have_text(["6", "3", "2", "0"])

        # When an alternative is chosen, then all rows written alike have it
        page.get_by_role("button", name="Edit row 2").click()
        expect(page.locator("#row-make")).to_be_focused()
        expect(page.get_by_label("Also 1 other row written like this")).to_be_checked()
        page.locator(".editor .meant").get_by_role("button", name="Renault Clio").click()
        expect(page.locator("#answers-status")).to_have_text("2 rows checked.")
        assert "4 Renault Clio" in answers(page)
        expect(page.get_by_role("button", name="Edit row 2")).to_be_focused()

        # When a name is typed with the keyboard, it is suggested and saved, but never run
        page.get_by_label("To check").check()
        assert answers(page) == ["3 Peugeot"]
        page.get_by_role("button", name="Edit row 3").press("Enter")
        page.locator("#row-model").fill("30008")
        page.locator("#row-make").fill("=Peugeot")
        page.locator("#row-model").press("Enter")
        expect(page.locator("#no-row")).to_be_visible()
        page.get_by_label("Checked").check()
        assert answers(page) == ["3 =Peugeot 30008", "2 Renault Clio", "4 Renault Clio"]

        # And one row can be taken back on its own
        page.get_by_role("button", name="Edit row 4").click()
        page.get_by_label("Also 1 other row").uncheck()
        page.get_by_role("button", name="Undo").click()
        assert answers(page) == ["3 =Peugeot 30008", "2 Renault Clio"]

        # Then the file has its columns and delimiter, the answers, and what a person checked
        assert download(page).split("\r\n") == [
            "\ufeffN°;Marque;Modèle;Note;matched_marque;matched_modele;score;checked",
            '1;vw;golf;"17"" wheels; sold to a dealer in the north of the country";Volkswagen;Golf;100;',
            "2;;clioo;;Renault;Clio;;yes",
            "3;peugeot;zzzz;'=1+1;'=Peugeot;30008;;yes",
            "4;;clioo;;;;0;",
            "5;;;;;;0;",
            "6;citroen;c3;-5;Citroën;C3;100;",
            "",
        ]

        # And what was decided stays when another table is chosen
        page.get_by_label("Table").select_option("stanford_cars")
        expect(page.locator("#file-status")).to_contain_text("with the table stanford_cars")
        expect(page.locator("#row-states b").last).to_have_text("2")

        # And is not lost to another file without a question
        page.get_by_role("button", name="Edit row 1").click()
        page.get_by_role("button", name="No name fits").click()
        page.once("dialog", lambda question: question.dismiss())
        page.set_input_files("#rows", csv_file("vw,golf\n"))
        expect(page.locator("#row-states b").last).to_have_text("3")


def test_only_a_page_of_ten_thousand_rows_is_in_the_document(api: str, browser: Browser) -> None:
    with visit(browser, f"{api}/#names") as page:
        # Given a file without a header and with one doubtful row, the last
        page.set_input_files("#rows", csv_file("vw,golf,x\n" * 9_999 + "peugeot,zzzz,y\n"))
        expect(page.locator("#page-rows")).to_have_text("Rows 1 to 50 of 10,000")
        assert answers(page)[:2] == ["10,000 Peugeot", "1 Volkswagen Golf"]
        expect(page.locator("#answer-rows tr")).to_have_count(50)
        expect(page.locator("#answer-head th").nth(2)).to_have_text("Column 1")
        # When the next page and the order of the file are chosen
        page.get_by_role("button", name="Next", exact=True).click()
        expect(page.locator("#page-rows")).to_have_text("Rows 51 to 100 of 10,000")
        page.get_by_label("Sort by").last.select_option("Order sent")
        expect(page.locator("#page-rows")).to_have_text("Rows 1 to 50 of 10,000")
        assert answers(page)[0] == "1 Volkswagen Golf"
        assert download(page).endswith("peugeot,zzzz,y,Peugeot,,40,\r\n")

"""Event in, proxy response out, for the catalog function."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from carlens import timing
from carlens.config import Config
from carlens.http.catalog_routes import ROUTES, respond
from carlens.services.catalog_app import CatalogApp
from carlens.storage import StorageError
from tests.fakes import FakeClock
from tests.support import event, golden
from tests.unit.http.test_attack_bodies import JUNK, MEMBERS, well_formed

APP = CatalogApp(Config())
ONE = {"make": "vw", "model": "golf"}


def send(given: Any, app: CatalogApp = APP, context: Any = None) -> tuple[int, Any]:
    answer = respond(given, context, app)
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def csv_event(body: str, **more: Any) -> dict[str, Any]:
    return event("POST", "/norm/europe", body=body.encode(), content_type="text/csv", **more)


@pytest.mark.parametrize("given", [None, [], [1], "GET /", 7, True])
@pytest.mark.parametrize("metrics", ["", "Carlens"])
def test_anything_but_an_event_is_refused(given: Any, metrics: str) -> None:
    app = CatalogApp(Config(metrics=metrics))

    status, answer = send(given, app, SimpleNamespace(aws_request_id="id"))

    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert answer["error"]["request_id"] == "id"


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("member", MEMBERS)
def test_an_event_with_any_members_gets_a_well_formed_response(member: str, junk: Any) -> None:
    posted = csv_event("vw,golf\n", query={"top_k": "2"})

    well_formed(respond({**posted, member: junk}, None, APP))
    nested = posted.get(member)
    if isinstance(nested, dict):
        for name in nested:
            well_formed(respond({**posted, member: {**nested, name: junk}}, None, APP))


@pytest.mark.parametrize(
    "given",
    [
        *(event(method, path) for path in ROUTES for method in ("GET", "POST", "OPTIONS", "HEAD")),
        event("GET", "/norm/europe", query=ONE),
        event("DELETE", "/norm/europe"),
        event("GET", "/nowhere"),
        {},
    ],
)
def test_every_response_has_cors_the_request_id_and_the_security_headers(
    given: dict[str, Any],
) -> None:
    app = CatalogApp(Config(cors_origins=("https://a.example", "https://b.example")))
    if given:
        given = {**given, "headers": {"Origin": "https://b.example"}, "multiValueHeaders": None}

    headers = respond(given, None, app)["headers"]

    origin = "https://b.example" if given else "https://a.example"
    assert (headers["Access-Control-Allow-Origin"], headers["Vary"]) == (
        origin,
        "Origin, Accept-Encoding",
    )
    assert headers["X-Request-Id"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"]


def test_a_request_id_cannot_inject_headers() -> None:
    given = event("GET", "/norm")
    given["requestContext"]["requestId"] = "a\r\nSet-Cookie: b"

    assert "\n" not in well_formed(respond(given, None, APP))["headers"]["X-Request-Id"]


def test_head_is_handled_as_get_and_other_methods_get_the_allowed_ones() -> None:
    assert send(event("HEAD", "/norm/europe", query=ONE)) == send(
        event("GET", "/norm/europe", query=ONE)
    )
    answer = respond(event("PATCH", "/norm/europe"), None, APP)
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET,OPTIONS,POST")
    assert "/norm/{table} does not accept PATCH" in json.loads(answer["body"])["error"]["message"]


def test_the_table_name_is_taken_from_the_gateways_path_parameters() -> None:
    # Given a raw path, and its table name decoded
    given = event("GET", "/norm/%65urope", query=ONE)

    assert send({**given, "pathParameters": {"table": "europe"}})[1]["model"] == "Golf"
    assert send(given)[1]["error"]["code"] == "not_found"


def test_a_custom_domain_may_have_a_base_path() -> None:
    # Given an event of a custom domain with the base path `cars`
    given = golden("base_path_norm")

    # Then its resource names the route
    assert send(given)[1]["model"] == "Golf"
    # And a file that is sent there is matched too
    posted = {**csv_event("vw,golf\n"), "path": "/cars/norm/europe", "resource": "/norm/{table}"}
    assert (
        respond({**posted, "pathParameters": {"table": "europe"}}, None, APP)["statusCode"] == 200
    )


@pytest.mark.parametrize("without", ["resource", "pathParameters"])
def test_an_event_without_a_usable_resource_is_routed_by_its_path(without: str) -> None:
    # Given an event of the original project, or one without the values of its resource
    given = event("GET", "/norm/europe", query=ONE)
    given["resource"] = "/norm/{table}"
    given["pathParameters"] = {"table": "europe"}
    del given[without]

    assert send(given)[1]["model"] == "Golf"


@pytest.mark.parametrize("path", ["/norm/{table}", "/norm/europe/x", "/norm//europe"])
def test_a_path_that_only_looks_like_the_template_is_not_found(path: str) -> None:
    status, answer = send(event("GET", path, query=ONE))

    assert (status, answer["error"]["code"]) == (404, "not_found")


def test_the_log_has_a_line_without_user_input(capsys: pytest.CaptureFixture[str]) -> None:
    app = CatalogApp(Config(metrics="Carlens"))

    respond(event("GET", "/norm/europe", query={"make": "secret", "model": "x"}), None, app)
    respond(event("GET", "/norm/secret", query=ONE), None, app)

    printed = capsys.readouterr().out
    first, second = map(json.loads, printed.splitlines())
    assert (first["method"], first["route"], first["status"]) == ("GET", "/norm/{table}", 200)
    assert (second["route"], second["status"]) == ("/norm/{table}", 404)
    assert "secret" not in printed


def test_a_file_that_takes_too_long_is_refused_before_the_function_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a tenth of a second beyond the reserve, and rows that take a hundredth each
    clock = FakeClock(tick=0.01)
    monkeypatch.setattr(timing, "time", clock)
    context = SimpleNamespace(aws_request_id="id", get_remaining_time_in_millis=lambda: 3100)
    rows = "".join(f"brand nr {i},some model {i}\n" for i in range(10_000))

    # When ten thousand distinct rows are sent
    status, answer = send(csv_event(rows), APP, context)

    # Then only a few are matched, and the message says what to do
    assert (status, answer["error"]["code"]) == (504, "timeout")
    assert clock.readings <= 12
    assert "distinct rows; split the rows over several requests" in answer["error"]["message"]


def test_a_json_list_gets_a_json_list() -> None:
    rows = json.dumps([["vw", "golf"], ["renault", "clio"]])

    status, answer = send(event("POST", "/norm/europe", body=rows, content_type="application/json"))

    assert status == 200
    assert [(row["make"], row["model"]) for row in answer] == [
        ("Volkswagen", "Golf"),
        ("Renault", "Clio"),
    ]


def test_the_format_detailed_adds_columns_to_csv() -> None:
    short = respond(csv_event("vw,golf\n"), None, APP)
    detailed = respond(csv_event("vw,golf\n", query={"format": "detailed"}), None, APP)

    assert short["body"] == "vw,golf,Volkswagen,Golf,100\r\n"
    assert detailed["body"] == "vw,golf,Volkswagen,Golf,100,vw,golf,100,100,\r\n"


def test_top_k_asks_for_alternatives_within_its_range() -> None:
    _, one = send(event("GET", "/norm/europe", query=ONE))
    _, three = send(event("GET", "/norm/europe", query={**ONE, "top_k": "3"}))

    assert "alternatives" not in one
    assert 1 <= len(three["alternatives"]) <= 3
    for wrong in ("0", "21"):
        status, answer = send(event("GET", "/norm/europe", query={**ONE, "top_k": wrong}))
        assert (status, answer["error"]["code"]) == (400, "invalid_parameter")
        assert "top_k" in answer["error"]["message"]


def test_a_response_over_lambdas_limit_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    # Given a table with such a long name that ten thousand copies of it exceed the response limit
    (tmp_path / "long.csv").write_text(f"make,model\n{'make' * 200},a\n")
    app = CatalogApp(Config(tables=str(tmp_path)))
    rows = f"{'make' * 50},a\n"

    status, answer = send({**csv_event(rows * 10_000), "path": "/norm/long"}, app)

    # Then
    assert (status, answer["error"]["code"]) == (413, "payload_too_large")
    assert "rows" in answer["error"]["message"]
    # And a tenth of the rows succeeds
    fewer = respond({**csv_event(rows * 1_000), "path": "/norm/long"}, None, app)
    assert (fewer["statusCode"], fewer["body"].count("make" * 200)) == (200, 1_000)


def test_the_users_tables_take_precedence(tmp_path: Path) -> None:
    # Given a folder with one additional table and one that replaces a built-in table
    (tmp_path / "boats.csv").write_text("make,model\nBavaria,Cruiser 34\n")
    (tmp_path / "europe.csv").write_text("make,model\nVolkswagen,Passat\n")
    app = CatalogApp(Config(tables=str(tmp_path)))

    answer = send(event("GET", "/norm"), app)[1]
    assert answer["tables"] == ["boats", "europe", "stanford_cars"]
    assert answer["details"] == [
        {"name": "boats", "makes": 1, "models": 1, "date": None},
        {"name": "europe", "makes": 1, "models": 1, "date": None},
        {"name": "stanford_cars", "makes": 49, "models": 189, "date": "2026-11-28"},
    ]
    boat = {"make": "bavaria", "model": "cruiser34"}
    assert send(event("GET", "/norm/boats", query=boat), app)[1]["model"] == "Cruiser 34"
    assert send(event("GET", "/norm/europe", query=ONE), app)[1]["model"] == ""


def test_the_size_of_a_table_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("junk\n")

    answer = send(event("GET", "/norm"), CatalogApp(Config(tables=str(tmp_path))))[1]

    assert answer["tables"] == ["europe", "mine", "stanford_cars"]
    assert answer["details"][1] == {"name": "mine", "makes": None, "models": None, "date": None}


def test_a_table_added_after_the_start_replaces_the_built_in_one(tmp_path: Path) -> None:
    # Given an instance that started, as in a snapshot, before the user's table was there
    app = CatalogApp(Config(tables=str(tmp_path)))
    app.warm_up()
    (tmp_path / "europe.csv").write_text("make,model\nVolkswagen,Passat\n")

    # When it is first called
    _, answer = send(event("GET", "/norm/europe", query={"make": "vw", "model": "passat"}), app)

    # Then the response comes from the user's table
    assert (answer["model"], send(event("GET", "/norm/europe", query=ONE), app)[1]["model"]) == (
        "Passat",
        "",
    )


@pytest.mark.parametrize("tables", ["", "somewhere"])
def test_a_built_in_table_is_parsed_once_before_the_first_call(
    tables: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given an instance that has started
    app = CatalogApp(Config(tables=tables and str(tmp_path)))
    app.warm_up()
    monkeypatch.setattr("carlens.services.catalog_app.parse_table", None)

    # Then its first call parses nothing
    assert send(event("GET", "/norm/europe", query=ONE), app)[1]["model"] == "Golf"


@pytest.mark.parametrize("path", ["/norm/europe", "/clean"])
def test_either_make_or_model_is_enough(path: str) -> None:
    # Given a name that holds both, as a CSV row may
    whole = send(event("GET", path, query={"make": "", "model": "renault clio"}))[1]
    assert whole == send(event("GET", path, query={"model": "renault clio"}))[1]
    assert whole["model"].upper().endswith("CLIO")
    assert send(event("GET", path, query={"marque": "vw"}))[1]["marque"].startswith("V")

    # Then only an empty query is refused
    for query in ({}, {"make": " "}, {"make": "", "model": ""}, {"marque": ""}):
        status, answer = send(event("GET", path, query=query))
        assert (status, answer["error"]["code"]) == (400, "invalid_parameter")
        assert "send one or both" in answer["error"]["message"]


@pytest.mark.parametrize("name", ["make", "modele"])
def test_a_name_that_is_too_long_is_refused_even_if_it_may_not_count(name: str) -> None:
    _, answer = send(event("GET", "/clean", query={**ONE, name: "a" * 201}))

    assert answer["error"]["message"] == f"{name} has 201 characters; send at most 200."


def test_a_parameter_without_values_is_absent() -> None:
    given = event("GET", "/norm/europe", query=ONE)

    status, answer = send({**given, "multiValueQueryStringParameters": {"make": [], "top_k": []}})

    assert (status, answer["make"]) == (200, "Volkswagen")


def test_an_invalid_table_is_unavailable_and_the_next_call_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Given an invalid table that replaces a built-in one
    table = tmp_path / "europe.csv"
    table.write_text("make,name\nVolkswagen,Golf\n")
    app = CatalogApp(Config(tables=str(tmp_path)))

    # When the instance starts and is called
    with caplog.at_level(logging.ERROR):
        app.warm_up()
        status, answer = send(event("GET", "/norm/europe", query=ONE), app)

    # Then the response reports it, and so does the log
    assert (status, answer["error"]["code"]) == (503, "table_unavailable")
    assert caplog.text.count("tables cannot be read: Table europe has no column model") == 1
    # And once the table is fixed, the call succeeds
    table.write_text("make,model\nVolkswagen,Golf\n")
    assert send(event("GET", "/norm/europe", query=ONE), app)[0] == 200


def test_the_reason_why_a_bucket_does_not_answer_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Away:
        def names(self) -> list[str]:
            raise StorageError("no route")

        def read(self, key: str, *, max_bytes: int) -> bytes:
            raise AssertionError

    app = CatalogApp(Config(tables="s3://away"), lambda _: Away())

    status, answer = send(event("GET", "/norm"), app)

    assert (status, answer["error"]["code"]) == (503, "table_unavailable")
    assert "no route" in caplog.text
    assert "no route" not in answer["error"]["message"]

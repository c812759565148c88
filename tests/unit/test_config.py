"""Settings are read from environment variables."""

from __future__ import annotations

import pytest

from carlens.config import UPLOADS_SECRET, Config


def test_an_empty_environment_gives_the_defaults() -> None:
    config = Config.from_env({"CARLENS_DETECTOR": ""})

    assert config.detector == "ssdlite-mobilenet-v2-coco"
    assert config.cors_origins == ("*",)
    assert config.urls is True
    assert config.allowed_hosts == frozenset()
    assert config.confidence is None
    assert config.threads >= 1


def test_every_setting_is_read() -> None:
    config = Config.from_env(
        {
            "CARLENS_MODELS": "s3://bucket/prefix",
            "CARLENS_DETECTOR": "mine",
            "CARLENS_CLASSIFIER": "yours",
            "CARLENS_APPLIES_TO": "car, license plate",
            "CARLENS_THREADS": "3",
            "CARLENS_CORS_ORIGINS": "https://a.example, https://b.example",
            "CARLENS_URLS": "no",
            "CARLENS_ALLOWED_HOSTS": "Pictures.Intranet,localhost:8080",
            "CARLENS_MAX_PICTURES": "4",
            "CARLENS_MAX_BYTES": "5",
            "CARLENS_MAX_PIXELS": "6",
            "CARLENS_MAX_SIDE": "7",
            "CARLENS_CONFIDENCE": "0",
            "CARLENS_MIN_AREA": "0.5",
            "CARLENS_SLICES": "3",
            "CARLENS_TABLES": "s3://bucket/tables",
            "CARLENS_UPLOADS": "s3://uploads",
            "CARLENS_UPLOADS_URL": "https://uploads.example/",
            "CARLENS_BATCH": "yes",
            "CARLENS_METRICS": "Carlens",
            "CARLENS_VERSION": "9",
        }
    )

    assert config == Config(
        models="s3://bucket/prefix",
        detector="mine",
        classifier="yours",
        applies_to=("car", "license plate"),
        threads=3,
        cors_origins=("https://a.example", "https://b.example"),
        urls=False,
        allowed_hosts=frozenset({"pictures.intranet", "localhost:8080"}),
        max_pictures=4,
        max_bytes=5,
        max_pixels=6,
        max_side=7,
        confidence=0.0,
        min_area=0.5,
        slices=3,
        tables="s3://bucket/tables",
        uploads="s3://uploads",
        uploads_url="https://uploads.example/",
        batch=True,
        metrics="Carlens",
        version="9",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THREADS", "0"),
        ("THREADS", "two"),
        ("MAX_PICTURES", "-1"),
        ("URLS", "maybe"),
        ("CONFIDENCE", "1.5"),
        ("CONFIDENCE", "nan"),
        ("SLICES", "4"),
        ("SLICES", "1.5"),
        ("SLICES", "all"),
        ("UPLOADS", "/folder"),
    ],
)
def test_an_invalid_value_is_refused_with_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"CARLENS_{name} is '{value}'"):
        Config.from_env({f"CARLENS_{name}": value})


def test_only_the_local_server_has_uploads_in_a_folder() -> None:
    env = {"CARLENS_UPLOADS": "/folder", UPLOADS_SECRET: "secret"}

    assert Config.from_env(env).uploads == "/folder"


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("True", True), ("NO", False), ("false", False), ("", True)]
)
def test_urls_are_turned_on_or_off(text: str, value: bool) -> None:
    assert Config.from_env({"CARLENS_URLS": text}).urls is value

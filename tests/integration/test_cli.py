"""The command `carlens` in processes of its own."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.s3_server import REGION, credentials, running_s3_server
from tests.integration.serving import wait_until
from tests.integration.test_answers import SKODA_CAR, assert_near
from tests.integration.tools import Tools
from tests.support import PASSAT, SKODA, missing

ROOT = Path(__file__).parents[2]
CODE = (str(ROOT / "lambda_src"), str(ROOT / "clients" / "python"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(CODE)}
# Fast, and for small pictures as good.
QUICK = ("--local", "--slices", "1", "--workers", "2")


def start(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] = ENVIRONMENT
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "carlens.cli", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=pipe, stderr=pipe, text=True)


def carlens(
    *arguments: str | Path,
    status: int = 0,
    cwd: Path | None = None,
    env: Mapping[str, str] = ENVIRONMENT,
) -> tuple[str, str]:
    with start(*arguments, cwd=cwd, env=env) as process:
        out, err = process.communicate(timeout=600)
    assert process.returncode == status, err
    return out, err


def lines(path: Path) -> list[str]:
    """Return the lines that are complete; none if there is no file yet."""
    text = path.read_bytes().decode() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def children(pid: int) -> list[int]:
    """Return the processes whose parent is `pid`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def make_photos(folder: Path, number: int) -> Path:
    """Write different small photos, and three files that are not photos."""
    folder.mkdir()
    dice = random.Random(1)
    with Image.open(SKODA) as image:
        photo = image.convert("RGB")
    for index in range(number - 3):
        left, top = dice.randrange(150), dice.randrange(100)
        crop = photo.crop((left, top, left + 360, top + 230))
        crop.resize((240, 153)).save(folder / f"{index:03}.jpg", quality=80)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("not a photo")
    (folder / "torn.jpg").write_bytes((folder / "000.jpg").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("cli") / "photos", 24)


@pytest.fixture(scope="module")
def undisturbed(photos: Path) -> list[str]:
    out = photos.parent / "undisturbed.jsonl"
    carlens("predict", photos, *QUICK, "--out", out, status=1)
    return sorted(lines(out))


def test_a_line_is_the_entry_of_the_detailed_form(tmp_path: Path) -> None:
    out, _ = carlens("predict", SKODA, PASSAT, "--local", "--workers", "1", "--quiet")

    skoda, passat = sorted(
        map(json.loads, out.splitlines()), key=lambda entry: entry["width"] != 518
    )
    assert list(skoda) == ["field", "name", "width", "height", "passes", "objects", "error"]
    assert (skoda["name"], passat["name"]) == (str(SKODA), str(PASSAT))
    car = skoda["objects"][0]
    assert_near((car["x1"], car["y1"], car["x2"], car["y2"]), SKODA_CAR)
    assert list(car["make"]) == ["name", "prob", "certain"]


def test_each_photo_has_a_line_and_a_failed_one_its_reason(
    photos: Path, undisturbed: list[str]
) -> None:
    entries = {entry["name"]: entry for entry in map(json.loads, undisturbed)}

    assert set(entries) == {path.name for path in photos.iterdir()}
    failed = {name: entry["error"]["code"] for name, entry in entries.items() if entry["error"]}
    assert failed == dict.fromkeys(("empty.jpg", "text.png", "torn.jpg"), "not_an_image")
    assert any(entry["objects"] for entry in entries.values())


def kill_at_random(command: Sequence[str | Path], out: Path, kills: int, total: int) -> int:
    """Run until the end, killing each of the first runs after some lines; return the kills."""
    dice = random.Random(kills)
    for number in range(kills):
        wanted = len(lines(out)) + dice.randrange(max(2, total // (kills + 1)))
        with start(*command) as process:
            workers: list[int] = []
            deadline = time.monotonic() + 120
            while len(lines(out)) < wanted or not workers:
                if process.poll() is not None:
                    return number
                assert time.monotonic() < deadline
                workers = children(process.pid) or workers
                time.sleep(0.002)
            time.sleep(dice.random() * 0.1)
            workers = children(process.pid) or workers
            process.kill()
            process.communicate()
        while any(map(is_running, workers)):
            assert time.monotonic() < deadline, "workers outlive the run"
            time.sleep(0.01)
    return kills


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_run_that_is_killed_anywhere_continues(
    photos: Path, undisturbed: list[str], tmp_path: Path
) -> None:
    # When
    out = tmp_path / "results.jsonl"
    command = ("predict", photos, *QUICK, "--out", out)
    assert kill_at_random(command, out, kills=5, total=len(undisturbed)) >= 2
    carlens(*command, status=1)

    # Then
    assert sorted(lines(out)) == undisturbed
    assert out.read_bytes().endswith(b"\n")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_worker_that_is_killed_is_replaced(
    photos: Path, undisturbed: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    with start("predict", photos, *QUICK, "--out", out) as process:
        while not lines(out):
            time.sleep(0.01)
        workers = [pid for pid in children(process.pid) if b"spawn_main" in command_line(pid)]
        os.kill(workers[0], signal.SIGKILL)
        _, err = process.communicate(timeout=600)

    assert process.returncode == 1, err
    assert sorted(lines(out)) == undisturbed


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_ctrl_c_stops_the_run_and_its_workers(tmp_path: Path) -> None:
    # So many that the run does not end by itself before the signal
    photos = make_photos(tmp_path / "photos", 150)
    out = tmp_path / "results.jsonl"
    command: list[str | Path] = [sys.executable, "-m", "carlens.cli", "predict", photos, *QUICK]
    with subprocess.Popen(
        [*command, "--out", out],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Background jobs of a shell ignore SIGINT, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while not lines(out):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Run the same command to continue" in err
    assert "Traceback" not in err


def test_an_api_gives_the_lines_that_this_computer_gives(
    api: str, photos: Path, undisturbed: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"

    carlens("predict", photos, "--api", api, "--slices", "1", "--out", out, status=1)

    ours, theirs = map(by_name, (undisturbed, lines(out)))
    assert ours.keys() == theirs.keys()
    for name, entry in ours.items():
        assert theirs[name]["error"] == entry["error"]
        assert list(theirs[name]) == list(entry)
        assert len(theirs[name]["objects"]) == len(entry["objects"])


def test_a_run_with_an_api_that_is_killed_continues(api: str, photos: Path, tmp_path: Path) -> None:
    command = ("predict", photos, "--api", api, "--slices", "1", "--workers", "1", "--out")
    undisturbed, out = tmp_path / "undisturbed.jsonl", tmp_path / "results.jsonl"
    carlens(*command, undisturbed, status=1)

    with start(*command, out) as process:
        wait_until(lambda: bool(lines(out)) or process.poll() is not None, lambda: "no lines")
        process.kill()
        process.communicate()
    carlens(*command, out, status=1)

    assert sorted(lines(out)) == sorted(lines(undisturbed))


def test_a_photo_that_is_too_large_for_a_request_is_recognized(api: str, tmp_path: Path) -> None:
    # Given a photo of more bytes than a request may have
    large = tmp_path / "large.png"
    with Image.open(SKODA) as image:
        noise = Image.effect_noise((2400, 1534), 30).convert("RGB")
        Image.blend(image.convert("RGB").resize(noise.size), noise, 0.2).save(large)
    assert large.stat().st_size > 5_000_000

    out, _ = carlens("predict", large, "--api", api, "--quiet")

    entry = json.loads(out)
    assert (entry["width"], entry["height"], entry["error"]) == (2400, 1534, None)
    car = entry["objects"][0]
    scale = 2400 / 518
    assert_near(tuple(round(car[side] / scale) for side in ("x1", "y1", "x2", "y2")), SKODA_CAR)


def test_models_and_names_of_an_api(api: str, tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    file.write_text("make,model\nreneau,clioRT\n")

    listed, _ = carlens("models", "--api", api)
    matched, _ = carlens("names", file, "--api", api, "--top-k", "2")
    here, _ = carlens("names", file, "--top-k", "2")

    # The detector, the classifier, and the models that find plates and faces
    assert listed.count("*") == 4
    assert matched == here
    _, err = carlens("names", file, "--api", api, "--table", "mars", status=2)
    assert "the tables are europe" in err


@pytest.fixture(scope="module")
def bucket(tools: Tools, photos: Path) -> Iterator[dict[str, str]]:
    """A bucket with the photos on a real S3 server; the value is the environment to read it."""
    with running_s3_server(tools.weed) as server:
        s3 = server.client()
        s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
        for path in photos.iterdir():
            s3.put_object(Bucket="photos", Key=f"2026/été/{path.name}", Body=path.read_bytes())
        s3.put_object(Bucket="photos", Key="2026/readme.txt", Body=b"not a photo")
        s3.put_object(Bucket="photos", Key="2025/other.jpg", Body=b"not under the prefix")
        endpoint = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.port}"}
        yield {**ENVIRONMENT, **credentials("owner"), **endpoint}


@pytest.mark.slow
def test_photos_of_a_bucket_give_the_lines_of_files_after_a_kill_as_well(
    bucket: dict[str, str], undisturbed: list[str], tmp_path: Path
) -> None:
    # Given a run that is killed
    out = tmp_path / "results.jsonl"
    command = ("predict", "s3://photos/2026/", *QUICK, "--out", out)
    with start(*command, env=bucket) as process:
        wait_until(lambda: bool(lines(out)) or process.poll() is not None, lambda: "no lines")
        process.kill()
        process.communicate()
    assert 0 < len(lines(out)) < len(undisturbed)

    # When
    carlens(*command, env=bucket, status=1)

    # Then the lines are those of files, and the names are keys
    assert sorted(lines(out)) == sorted(
        line.replace('"name":"', '"name":"2026/été/', 1) for line in undisturbed
    )
    settings = json.loads(out.with_suffix(".settings.json").read_text("utf-8"))
    assert settings["folder"] == "s3://photos"


@pytest.mark.slow
def test_photos_of_a_bucket_are_sent_to_an_api(
    api: str, bucket: dict[str, str], undisturbed: list[str], tmp_path: Path
) -> None:
    env = {**bucket, "TMPDIR": str(tmp_path)}

    out, _ = carlens(
        *("predict", "s3://photos/2026/", "--api", api, "--slices", "1", "--quiet"),
        env=env, status=1,
    )  # fmt: skip

    ours, theirs = map(by_name, (undisturbed, out.splitlines()))
    assert {name.removeprefix("2026/été/") for name in theirs} == ours.keys()
    for name, entry in theirs.items():
        assert entry["error"] == ours[name.removeprefix("2026/été/")]["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_bucket_that_cannot_be_listed_is_wrong_usage(bucket: dict[str, str]) -> None:
    _, missing_bucket = carlens("predict", "s3://nowhere", "--local", env=bucket, status=2)
    stranger = {**bucket, **credentials("stranger")}
    _, denied = carlens("predict", "s3://photos/", "--local", env=stranger, status=2)

    assert missing_bucket.startswith("Error: Cannot list s3://nowhere/")
    assert "AccessDenied" in denied


def by_name(found: list[str]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in map(json.loads, found)}


def test_formats_and_annotated_pictures(tmp_path: Path) -> None:
    out, drawn = tmp_path / "results.json", tmp_path / "drawn"

    carlens("predict", SKODA, *QUICK, "--out", out, "--annotate", drawn, cwd=SKODA.parent)

    document = json.loads(out.read_text("utf-8"))
    assert [one["file_name"] for one in document["images"]] == [str(SKODA)]
    assert document["annotations"][0]["attributes"]["display"] == "car"
    [written] = [path for path in drawn.rglob("*") if path.is_file()]
    with Image.open(written) as image, Image.open(SKODA) as original:
        assert image.size == original.size


@pytest.fixture
def wrong_usages(tmp_path: Path) -> list[tuple[list[str | Path], str]]:
    return [
        (["predict", SKODA], "--local"),
        (["predict", "missing.jpg", "--local"], "missing.jpg does not exist"),
        (["predict", SKODA, "--local", "--classes", "unicorn"], "'unicorn' is not a class here"),
        (["predict", SKODA, "--local", "--confidence", "7"], "--confidence"),
        (["predict", SKODA, "--local", "--out", tmp_path / "x.txt"], "must end in .jsonl"),
        (["predict", "--local"], "Missing argument"),
        (["predict", SKODA, "--lokal"], "No such option"),
    ]


def test_wrong_usage_has_exit_status_2(
    wrong_usages: list[tuple[list[str | Path], str]],
) -> None:
    for arguments, reason in wrong_usages:
        out, err = carlens(*arguments, status=2)
        assert out == ""
        assert reason in err


def test_help_imports_neither_models_nor_rich() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "carlens.cli", "--help"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {"numpy", "onnxruntime", "cv2", "PIL", "rich", "httpx", "yaml"}


# Other tests cover `carlens batch`, and photos in S3.
EXAMPLES = [
    line.strip()
    for line in (ROOT / "docs" / "cli.md").read_text("utf-8").splitlines()
    if line.startswith("    ")
    and "carlens " in line
    and "carlens batch" not in line
    and "s3://" not in line
]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photos, a file of names and the command."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "photos" / "sub").mkdir(parents=True)
    with Image.open(SKODA) as image:
        image.convert("RGB").save(folder / "photos" / "a.jpg")
        image.save(folder / "photos" / "sub" / "b.png")
    (folder / "fleet.csv").write_text("make,model\nreneau,clioRT\n")
    command = folder / "bin" / "carlens"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m carlens.cli "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_documentation_work(example: str, workplace: Path, api: str) -> None:
    if "jq" in example and shutil.which("jq") is None:
        missing("jq is not installed")
    path = f"{workplace / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-o", "pipefail", "-c", example.replace("http://127.0.0.1:8000", api)]

    done = subprocess.run(
        command,
        cwd=workplace,
        env={**ENVIRONMENT, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for name in re.findall(r"--(?:out|annotate) (\S+)", example):
        written = workplace / name
        assert any(written.iterdir()) if written.is_dir() else written.stat().st_size


def test_the_documentation_has_examples() -> None:
    commands = {word for example in EXAMPLES for word in re.findall(r"carlens (\w+)", example)}

    assert {"predict", "names", "models"} <= commands

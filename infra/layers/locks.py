"""Lock files: for each architecture, the one wheel of each package, by its SHA-256."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.layers.contents import LAYERS, PYTHON, ROOT, Architecture, LayerError, platform_tags

REQUIREMENTS = ROOT / "lambda_src" / "requirements.txt"
LOCKS = ROOT / "infra" / "locks"

# --no-deps: onnxruntime's own needs (flatbuffers, packaging, protobuf, sympy) serve only
# its tools for making models, which are pruned. An import of the whole proves it.
_WHEELS_ONLY = ("--no-deps", "--only-binary=:all:", "--implementation=cp")

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;,*]+)(?: --hash=\S+)*")


def read_lock(architecture: Architecture, *, locks: Path = LOCKS) -> dict[str, str]:
    """Read a lock file, checked against what the function asks for.

    Returns
    -------
    dict of str to str
        Normalized package name -> its line, `name==version --hash=sha256:...`.

    Raises
    ------
    LayerError
        The lock is missing or stale, a version is not pinned, or a package has no layer.
    """
    path = locks / f"{architecture}.txt"
    if not path.is_file():
        raise LayerError(f"There is no lock file for {architecture}: run `make lock`.")
    locked = path.read_text(encoding="utf-8")
    check_lock(REQUIREMENTS.read_text(encoding="utf-8"), locked, path.name)
    return _lines(locked)


def check_lock(requirements: str, locked: str, name: str) -> None:
    """Check that a lock fits the requirements, and the layers hold each package once.

    Raises
    ------
    LayerError
        They do not fit; the message names the packages.
    """
    asked, has = _pins(requirements), _pins(locked)
    stale = sorted(package for package in asked | has if asked.get(package) != has.get(package))
    if stale:
        raise LayerError(
            f"The lock {name} does not fit lambda_src/requirements.txt "
            f"({', '.join(stale)}): run `make lock`."
        )
    unhashed = sorted(p for p, line in _lines(locked).items() if "--hash=sha256:" not in line)
    if unhashed:
        raise LayerError(f"The lock {name} has no hash for {', '.join(unhashed)}: run `make lock`.")
    held = [package for layer in LAYERS for package in layer.packages]
    misplaced = sorted(p for p in {*asked, *held} if p not in asked or held.count(p) != 1)
    if misplaced:
        raise LayerError(
            "Each package of lambda_src/requirements.txt belongs in exactly one layer of "
            f"infra/layers/contents.py; look at {', '.join(misplaced)}."
        )


def write_lock(architecture: Architecture) -> Path:
    """Choose the wheel of each requirement, as pip does for Lambda, and write them down.

    Raises
    ------
    LayerError
        pip found no wheel, or no network.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        _pip(
            *("install", "--dry-run", "--ignore-installed", f"--target={scratch}"),
            *(f"--report={report}", f"--requirement={REQUIREMENTS}"),
            *_for_lambda(architecture),
        )
        chosen = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = sorted(
        f"{_normalized(item['metadata']['name'])}=={item['metadata']['version']}"
        f" --hash=sha256:{item['download_info']['archive_info']['hashes']['sha256']}"
        for item in chosen
    )
    header = (
        f"# The wheels of the layers: Lambda python{PYTHON}, {architecture}.\n"
        "# Made by `make lock` from lambda_src/requirements.txt.\n"
    )
    LOCKS.mkdir(exist_ok=True)
    path = LOCKS / f"{architecture}.txt"
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def download(locked: list[str], architecture: Architecture, folder: Path) -> None:
    """Download locked wheels into an existing folder.

    Raises
    ------
    LayerError
        A wheel cannot be had, or is not the one that was locked.
    """
    requirements = folder / "locked.txt"
    requirements.write_text("\n".join(locked) + "\n", encoding="utf-8")
    _pip(
        *("download", "--require-hashes", f"--requirement={requirements}", f"--dest={folder}"),
        *_for_lambda(architecture),
    )


def _for_lambda(architecture: Architecture) -> list[str]:
    platforms = [f"--platform={tag}" for tag in platform_tags(architecture)]
    return [*_WHEELS_ONLY, f"--python-version={PYTHON}", *platforms]


def _pip(*arguments: str) -> None:
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, *quiet],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise LayerError(
            f"pip {arguments[0]} failed; it needs the package registry, and pip in the Python "
            f"that runs this. It said:\n{said}"
        )


def _pins(text: str) -> dict[str, str]:
    return {name: line.split()[0].partition("==")[2] for name, line in _lines(text).items()}


def _lines(text: str) -> dict[str, str]:
    """Map each package's normalized name to its line, comments left out."""
    lines = {}
    for written in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", written).strip()
        if line and (pin := _PINNED.fullmatch(line)):
            lines[_normalized(pin[1])] = line
        elif line:
            raise LayerError(f"The layers take `name==version` and no more; change `{line}`.")
    return lines


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

"""Writes the results to docs/benchmarks.json, a plot and the tables in README.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.duel import Ratio

_ROOT = Path(__file__).resolve().parents[2]
_JSON = _ROOT / "docs" / "benchmarks.json"
_PLOT = _ROOT / "docs" / "benchmarks.svg"
_FAIR_PLOT = _ROOT / "docs" / "benchmarks-quality.svg"
_README = _ROOT / "README.md"
_BEGIN, _END = "<!-- make bench writes this -->\n", "<!-- to here -->\n"

Results = dict[str, Any]


def print_row(row: Any) -> None:
    """Print a result as a line of JSON."""
    print(json.dumps(_plain(row)), flush=True)


def read() -> Results:
    """Read the previous results, so that a run can replace a part of them."""
    found: Results = json.loads(_JSON.read_text("utf-8")) if _JSON.is_file() else {}
    return found


def write(results: Results) -> None:
    """Write all results."""
    plain = _plain(results)
    _JSON.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    if "scaling" in plain:
        _plot(plain["scaling"])
    if "fair" in plain:
        _plot_quality(plain["fair"])
    before, begin, rest = _README.read_text("utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if begin and end:
        _README.write_text(before + begin + "\n" + tables(plain) + "\n" + end + after, "utf-8")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value


def tables(results: Results) -> str:
    """Format the results as Markdown tables."""
    parts = [
        _table(title, results[name], columns)
        for name, title, columns in (
            ("floor", "The handler, warm", _FLOOR),
            ("rivals", "The local server and alternatives", _RIVALS),
            ("cold", "Cold start under Lambda's emulator, one thread", _COLD),
            ("cost", "Memory and cost", _COST),
            ("fair", "Quality and speed, one CPU, single photos of 1 MP", _FAIR),
            ("folder", "A folder of photos, all CPUs", _FOLDER),
        )
        if isinstance(results.get(name), list)
    ]
    return "\n".join(parts)


_FLOOR = {
    "CPUs": lambda row: row["cpus"],
    "slices": lambda row: row["slices"],
    "passes": lambda row: f"{row['passes']:g}",
    "pictures": lambda row: row["case"],
    "floor, ms": lambda row: row["ms"]["floor"],
    "Carlens, ms": lambda row: row["ms"]["Carlens"],
    "Carlens / floor": lambda row: _ratio(row["to floor"]),
    "original / Carlens": lambda row: _ratio(row.get("original")),
}
_RIVALS = {
    "pictures": lambda row: row["case"],
    "load": lambda row: row["how"],
    "Carlens, ms": lambda row: row["ms"]["Carlens"],
    "FastAPI / Carlens": lambda row: _ratio(row["FastAPI"]),
    "LitServe / Carlens": lambda row: _ratio(row["LitServe"]),
    "BentoML / Carlens": lambda row: _ratio(row["BentoML"]),
}
_COLD = {
    "page cache": lambda row: row["page cache"],
    "floor, ms": lambda row: row["ms"]["floor"],
    "Carlens, ms": lambda row: row["ms"]["Carlens"],
    "Carlens / floor": lambda row: _ratio(row["to floor"]),
    "first / warm request": lambda row: _ratio(row["first to warm"]),
}
_COST = {
    "memory, MB": lambda row: f"{row['memory']:,}",
    "vCPUs": lambda row: row["vcpus"],
    "slices": lambda row: row["slices"],
    "ms per picture": lambda row: row["ms_per_picture"],
    "$ per 1,000 pictures": lambda row: row["dollars_per_thousand"],
}


# As the cases of `benchmarks.speed.fair` name themselves.
_LARGE, _STREET = "1 x 1 MP", "1 x 1 MP, 3 x 3 cars"
_FAIR = {
    "system": lambda row: row["system"],
    "vehicles mAP": lambda row: row.get("vehicles", ""),
    "names right, %": lambda row: row.get("names", ""),
    "large car, ms": lambda row: row[_LARGE]["ms"],
    "/ Carlens, auto": lambda row: _ratio(row[_LARGE]["to Carlens"]),
    "small cars, ms": lambda row: row[_STREET]["ms"],
    "/ Carlens, auto ": lambda row: _ratio(row[_STREET]["to Carlens"]),
    "$ per 1,000": lambda row: f"{row[_LARGE]['dollars']:.4f}, {row[_STREET]['dollars']:.4f}",
    "per second and core": lambda row: row["per core"],
    "per second and GB": lambda row: row["per GB"],
}
_FOLDER = {
    "way": lambda row: row["way"],
    "photos": lambda row: f"{row['photos']:,}",
    "ms per photo": lambda row: row["ms"],
    "/ Carlens": lambda row: _ratio(row["to Carlens"]),
}


def _table(title: str, rows: list[Any], columns: Mapping[str, Any]) -> str:
    lines = [f"**{title}**\n", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(str(cell(row)) for cell in columns.values())} |" for row in rows]
    return "\n".join(lines) + "\n"


def _ratio(found: Mapping[str, float] | Ratio | None) -> str:
    if found is None:
        return ""
    ratio = found if isinstance(found, Ratio) else Ratio(**found)
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _plot_quality(rows: Sequence[Mapping[str, Any]]) -> None:
    """Plot the quality over the mean cost of the two photos, for whatever was measured."""
    measured = {"vehicles": "vehicles mAP, %", "names": "names right, %"}
    kinds = [kind for kind in measured if all(kind in row for row in rows)]
    if not kinds:
        return
    plt = _pyplot()
    colors = plt.get_cmap("tab20")
    figure, axes = plt.subplots(
        1, len(kinds), figsize=(5 * len(kinds), 4.2), layout="constrained", squeeze=False
    )
    for axis, kind in zip(axes[0], kinds, strict=True):
        for index, row in enumerate(rows):
            dollars = (row[_LARGE]["dollars"] + row[_STREET]["dollars"]) / 2
            marker = "*" if row["system"].startswith("Carlens") else "osv^Dpx"[index % 7]
            axis.plot(
                dollars, row[kind], marker, markersize=9, color=colors(index), label=row["system"]
            )
        axis.set(xlabel="$ per 1,000 photos", ylabel=measured[kind])
        axis.set(xlim=0, ylim=(0, 1.1 * max(row[kind] for row in rows)))
        axis.grid(alpha=0.3)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(_FAIR_PLOT, metadata={"Date": None})
    plt.close(figure)


def _plot(scaling: Mapping[str, list[list[float]]]) -> None:
    plt = _pyplot()
    figure, sides = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for axis, of in zip(sides, ("pictures", "megapixels"), strict=True):
        for name, points in scaling.items():
            if name.startswith(of):
                x, y = zip(*points, strict=True)
                axis.plot(x, y, marker="o", label=name.partition(", ")[2])
        axis.set(xlabel=of + (" of 0.3 MP" if of == "pictures" else ", one picture"), ylabel="ms")
        axis.set(xlim=0, ylim=0)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(_PLOT, metadata={"Date": None})
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    # Text is not converted to paths, and the same results produce the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "carlens", "font.size": 11})
    from matplotlib import pyplot as plt

    return plt

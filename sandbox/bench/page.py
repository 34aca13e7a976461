"""All benchmarks on one page: every figure beside its target, the machine, the versions, simple plots.

What each benchmark found is a file of its own, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

import sandbox
from sandbox.manual import PagePart, table

PARTS = (
    *("install", "store", "worlds", "solver", "gate", "decision", "ui"),
    *("companion", "soak", "rounds", "learning"),
)
"""The benchmarks that need nothing but this machine, the short ones first."""
_KEPT = ("rounds", "learning")
"""Those that keep unfinished work themselves."""
_VERSIONS = ("textworld", "jericho", "textual", "gymnasium", "torch", "transformers", "trl", "peft")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #bbb;padding:.2rem .6rem;text-align:left}"
    ".no{color:#b00020;font-weight:bold}.yes{color:#186b2f}"
)
_BAR, _ROW = 300, 22
"""Width of the longest bar and height of a row, in pixels."""

Reports = Mapping[str, Mapping[str, Any]]
"""What each benchmark found, as `Report.as_json` has it, or `{"problem": ...}`."""


def measure(
    folder: Path, parts: Sequence[str], *, quick: bool, fresh: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run those that have not been run, each in a process of its own, and write the page after each."""
    found = read(folder, quick=quick) if not fresh else {}
    for number, part in enumerate(parts, start=1):
        if "figures" in found.get(part, {}):
            continue
        progress(f"{part}, {number} of {len(parts)}")
        options = [*(["--quick"] if quick else []), *(["--fresh"] if fresh and part in _KEPT else [])]
        found[part] = _measured(folder / _file(part, quick), part, options)
        write(folder, found)
    return found


def _measured(kept: Path, part: str, options: Sequence[str]) -> dict[str, Any]:
    begun = kept.with_name(f".{kept.name}")
    words = [sys.executable, "-m", "sandbox", "bench", part, "--json", str(begun)]
    done = subprocess.run([*words, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        *_, last = ["it said nothing", *done.stderr.strip().splitlines()]
        return {"problem": last.removeprefix("sandbox: ")}
    begun.replace(kept)
    result: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return result


def _file(part: str, quick: bool) -> str:
    return f"{part}{'-quick' if quick else ''}.json"


def read(folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """What was found so far."""
    found = {}
    for part in PARTS:
        with suppress(OSError, ValueError):
            found[part] = json.loads((folder / _file(part, quick)).read_text(encoding="utf-8"))
    return found


def write(folder: Path, found: Reports) -> None:
    """Write `index.md` and `index.html`, and a picture for each set of bars."""
    for name, picture in _pictures(found).items():
        (folder / name).write_text(picture, encoding="utf-8")
    (folder / "index.md").write_text(markdown(found), encoding="utf-8")
    (folder / "index.html").write_text(html(found), encoding="utf-8")


def _ordered(found: Reports) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((part, found[part]) for part in PARTS if part in found)


def _rows(result: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Figure, value with its interval, unit, target, met."""
    rows = []
    for each in result["figures"]:
        value = f"{each['value']:.4g}"
        if "low" in each:
            value += f" ({each['low']:.3g} to {each['high']:.3g})"
        met = {True: "yes", False: "no", None: ""}[each["met"]]
        rows.append((each["name"], value, each["unit"], each["target"], met))
    return rows


def _versions() -> str:
    installed = {each.metadata["Name"].lower(): each.version for each in metadata.distributions()}
    named = [f"{name} {installed[name]}" for name in _VERSIONS if name in installed]
    return ", ".join([f"sandbox {sandbox.__version__}", *named])


def _machine(result: Mapping[str, Any]) -> str:
    about = result["machine"]
    return (
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}, "
        f"Python {about['python']}; {result['seconds']:.0f} s"
    )


_HEADER = ("figure", "value", "unit", "target", "met")


def markdown(found: Reports) -> str:
    """The page in Markdown."""
    lines = ["# Figures", "", f"{_versions()}.", "", _summary(found), ""]
    pictures = _pictures(found)
    for part, result in _ordered(found):
        lines += [f"## {part}", ""]
        if "problem" in result:
            lines += [f"Not measured: {result['problem']}", ""]
            continue
        lines += [_machine(result), "", *table(_HEADER, _rows(result)), ""]
        lines += [f"![{name}]({name})\n" for name in pictures if name.startswith(f"{part}-")]
    return "\n".join(lines).rstrip() + "\n"


def html(found: Reports) -> str:
    """The page in HTML, in one file: the pictures are part of it."""
    body = [f"<h1>Figures</h1><p>{escape(_versions())}.</p><p>{escape(_summary(found))}</p>"]
    pictures = _pictures(found)
    for part, result in _ordered(found):
        body.append(f"<h2>{escape(part)}</h2>")
        if "problem" in result:
            body.append(f"<p class=no>Not measured: {escape(result['problem'])}</p>")
            continue
        head = "".join(f"<th>{each}</th>" for each in _HEADER)
        rows = "".join(
            "<tr>" + "".join(f"<td class={row[4] or 'none'}>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in _rows(result)
        )
        body.append(f"<p>{escape(_machine(result))}</p><table><tr>{head}</tr>{rows}</table>")
        body += [picture for name, picture in pictures.items() if name.startswith(f"{part}-")]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Figures</title>"
        f"<style>{_STYLE}</style><body>{''.join(body)}</body></html>\n"
    )


def _summary(found: Reports) -> str:
    met = [each["met"] for result in found.values() for each in result.get("figures", ())]
    lacking = [part for part in PARTS if "figures" not in found.get(part, {})]
    said = f"{met.count(True)} of {met.count(True) + met.count(False)} targets are met."
    return said + (f" Not measured: {', '.join(lacking)}." if lacking else "")


def _pictures(found: Reports) -> dict[str, str]:
    """Bars for each column of the tables (`table/row/column`) that benchmarks have, as SVG, by file name."""
    columns: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for part, result in _ordered(found):
        for each in result.get("figures", ()):
            if each["name"].count("/") == 2:
                title, row, column = each["name"].split("/")
                name = "-".join("".join(c if c.isalnum() else "-" for c in word) for word in (part, title, column))
                columns.setdefault(f"{name}.svg", []).append((row, each))
    return {name: _bars(rows) for name, rows in columns.items()}


def _bars(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    longest = max(max(float(each.get("high", each["value"])) for _, each in rows), 1e-12)
    drawn = []
    for number, (row, each) in enumerate(rows):
        y, width = number * _ROW, max(float(each["value"]), 0.0) / longest * _BAR
        drawn.append(
            f'<text x="0" y="{y + 16}">{escape(row)}</text>'
            f'<rect x="260" y="{y + 4}" width="{width:.1f}" height="14" fill="#5b8def"/>'
            f'<text x="{268 + width:.0f}" y="{y + 16}">{each["value"]:.4g} {escape(each["unit"])}</text>'
        )
    height = len(rows) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}" '
        f'font-family="sans-serif" font-size="13">{"".join(drawn)}</svg>\n'
    )


def table_part(found: Reports) -> PagePart:
    """The block of the README: the figures that have a target."""
    rows = [
        (part, name, f"{value} {unit}".strip(), target, met)
        for part, result in _ordered(found)
        for name, value, unit, target, met in (_rows(result) if "figures" in result else ())
        if target
    ]
    machines = sorted({_machine(result).rpartition("; ")[0] for result in found.values() if "figures" in result})
    body = [*table(("", "figure", "value", "target", "met"), rows), "", f"Measured on {'; '.join(machines)}."]
    return PagePart(
        "<!-- figures: generated by sandbox bench all, do not edit below -->",
        "<!-- figures: end -->",
        lambda: "\n".join([*body, ""]),
    )

"""All figures on one page: what it shows, and that it goes on where it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.bench import page
from sandbox.bench.report import Figure, Report, machine

FOUND = {
    "worlds": Report(
        machine(),
        12.0,
        (
            Figure.at_least("steps_per_second", 900.0, 1000, "steps"),
            Figure("speed/native/steps", 900.0, "/s", low=800.0, high=1000.0),
            Figure("speed/<b>tw/steps", 450.0, "/s"),
        ),
    ).as_json(),
    "rounds": {"problem": "no <model>"},
}


def test_the_page_has_every_figure_beside_its_target_and_says_what_is_lacking() -> None:
    text = page.markdown(FOUND)
    assert "| steps_per_second | 900 | steps | >= 1000 | no |" in text
    assert "| speed/native/steps | 900 (800 to 1e+03) | /s | | |" in text
    assert "0 of 1 targets are met." in text and "Not measured: no <model>" in text
    assert f"Python {machine()['python']}" in text and "textworld 1" in text
    assert text.index("## worlds") < text.index("## rounds")


def test_names_are_text_in_html_and_bars_are_as_long_as_their_values() -> None:
    text = page.html(FOUND)
    assert "<b>tw" not in text and "no <model>" not in text and "no &lt;model&gt;" in text
    assert text.count("<rect ") == 2
    assert 'width="270.0"' in text and 'width="135.0"' in text


def test_a_block_of_a_page_is_written_anew_from_the_figures_with_a_target() -> None:
    block = page.table_part(FOUND)
    text = block.updated(f"above\n{block.begin}\nold\n{block.end}\nbelow\n")
    assert "| worlds | steps_per_second | 900 steps | >= 1000 | no |" in text
    assert "old" not in text and "speed/" not in text
    assert text.startswith("above\n") and text.endswith("\nbelow\n")


def test_what_was_measured_is_kept_and_what_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store-quick.json").write_text(json.dumps(FOUND["worlds"]))
    (tmp_path / "worlds-quick.json").write_text("{ this was cut off")
    table = tmp_path / "README.md"
    block = page.table_part({})
    table.write_text(f"{block.begin}\n{block.end}\n")
    words = ["bench", "all", "--report", str(tmp_path), "--quick", "--table", str(table)]
    words += ["--part", "install", "--part", "store", "--part", "decision"]
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "nothing"))  # no language model is there
    done = subprocess.run([sys.executable, "-m", "sandbox", *words], capture_output=True, text=True, timeout=200)
    assert done.returncode == 1, done.stderr
    assert "decision: the language model 'smollm2-135m-instruct' is not on this machine" in " ".join(
        done.stderr.split()
    )
    shown = (tmp_path / "index.html").read_text()
    assert "seconds_to_help" in shown and "Not measured: the language model" in shown and "12 s</p>" in shown
    assert json.loads((tmp_path / "install-quick.json").read_text())["figures"]
    assert "| install | seconds_to_help |" in table.read_text()
    assert "steps_per_second" in table.read_text()

"""`sandbox agent`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.agent.cards import load_card
from sandbox.cli import app
from sandbox.errors import CardError, UsageError
from sandbox.paths import bundled


def test_the_command_line_writes_lists_and_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> object:
        result = CliRunner().invoke(app, ["--home", str(tmp_path), "agent", *arguments])
        return result.exception or result.output

    assert run("new", "scout") is not None
    assert load_card(tmp_path / "agents" / "scout.yaml").learner is not None
    run("new", "twin", "--from", "lm-q")
    assert (
        load_card(tmp_path / "agents" / "twin.yaml").model == load_card(bundled() / "agents" / "lm-q.yaml").model
    )
    assert isinstance(run("new", "scout"), UsageError)
    assert isinstance(run("new", "../escape"), UsageError)
    assert "did you mean" in str(run("new", "third", "--from", "lmq"))
    (tmp_path / "agents" / "far.yaml").write_text("remote: {base_url: 'http://127.0.0.1:9/v1', model: org/big}")
    settings = tmp_path / "settings.toml"
    monkeypatch.setenv("SANDBOX_SETTINGS", str(settings))
    settings.write_text('[remote.hosts."127.0.0.1:9"]\nkey_env = "SANDBOX_TEST_KEY"\n')

    def far(*more: str) -> dict[str, str]:
        listed = json.loads(str(run("list", "--json", *more)))
        return next(row for row in listed if row["name"] == "far")

    assert (far()["model"], far()["state"]) == ("big@127.0.0.1:9", "SANDBOX_TEST_KEY is not set")
    monkeypatch.setenv("SANDBOX_TEST_KEY", "secret")
    assert far()["state"] == "not asked"
    assert far("--ask")["state"].startswith("away: ")
    (tmp_path / "agents" / "far.yaml").write_text("remote: {base_url: 'https://api.example.org/v1', model: big}")
    assert far("--ask")["state"] == "not allowed: sandbox model allow api.example.org [--key-env NAME]"
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    assert "not fetched" in str(run("list"))
    (tmp_path / "agents" / "broken.yaml").write_text("modle: x")
    assert isinstance(run("show", "broken"), CardError)
    listed = str(run("list", "--json"))
    assert '"name": "scout"' in listed and "did you mean 'model'?" in listed

"""`sandbox agent`."""

from pathlib import Path

from typer.testing import CliRunner

from sandbox.agent.cards import load_card
from sandbox.cli import app
from sandbox.errors import CardError, UsageError
from sandbox.paths import bundled


def test_the_command_line_writes_lists_and_refuses(tmp_path: Path) -> None:
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
    (tmp_path / "agents" / "broken.yaml").write_text("modle: x")
    assert isinstance(run("show", "broken"), CardError)
    listed = str(run("list", "--json"))
    assert '"name": "scout"' in listed and "did you mean 'model'?" in listed

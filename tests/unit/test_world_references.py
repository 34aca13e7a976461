import shutil
from dataclasses import replace
from pathlib import Path

import gymnasium
import pytest
from game_parts import COIN, SIMPLE
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sandbox import api, wiring
from sandbox.cli import app
from sandbox.config import Settings
from sandbox.envs import ENV_ID
from sandbox.errors import SaveError, WorldError
from sandbox.paths import Home
from sandbox.world import games
from sandbox.world.registry import open_world, resolve, world_file
from sandbox.world.textworld import TextWorldWorld
from sandbox.world.zmachine import ZMachineWorld


@pytest.mark.parametrize(
    ("reference", "canonical"),
    [
        ("tw:coin", "tw:coin?level=5&seed=0"),
        ("tw:coin?seed=1&level=5", "tw:coin?level=5&seed=1"),
        (" tw:coin?level=05&seed=1 ", "tw:coin?level=5&seed=1"),
        ("tw:custom?quest=5&objects=8&seed=3&rooms=5", "tw:custom?rooms=5&objects=8&quest=5&seed=3"),
        ("tw:custom?adjectives=yes", "tw:custom?rooms=5&objects=10&quest=5&adjectives=true&seed=0"),
        ("tw:cooking?go=6&recipe=2&take=1", "tw:cooking?recipe=2&take=1&go=6&seed=0"),
        ("tw:treasure?level=3&seed=1", "tw:treasure?level=3&seed=1"),
        ("tw:simple?rewards=dense&goal=detailed&seed=18", "tw:simple?rewards=dense&goal=detailed&seed=18"),
    ],
)
def test_every_spelling_has_one_canonical_reference(reference: str, canonical: str) -> None:
    assert resolve(reference).canonical == canonical
    assert resolve(canonical) == resolve(reference)


@given(
    rooms=st.integers(1, 50),
    breadth=st.none() | st.integers(1, 5),
    theme=st.sampled_from(["house", "basic"]),
    numbering=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_canonical_reference_keeps_every_option(
    rooms: int, breadth: int | None, theme: str, numbering: bool, seed: int
) -> None:
    game = games.Custom(rooms=rooms, breadth=breadth, theme=theme, numbering=numbering, seed=seed)
    assert games.parse(resolve(game.canonical).target) == game


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("tw:coins?level=5", "did you mean 'coin'"),
        ("tw:chess", "custom, coin, cooking, treasure, simple"),
        ("tw:coin?levle=5", "did you mean 'level'"),
        ("tw:coin?colour=red", "options are level, seed"),
        ("tw:coin?level=999", "less than or equal to 300"),
        ("tw:coin?level=290", "a story file holds 100"),
        ("tw:coin?level=five", "valid integer"),
        ("tw:coin?level=5&level=6", "twice"),
        ("tw:coin?level", "cannot be read"),
        ("tw:custom?rooms=1000000000", "less than or equal to"),
        ("tw:custom?seed=-1", "greater than or equal to 0"),
        ("tw:cooking?recipe=1&take=3", "more than recipe=1"),
        ("tw:cooking?go=7", "1, 6, 9 or 12"),
        ("tw:simple?rewards=many", "'dense', 'balanced' or 'sparse'"),
        ("custom?rooms=5", "did you mean tw:custom?rooms=5?"),
        ("coin", "did you mean tw:coin?"),
        ("~nobody-of-this-name/game.z5", "write the path in full"),
        ("game.ulx", "give a .z3 to .z8 file"),
        ("  ", "no world is named"),
    ],
)
def test_a_wrong_reference_is_told_how_to_mend_it(reference: str, complaint: str) -> None:
    with pytest.raises(WorldError, match=r".+") as caught:
        resolve(reference)
    assert complaint in str(caught.value)
    assert reference.strip() in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_world_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"there is no world\.yaml in this folder"):
        resolve(str(tmp_path))


def test_a_world_of_our_own_has_one_name_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = world_file("lighthouse")
    spellings = (
        "lighthouse",
        " lighthouse ",
        "worlds/lighthouse",
        "worlds/lighthouse/world.yaml",
        str(bundled.parent),
    )
    assert {resolve(each).canonical for each in spellings} == {"lighthouse"}
    assert open_world("worlds/lighthouse").name == "lighthouse"
    monkeypatch.chdir(tmp_path)
    assert resolve("worlds/lighthouse").file == bundled, "the content's name, wherever one stands"
    copy = tmp_path / "mine.yaml"
    shutil.copy(bundled, copy)
    assert open_world("mine.yaml").name == resolve(str(copy)).canonical == str(copy)


@pytest.mark.parametrize("wrong", ["lighthous", "worlds/lighthous", "worlds/lighthous/world.yaml"])
def test_a_near_miss_is_told_wherever_a_reference_is_given(wrong: str) -> None:
    for door in (api.open_world, resolve, world_file, lambda text: gymnasium.make(ENV_ID, world=text)):
        with pytest.raises(WorldError, match=r"there is no world 'lighthous'.*did you mean 'lighthouse'"):
            door(wrong)
    for command in (
        ["play", wrong, "--plain"],
        ["run", wrong, "--agent", "random"],
        ["tune", "fresh", "--worlds", wrong, "--eval-worlds", "lighthouse"],
        ["world", "check", wrong],
        ["world", "solve", wrong],
    ):
        assert "did you mean 'lighthouse'?" in str(CliRunner().invoke(app, command).exception), command


def test_a_save_is_gone_on_with_by_any_name_of_its_world(tmp_path: Path) -> None:
    """Also one that keeps a spelling which is not the canonical one, as older saves do."""
    home, models = Home(tmp_path), wiring.Models(Settings())
    players = wiring.Players.parse("q-table", [])
    for number, kept in enumerate(("lighthouse", "worlds/lighthouse")):
        session = wiring.open_session(home, "worlds/lighthouse", players, models, save=f"s{number}")
        with session.store.transaction():
            session.store.add_run(replace(session.store.latest_run(), world=kept))
        session.close()
        for asked in ("lighthouse", "worlds/lighthouse", None):
            session = wiring.open_session(home, asked, None, models, save=f"s{number}")
            assert session.world.name == kept
            session.close()
        with pytest.raises(SaveError, match="not 'honey'"):
            wiring.open_session(home, "honey", None, models, save=f"s{number}")


@pytest.mark.parametrize("wrong", ["lm-qq", "agents/lm-qq"])
def test_the_same_help_for_agents(wrong: str) -> None:
    for command in (
        ["play", "lighthouse", "--plain", "--agent", wrong],
        ["run", "lighthouse", "--agent", wrong],
        ["tune", "fresh", "--agent", wrong, "--worlds", "lighthouse", "--eval-worlds", "lighthouse"],
        ["agent", "show", wrong],
    ):
        assert "did you mean 'lm-q'?" in str(CliRunner().invoke(app, command).exception), command


def test_a_game_is_compiled_once(games_cache: Path, coin_game: Path) -> None:
    messages: list[str] = []
    world = open_world(COIN, progress=messages.append)
    assert (world.name, messages) == (COIN, [])
    assert isinstance(world, TextWorldWorld)
    assert world.initial(0) == world.initial(1)
    world.close()


def test_the_same_reference_gives_the_same_bytes_and_a_damaged_file_is_made_again(
    tmp_path: Path, coin_game: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    folder = tmp_path / "games" / coin_game.parent.name
    shutil.copytree(coin_game.parent, folder)
    (folder / "game.z8").write_bytes(coin_game.read_bytes()[:5000])
    messages: list[str] = []
    again = games.compiled(games.parse(COIN), messages.append)
    assert len(messages) == 1
    for suffix in (".z8", ".json", ".ni"):
        assert again.with_suffix(suffix).read_bytes() == coin_game.with_suffix(suffix).read_bytes(), suffix
    assert again.read_bytes()[0x12:0x18] == b"000000", "the date of compilation"
    assert [path.name for path in (tmp_path / "games").iterdir() if path.is_dir()] == [folder.name]


def test_a_game_that_cannot_be_made_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    reference = "tw:custom?rooms=1&objects=1&quest=1&breadth=5&seed=1"
    with pytest.raises(WorldError, match="No quest can be generated") as caught:
        games.compiled(games.parse(reference))
    assert caught.value.where == reference
    assert not [path for path in (tmp_path / "games").iterdir() if path.is_dir()]
    assert capfd.readouterr() == ("", "")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "file"))
    with pytest.raises(WorldError, match="cannot be kept here") as caught:
        games.compiled(games.parse(COIN))
    assert caught.value.where == str(tmp_path / "file" / "games") and "SANDBOX_CACHE" in caught.value.hint


def test_a_story_file_opens_by_its_path_or_that_of_its_json(simple_game: Path, bare_story: Path) -> None:
    for path in (simple_game, simple_game.with_suffix(".json")):
        world = open_world(str(path))
        assert isinstance(world, TextWorldWorld)
        assert world.name == str(simple_game)
        world.close()
    assert isinstance(open_world(str(bare_story)), ZMachineWorld)


def damaged(data: bytes, at: int, byte: int) -> bytes:
    return data[:at] + bytes([byte]) + data[at + 1 :]


def test_files_that_are_no_story_are_refused_before_they_run(bare_story: Path, tmp_path: Path) -> None:
    good = bare_story.read_bytes()
    cases = {
        "empty.z5": (b"", "shorter"),
        "text.z5": (b"Once upon a time there was a story, and it was much longer than a header." * 9, "version"),
        "zeros.z8": (bytes(4096), "version"),
        "short.z8": (good[:20000], "outside the file"),
        "cut.z8": (good[:-5000], "cut short"),
        "damaged.z8": (damaged(good, len(good) - 600, good[-600] ^ 1), "checksum"),
        "map.z8": (damaged(damaged(good, 0x0E, 0xFF), 0x0F, 0xFF)[:60000], "outside the file"),
        "tables.z8": (damaged(damaged(good, 0x0A, 0), 0x0B, 3), "outside the file"),
        "large.z8": (good + bytes(600 * 1024), "too large"),
    }
    for name, (data, complaint) in cases.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(WorldError, match=complaint) as caught:
            open_world(str(file))
        assert caught.value.where == str(file)
        assert caught.value.hint
    for missing in ("missing.z5", "missing.json"):
        with pytest.raises(WorldError, match="no such file"):
            open_world(str(tmp_path / missing))
    with pytest.raises(WorldError, match="too long"):
        open_world(str(tmp_path / ("x" * 300 + ".z5")))
    with pytest.raises(WorldError, match="not a story file"):
        (tmp_path / "folder.z5").mkdir()
        open_world(str(tmp_path / "folder.z5"))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', "[" * 100_000, "\x00\x01", '{"version": 5, "world": 3}']
)
def test_a_json_that_is_no_game_is_refused(text: str, bare_story: Path, tmp_path: Path) -> None:
    shutil.copy(bare_story, tmp_path / "game.z8")
    (tmp_path / "game.json").write_text(text)
    with pytest.raises(WorldError, match="no TextWorld game") as caught:
        open_world(str(tmp_path / "game.z8"))
    assert caught.value.where == str(tmp_path / "game.json")
    assert "\n" not in str(caught.value)


def test_simple_is_what_its_reference_says(games_cache: Path, simple_game: Path) -> None:
    world = open_world(SIMPLE)
    assert "TextWorld simple 18" in world.title
    world.close()

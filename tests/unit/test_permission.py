"""Which servers may be asked, with which key, and how the settings say so."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox import config
from sandbox.cli import app
from sandbox.config import Host
from sandbox.errors import HostError, ModelError, SettingsError
from sandbox.hosts import host_name, names_of
from sandbox.llm.permission import Permission


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "settings.toml"
    monkeypatch.setenv("SANDBOX_SETTINGS", str(file))
    return file


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://api.example.org/v1", ("api.example.org", "api.example.org")),
        ("https://API.Example.org:443/v1", ("api.example.org", "api.example.org")),
        ("https://api.example.org:8443/v1", ("api.example.org:8443", "api.example.org")),
        ("http://127.0.0.1:8000/v1", ("127.0.0.1:8000", "127.0.0.1")),
        ("http://localhost/v1", ("localhost:80", "localhost")),
        ("http://[::1]:8000/v1", ("[::1]:8000", "[::1]")),
        ("http://lan-box:8000/v1", ("http://lan-box:8000", "http://lan-box")),
        ("http://api.example.org:443/v1", ("http://api.example.org:443", "http://api.example.org")),
    ],
)
def test_the_names_of_a_url(url: str, names: tuple[str, str]) -> None:
    assert names_of(url) == names
    assert host_name(url) == names[0]
    assert host_name(names[0]) == names[0]


@pytest.mark.parametrize(
    "given",
    ["", " ", "a b", "ann@example.org", "example.org/v1", "ftp://example.org", "x:99999", "x:0", "a\nb", "*"],
)
def test_what_is_no_host(given: str) -> None:
    with pytest.raises(ValueError, match="should name a host"):
        host_name(given)


def test_a_card_of_ones_own_asks_what_the_settings_allow() -> None:
    permission = Permission({"api.example.org": Host(), "lan:8000": Host()}, once=["other.example.org"])
    for url in (
        "https://api.example.org/v1",
        "https://api.example.org:8443/v1",
        "https://lan:8000/v1",
        "https://other.example.org/v1",
        "http://127.0.0.1:1/v1",
        "http://localhost:1/v1",
        "http://[::1]:1/v1",
    ):
        permission.check(url, own=True)
    for url in (
        "https://example.org/v1",
        "https://api.example.org.evil.org/v1",
        "https://lan:8001/v1",
        "http://api.example.org/v1",
        "http://lan:8000/v1",
        "https://127.1/v1",
        "https://0.0.0.0/v1",
        "https://127.0.0.1.evil.org/v1",
    ):
        with pytest.raises(HostError, match=r"is not allowed \(sandbox model allow") as caught:
            permission.check(url, own=True)
        assert caught.value.exit_code == 2


def test_any_other_card_asks_what_is_allowed_for_this_run_alone() -> None:
    permission = Permission({"api.example.org": Host()}, once=["other.example.org"])
    permission.check("https://other.example.org/v1", own=False)
    for url in ("https://api.example.org/v1", "http://127.0.0.1:1/v1"):
        with pytest.raises(HostError, match=r"a card that is not your own.*--allow-host") as caught:
            permission.check(url, own=False)
        caught.value.allow()
        permission.check(url, own=False)


def test_a_key_is_its_hosts_and_never_goes_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "key-one")
    monkeypatch.setenv("TWO", "key-two")
    permission = Permission({"api.example.org": Host(key_env="ONE"), "api.example.org:8443": Host(key_env="TWO")})
    assert permission.key("https://api.example.org/v1") == "key-one"
    assert permission.key("https://api.example.org:8443/v1") == "key-two"
    for url in ("http://api.example.org/v1", "https://www.example.org/v1", "http://127.0.0.1:8000/v1"):
        assert permission.key(url) == ""
    for unusable in ("", " ", "käse", "a\nb"):
        monkeypatch.setenv("ONE", unusable)
        with pytest.raises(ModelError, match="export ONE"):
            permission.key("https://api.example.org/v1")


def allow(*words: str) -> str:
    result = CliRunner().invoke(app, ["model", "allow", *words])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_allow_adds_to_the_settings_and_leaves_the_rest(settings: Path) -> None:
    assert "with the key in EXAMPLE_KEY" in allow("https://api.example.org/v1", "--key-env", "EXAMPLE_KEY")
    assert config.load().remote.hosts == {"api.example.org": Host(key_env="EXAMPLE_KEY")}

    written = (
        '# mine\ntheme = "nord" # dark\n\n[remote.hosts."a.org"]\nkey_env = "A"\n# of a\n\n[keys]\nstep = "f10"\n'
    )
    settings.write_text(written)
    allow("b.org:8443", "--key-env", "B")
    allow("a.org")
    allow("a.org", "--key-env", "A2")
    assert config.load().remote.hosts == {"b.org:8443": Host(key_env="B"), "a.org": Host(key_env="A2")}
    assert config.load().keys == {"step": "f10"}
    assert settings.read_text().startswith('# mine\ntheme = "nord" # dark\n')

    settings.write_text('remote = {hosts = {"a.org" = {}}}\n')
    with pytest.raises(SettingsError, match="cannot be added to"):
        allow("b.org")
    assert tomllib.loads(settings.read_text()) == {"remote": {"hosts": {"a.org": {}}}}


@pytest.mark.parametrize("words", [("not a host",), ("a.org", "--key-env", "sk-s3cret-key"), ("",)])
def test_what_cannot_be_allowed_changes_nothing(words: tuple[str, ...], settings: Path) -> None:
    with pytest.raises(SettingsError, match="should") as caught:
        allow(*words)
    assert "s3cret" not in str(caught.value)
    assert not settings.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[remote.hosts."a.org"]\nkey_env = "sk-s3cret-key"', "should be the name of an environment variable"),
        ('[remote.hosts."a b"]', "should name a host"),
        ('[remote.hosts."a.org"]\nkey = "sk-s3cret-key"', "Extra inputs are not permitted"),
        ("remote = 3", "valid dictionary"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line_without_the_value(text: str, said: str, settings: Path) -> None:
    settings.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        config.load()
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)

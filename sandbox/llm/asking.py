"""Where a remote language model may be asked, and with what words: what a card needs to know of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.hosts import is_loopback

INSTRUCTION = (
    "Continue the transcript of a text adventure. Reply with the player's next command alone, on one line, "
    "such as: open the door"
)
CHOICE = "Reply with exactly one of these commands:"


def checked_url(base_url: str, *, plain_http: bool = False) -> str:
    """The URL without a slash at its end. Raises `ValueError` where it may not be asked.

    Only https, or http to this machine, unless `plain_http`: a transcript and a key are not for all to read. The
    messages never repeat the URL, which may have a secret in it.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("should be a URL such as https://api.example.org/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("may hold no user, query or fragment; keys are in your settings: sandbox model allow")
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise ValueError("may hold plain characters only")
    if parts.scheme == "http" and not plain_http and not is_loopback(host):
        raise ValueError(
            "http is for this machine only; use https, or say `plain_http: true` in a network you trust"
        )
    return base_url.rstrip("/")

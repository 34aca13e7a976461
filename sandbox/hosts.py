"""Servers: which URLs may be asked, and how their hosts are written in settings, commands and questions.

A name is the host, with its port where that is not 443: `api.example.org`, `127.0.0.1:8000`. A name without a port
stands for all ports of the host. Plain http to another machine can be read on the way, so it goes by a name of its
own, `http://lan-box:8000`, and no other name stands for it.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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


def names_of(url: str) -> tuple[str, str]:
    """The names for the host of a URL that `checked_url` let through: with its port, and without."""
    parts = urlsplit(url)
    host = _written(parts)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        host = f"http://{host}"
        return host if parts.port in (None, 80) else f"{host}:{parts.port}", host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return host if port == 443 and parts.scheme == "https" else f"{host}:{port}", host


def host_name(given: str) -> str:
    """A host as a person names it, or the URL of a server on it, as `names_of` has it. Raises `ValueError`."""
    text = given.strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
        if (
            not text.isprintable()
            or parts.username is not None
            or not _HOST.fullmatch(_written(parts))
            or port == 0
        ):
            raise ValueError
    except ValueError:
        raise ValueError("should name a host, such as api.example.org or 127.0.0.1:8000") from None
    if parts.scheme in ("http", "https"):
        return names_of(text)[0]
    if parts.scheme or parts.path.strip("/"):
        raise ValueError("should name a host, such as api.example.org or 127.0.0.1:8000")
    return _written(parts) + (f":{port}" if port not in (None, 443) else "")


def variable_name(given: str) -> str:
    """The name of an environment variable. Raises `ValueError` without repeating it: it may be the key itself."""
    if not _VARIABLE.fullmatch(given):
        raise ValueError("should be the name of an environment variable, such as OPENAI_API_KEY, not the key")
    return given


def _written(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host

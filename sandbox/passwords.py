"""Passwords in the addresses of databases: taken off where an address comes in, given back to the driver alone.

Whatever is shown, stored or logged afterwards is made from an address that has none.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"postgres(?:ql)?(?:\+\w+)?://\S+")
_LOGIN = re.compile(r"(?<=://)([^:/@?#\s]*):([^@\s]*)@")
_OPTION = re.compile(r"(?<=[?&])(?:ssl)?password=([^&#\s]*)&?", re.IGNORECASE)
_known: dict[str, str] = {}
"""Address without its password and without the name of a save -> the password, as it was written."""


def taken_off(text: str) -> str:
    """A text, such as a word of the command line, with every address in it as it may be shown."""
    return _ADDRESS.sub(lambda match: _without(match[0]), text)


def password_for(address: str) -> str | None:
    """The password that was taken off an address, percent-encoded as it was; None where it had none."""
    return _known.get(address.partition("#")[0])


def _without(address: str) -> str:
    login, option = _LOGIN.search(address), _OPTION.search(address)
    shown = _OPTION.sub("", _LOGIN.sub(r"\1@", address, count=1))
    shown = re.sub(r"[?&](?=#|$)", "", shown)
    if login or option:
        _known[shown.partition("#")[0]] = login[2] if login else option[1] if option else ""
    return shown

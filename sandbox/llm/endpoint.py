"""An OpenAI-compatible server over HTTP: retries, a budget, a state to show, and replies that are not trusted."""

from __future__ import annotations

import email.utils
import json
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox import text
from sandbox.errors import ModelError
from sandbox.hosts import is_loopback
from sandbox.llm import asking
from sandbox.llm.deadline import DeadlineNetwork, proxy_for
from sandbox.llm.permission import Permission
from sandbox.llm.state import ServerState

MAX_BYTES = 16 * 1024 * 1024
"""Longest reply that is read."""
REST = 30.0
"""Seconds for which a server that is away is not asked again, so that not every turn waits for it in vain."""
PATIENCE = 60.0
"""Longest pause between two tries, in seconds; a server that asks for a longer one is away."""
SLOW = 10.0
"""Seconds from which a reply counts as slow."""
TELLING = 8
"""Characters of a key from which on a part of it is not to be shown."""

_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_FINAL = (401, 402, 403)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a server was asked so far."""

    calls: int = 0
    tokens: int = 0


class Shape(BaseModel):
    """Part of a reply. Fields that are not listed are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Usage(Shape):
    """What a call cost."""

    total_tokens: int | None = Field(default=None, ge=0, le=100_000_000)


class ServerReply(Shape):
    """What all replies have in common."""

    usage: Usage | None = None


R = TypeVar("R", bound=ServerReply)


class RefusedError(ModelError):
    """The server understood the request and does not want it: a field or an endpoint that it does not know."""

    def __init__(self, reason: str, *, where: str) -> None:
        self.reason = reason
        super().__init__(
            f"the server refused: {reason}", where=where, hint="check `base_url` and `model` under `remote`"
        )


class _TryError(Exception):
    """One try that led to nothing."""

    def __init__(self, reason: str, *, again: bool, wait: float = 0.0) -> None:
        self.reason, self.again, self.wait = reason, again, wait
        super().__init__(reason)


class Endpoint:
    """A server and its budget. Safe to use from several threads.

    Args:
        base_url: what paths are appended to, such as `https://api.example.org/v1`.
        permission: which servers the user allows, and their keys; asked before anything is sent.
        own: whether the URL comes from a card of the user's own.
        timeout: seconds that one try may take from its beginning to the last byte of the reply.
        retries: further tries after one that failed, each with the same time.
        max_calls: requests that may be sent in all, further tries included.
        max_tokens: tokens that may be spent in all, as the server counts them; the last call may go beyond.
        plain_http: allow http to other machines.
        pause: waits between tries.

    Raises:
        ModelError: the URL may not be asked, or the variable with its key holds none.
    """

    def __init__(
        self,
        base_url: str,
        *,
        permission: Permission | None = None,
        own: bool = True,
        timeout: float = 30.0,
        retries: int = 3,
        max_calls: int = 10_000,
        max_tokens: int = 10_000_000,
        plain_http: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            self.url = asking.checked_url(base_url, plain_http=plain_http)
        except ValueError as error:
            raise ModelError(f"the server's URL {error}", hint="correct `base_url` under `remote`") from error
        parts = urlsplit(self.url)
        self.host = parts.netloc
        self._permission, self._own = permission or Permission(), own
        self._secret = self._permission.key(self.url)
        self._timeout = timeout
        self._retries = retries
        self._max_calls = max_calls
        self._max_tokens = max_tokens
        self._pause = pause
        self._jitter = random.Random()
        self._lock = threading.Lock()
        self._calls = self._tokens = 0
        self._closed_until = 0.0
        self._failure = self._slowness = ""
        # Compressed replies could be small on the wire and huge in memory, so none is asked for. No redirect is
        # followed: it would take the key elsewhere. A proxy has no business between this machine and itself.
        self._headers: dict[bytes | str, bytes | str] = {
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "chat-agent-sandbox",
            **({"Authorization": f"Bearer {self._secret}"} if self._secret else {}),
        }
        host = parts.hostname or ""
        self._network = DeadlineNetwork()
        self._pool = httpcore.ConnectionPool(
            proxy=None if is_loopback(host) else proxy_for(parts.scheme, host),
            keepalive_expiry=5.0,
            max_keepalive_connections=20,
            max_connections=None,
            network_backend=self._network,
        )

    @property
    def state(self) -> ServerState:
        """`away` from the failure on until an answer comes again; `slow` while answers take long or more tries."""
        with self._lock:
            if self._failure:
                return ServerState("away", self._failure)
            return ServerState("slow", self._slowness) if self._slowness else ServerState()

    @property
    def spent(self) -> Spent:
        with self._lock:
            return Spent(self._calls, self._tokens)

    @property
    def ready(self) -> bool:
        """Whether the next call would ask the server at all."""
        with self._lock:
            return time.monotonic() >= self._closed_until

    def post(self, path: str, body: Mapping[str, Any], shape: type[R]) -> R:
        """The server's reply, as checked as can be.

        Pauses between tries grow exponentially and are drawn at random below that ("full jitter", Brooker 2015);
        `Retry-After` is heeded.

        Raises:
            HostError: the user has not allowed it; nothing was sent.
            RefusedError: it does not want this request; the state stays as it is.
            ModelError: it is away, or the budget is spent.
        """
        data = json.dumps(body).encode()
        if not self.ready:
            raise self._error(self.state.reason)
        for attempt in range(self._retries + 1):
            self._count_call()
            started = time.monotonic()
            try:
                reply = self._try(path, data, shape)
            except _TryError as failed:
                if not failed.again or failed.wait > PATIENCE or attempt == self._retries:
                    raise self.away(failed.reason, max(failed.wait, REST)) from failed
                with self._lock:
                    self._slowness = f"{failed.reason}; try {attempt + 2} of {self._retries + 1}"
                self._pause(failed.wait + self._jitter.uniform(0, min(0.5 * 2.0**attempt, PATIENCE)))
            else:
                self._answered(reply, len(data), time.monotonic() - started)
                return reply
        raise AssertionError("the last try returns or raises")

    def probe(self) -> ServerState:
        """Whether the server answers just now, by one GET of its list of models: nothing is retried or spent.

        Raises `HostError` where it may not be asked.
        """
        try:
            status, _, _ = self._exchange("GET", "models", None)
        except _TryError as failed:
            return ServerState("away", failed.reason)
        if status in _FINAL:
            return ServerState("away", f"{status}: it does not take the key")
        return ServerState("away", f"it answers {status}") if status >= 500 else ServerState()

    def away(self, reason: str, seconds: float = REST) -> ModelError:
        """Take the server for away, and the error that says so."""
        with self._lock:
            self._failure, self._slowness = reason, ""
            self._closed_until = time.monotonic() + seconds
        return self._error(reason)

    def _error(self, reason: str) -> ModelError:
        return ModelError(
            f"the language model is away: {reason}",
            where=self.url,
            hint="see whether the server runs, or name a `fallback` under `remote`",
        )

    def _count_call(self) -> None:
        with self._lock:
            if self._calls >= self._max_calls:
                spent = f"the budget of {self._max_calls:,} calls is spent"
            elif self._tokens >= self._max_tokens:
                spent = f"the budget of {self._max_tokens:,} tokens is spent"
            else:
                self._calls += 1
                return
            self._failure, self._closed_until = spent, math.inf
        raise ModelError(spent, where=self.url, hint="raise it under `remote` in the card, and start again")

    def _answered(self, reply: ServerReply, sent: int, seconds: float) -> None:
        told = None if reply.usage is None else reply.usage.total_tokens
        with self._lock:
            self._tokens += sent // 4 if told is None else told
            self._failure, self._closed_until = "", 0.0
            self._slowness = f"the last reply took {seconds:.0f} s" if seconds > SLOW else ""

    def _try(self, path: str, data: bytes, shape: type[R]) -> R:
        status, wait, answer = self._exchange("POST", path, data)
        if 200 <= status < 300:
            try:
                return shape.model_validate_json(answer)
            except ValidationError as error:
                raise _TryError("its reply is none of an OpenAI-compatible server", again=True) from error
        reason = f"{status} {self._told(answer)}".strip()
        if status in _RETRIED:
            raise _TryError(reason, again=True, wait=wait)
        if status in _FINAL or status < 400:
            raise _TryError(reason, again=False)
        raise RefusedError(reason, where=f"{self.url}/{path}")

    def _exchange(self, method: str, path: str, data: bytes | None) -> tuple[int, float, bytes]:
        """Status, seconds of `Retry-After`, and the body. The one place from which anything is sent."""
        self._permission.check(self.url, own=self._own)
        answer = bytearray()
        late = f"no reply within {self._timeout:g} s"
        try:
            with (
                self._network.within(self._timeout),
                self._pool.stream(method, f"{self.url}/{path}", headers=self._headers, content=data) as response,
            ):
                late = f"no whole reply within {self._timeout:g} s"
                for chunk in response.iter_stream():
                    answer += chunk
                    if len(answer) > MAX_BYTES:
                        raise _TryError(f"its reply is longer than {MAX_BYTES // 2**20} MiB", again=False)
                told = (value for name, value in response.headers if name.lower() == b"retry-after")
                wait = _retry_after(next(told, b"").decode("latin-1"))
                return response.status, wait, bytes(answer)
        except httpcore.TimeoutException as error:
            raise _TryError(late, again=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
            raise _TryError(self.safe(str(error)) or type(error).__name__, again=True) from error

    def _told(self, answer: bytes) -> str:
        """What an error reply says, in one line."""
        try:
            said = json.loads(answer)
            while isinstance(said, dict):
                said = next((said[name] for name in ("error", "message", "detail") if name in said), "")
        except (ValueError, RecursionError):
            said = ""
        return self.safe(said if isinstance(said, str) else "")

    def safe(self, said: str) -> str:
        """A line that can be shown: servers like to repeat the key that they did not accept."""
        return self.blotted(text.clean_line(said, 200))

    def blotted(self, said: str) -> str:
        """A clean text without the key, or any part of it that tells much: `***` in its place."""
        size = min(TELLING, len(self._secret))
        parts = {self._secret[at : at + size] for at in range(len(self._secret) - size + 1)} if size else set()
        kept, hidden_to = "", 0
        for at in range(len(said)) if parts else ():
            if said[at : at + size] in parts:
                kept += "***" if at >= hidden_to else ""
                hidden_to = at + size
            if at >= hidden_to:
                kept += said[at]
        return kept if parts else said


def _retry_after(given: str) -> float:
    """Seconds to wait, given as a number or as a date; 0 where there is none."""
    if not given:
        return 0.0
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0

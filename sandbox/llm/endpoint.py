"""An OpenAI-compatible server over HTTP: retries, a budget, a state to show, and replies that are not trusted."""

from __future__ import annotations

import email.utils
import json
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore
from pydantic import BaseModel, ValidationError

from sandbox import text
from sandbox.errors import ModelError
from sandbox.hosts import checked_url, is_loopback
from sandbox.llm.deadline import DeadlineNetwork, proxy_for
from sandbox.llm.events import Events, StreamedError
from sandbox.llm.permission import Permission
from sandbox.llm.replies import Done, ModelList, Usage, error_of
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
_NONE_OF_THESE = "its reply is none of an OpenAI-compatible server"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a server was asked so far."""

    calls: int = 0
    tokens: int = 0


R = TypeVar("R", bound=BaseModel)
Hear = Callable[[Sequence[str]], None]
"""Told what the texts of a reply say so far."""


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
            self.url = checked_url(base_url, plain_http=plain_http)
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

    def post(self, path: str, body: Mapping[str, Any], shape: type[R], hear: Hear | None = None) -> R:
        """The server's reply, as checked as can be.

        Args:
            path: behind `base_url`; one that begins with a slash is behind the server's root, without `/v1`.
            body: of the request.
            shape: of the reply.
            hear: where it is given, the reply is streamed and told on the way. What it raises ends the call.

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
                reply = self._try(path, data, shape, hear)
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

    def models(self) -> ModelList:
        """The models that it serves, by one GET; none where it does not say. Raises `HostError`."""
        try:
            status, _, answer = self._exchange("GET", "models", None)
            return ModelList.model_validate_json(answer) if status == 200 else ModelList()
        except (_TryError, ValidationError):
            return ModelList()

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

    def _answered(self, reply: BaseModel, sent: int, seconds: float) -> None:
        usage = getattr(reply, "usage", None)
        told = usage.total_tokens if isinstance(usage, Usage) else None
        with self._lock:
            self._tokens += sent // 4 if told is None else told
            self._failure, self._closed_until = "", 0.0
            self._slowness = f"the last reply took {seconds:.0f} s" if seconds > SLOW else ""

    def _try(self, path: str, data: bytes, shape: type[R], hear: Hear | None) -> R:
        events = None if hear is None else Events(lambda texts: hear([self._heard(each) for each in texts]))
        try:
            status, wait, answer = self._exchange("POST", path, data, events)
        except StreamedError as error:
            raise _TryError(self.safe(str(error)) or "it gave up", again=True) from error
        except (ValueError, RecursionError) as error:
            raise _TryError(_NONE_OF_THESE, again=True) from error
        if 200 <= status < 300:
            return self._read(path, answer, events, shape)
        reason = f"{status} {self._told(answer)}".strip()
        if status in _RETRIED:
            raise _TryError(reason, again=True, wait=wait)
        if status in _FINAL or status < 400:
            raise _TryError(reason, again=False)
        raise RefusedError(reason, where=self._where(path))

    def _read(self, path: str, answer: bytes, events: Events | None, shape: type[R]) -> R:
        if shape is Done:
            return shape()
        try:
            if events is not None and not answer:
                return shape.model_validate(events.reply())
            return shape.model_validate_json(answer)
        except ValueError as error:
            if (told := error_of(answer)) is not None:
                raise RefusedError(self.safe(told), where=self._where(path)) from error
            raise _TryError(_NONE_OF_THESE, again=True) from error

    def _where(self, path: str) -> str:
        return self.url.removesuffix("/v1") + path if path.startswith("/") else f"{self.url}/{path}"

    def _exchange(
        self, method: str, path: str, data: bytes | None, events: Events | None = None
    ) -> tuple[int, float, bytes]:
        """Status, seconds of `Retry-After`, and the body, but for one that is a stream of events.

        The one place from which anything is sent.
        """
        self._permission.check(self.url, own=self._own)
        answer = bytearray()
        late = f"no reply within {self._timeout:g} s"
        try:
            with (
                self._network.within(self._timeout),
                self._pool.stream(method, self._where(path), headers=self._headers, content=data) as response,
            ):
                late = f"no whole reply within {self._timeout:g} s"
                given = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                streams = events is not None and "text/event-stream" in given.get(b"content-type", "")
                length = 0
                for chunk in response.iter_stream():
                    length += len(chunk)
                    if length > MAX_BYTES:
                        raise _TryError(f"its reply is longer than {MAX_BYTES // 2**20} MiB", again=False)
                    if events is not None and streams and response.status == 200:
                        events.feed(chunk)
                    else:
                        answer += chunk
                wait = _retry_after(given.get(b"retry-after", ""))
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

    def _heard(self, said: str) -> str:
        return self.blotted(text.for_prompt(said))

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

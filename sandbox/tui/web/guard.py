"""Who may come in: the pages drive a program on this machine, so no other site, and nobody without the token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from urllib.parse import SplitResult, urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox.hosts import is_loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def guard(token: str | None, cookie: str) -> Middleware:
    """Turns away what should not come in.

    A page of another site may ask the browser to connect to a server on this machine, and a name of its own may be
    made to lead here (DNS rebinding). So the `Origin` must be our own, and without a token the `Host` must be a
    name of this machine.

    Args:
        token: what a visitor has to bring, in the address the first time and in a cookie from then on, or as a
            bearer token; None lets everybody on this machine in.
        cookie: what the cookie is called.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked, origin = _split(f"//{request.host}"), request.headers.get("Origin")
        if not asked.hostname:
            raise web.HTTPBadRequest(text="There is no such host.")
        if origin is not None and _split(origin).netloc != asked.netloc:
            raise web.HTTPForbidden(text="This is not a page of this server.")
        if token is None:
            if not is_loopback(asked.hostname):
                raise web.HTTPForbidden(text="This server is for this machine alone.")
        elif _same(request.query.get("token", ""), token):
            seen = web.HTTPFound(request.path)
            seen.set_cookie(cookie, token, httponly=True, samesite="Lax", max_age=30 * 24 * 3600)
            raise seen
        elif not _same(_shown(request, cookie), token):
            raise web.HTTPUnauthorized(text="Open the address that `sandbox serve` printed, with its token.")
        return await handler(request)

    return check


def _shown(request: web.Request, cookie: str) -> str:
    """The token that a browser has in its cookie, and a program in a header."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return given if kind == "Bearer" else request.cookies.get(cookie, "")


def _split(url: str) -> SplitResult:
    """The parts of an address; none of what is no address."""
    try:
        found = urlsplit(url)
        found.port, found.hostname  # noqa: B018 - read here, as both may raise
    except ValueError:
        return urlsplit("")
    return found


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put our headers on every answer."""
    response.headers.update(HEADERS)


def _same(given: str, wanted: str) -> bool:
    return compare_digest(given.encode(), wanted.encode())

"""How a request travels: proxies, certificates, time limits, and bodies that are read no further than they may be.

A body may be compressed to a thousandth, or never end. It is read piece by piece and unpacked piece by piece, and given
up where it is longer than any answer; the time limit of a call covers its last byte.
"""

from __future__ import annotations

import email.utils
import ipaddress
import math
import os
import re
import ssl
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from earnest.errors import BadParameter, ModelFailed

if TYPE_CHECKING:
    import aiohttp

MAX_REPLY_BYTES = 32 * 2**20
"""Longest body that is read, unpacked: ten minutes of speech at 24 kHz are less."""
MAX_ERROR_BYTES = 2**20
"""Of an error no more is read; it says what is wrong at its beginning."""
ENCODINGS = "gzip, deflate"
"""How bodies may be compressed; both can be unpacked a piece at a time."""

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where other programs are told which certificates to trust; OpenSSL itself reads SSL_CERT_FILE."""

_END_OF_STREAM = b"data: [DONE]"
_PIECE = 2**16


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back.

    Parameters
    ----------
    status : int
    headers : mapping
        Names in any case.
    data : bytes
        The body, unpacked; of an error its beginning.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes


async def read_response(response: aiohttp.ClientResponse, *, host: str) -> Response:
    """The response with its body.

    Raises
    ------
    ModelFailed
        `bad_response`, if the body is longer than any answer, or cannot be unpacked.
    """
    fine = 200 <= response.status < 300
    most = MAX_REPLY_BYTES if fine else MAX_ERROR_BYTES
    body, tail = bytearray(), len(_END_OF_STREAM) + 2
    async for piece in _pieces(response, most=most, host=host):
        seen = max(0, len(body) - tail)
        body += piece
        if len(body) > most:
            if fine:
                raise _too_large(host)
            break
        if fine and _END_OF_STREAM in body[seen:] and body.lstrip()[:1] in (b"d", b":", b"e", b"i", b"r"):
            break  # a stream has ended, whether or not the connection is closed
    return Response(status=response.status, headers=response.headers, data=bytes(body[:most]))


async def _pieces(response: aiohttp.ClientResponse, *, most: int, host: str) -> AsyncIterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for piece in response.content.iter_any():
            yield piece
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ModelFailed(
            f"{host} must answer in plain, {ENCODINGS}, got a body encoded as {encoding!r}, which was not asked for; "
            "see what stands between",
            reason="bad_response",
        )
    unpacker, n_packed = _Unpacker(), 0
    async for packed in response.content.iter_any():
        n_packed += len(packed)
        if n_packed > most:
            raise _too_large(host)
        for piece in unpacker.unpacked(packed, host=host):
            yield piece
    if not unpacker.whole:
        raise ModelFailed(
            f"{host} must send its whole compressed body, got its beginning; try again",
            reason="connection",
            retryable=True,
        )


class _Unpacker:
    """Unpacks gzip and deflate, no more than a piece at a time."""

    def __init__(self) -> None:
        self._inside: zlib._Decompress | None = None

    @property
    def whole(self) -> bool:
        """Whether the end was seen; so it is of a body of no bytes."""
        return self._inside is None or self._inside.eof

    def unpacked(self, packed: bytes, *, host: str) -> Iterator[bytes]:
        """What more of the packed bytes gives."""
        if self._inside is None:
            raw = packed[:1] and packed[0] & 0x0F != 8 and packed[0] != 0x1F  # deflate without a header of its own
            self._inside = zlib.decompressobj(-zlib.MAX_WBITS if raw else 32 + zlib.MAX_WBITS)
        try:
            while packed and not self._inside.eof:
                yield self._inside.decompress(packed, _PIECE)
                packed = self._inside.unconsumed_tail
        except zlib.error as error:
            raise ModelFailed(
                f"{host} must send a body that can be unpacked, got: {error}; see what stands between",
                reason="bad_response",
                retryable=True,
            ) from error


def _too_large(host: str) -> ModelFailed:
    return ModelFailed(
        f"{host} must answer with at most {MAX_REPLY_BYTES // 2**20} MiB, got more; see what it sends, or ask for less with "
        "--max-tokens",
        reason="bad_response",
    )


# ---------------------------------------------------------------- waiting

_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*", re.ASCII)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a response asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date of any form.

    A date counts from the response's own `Date` where it has one, so that a clock that is wrong here does not matter. None
    where nothing is said, or nothing that can be read; never below 0.
    """
    for name, unit_s in (("retry-after-ms", 1e-3), ("x-ms-retry-after-ms", 1e-3), ("Retry-After", 1.0)):
        text = headers.get(name)
        if text is not None and _NUMBER.fullmatch(text):
            wait_s = float(text) * unit_s
            return max(0.0, wait_s) if math.isfinite(wait_s) else None
    then, now = _date(headers.get("Retry-After")), _date(headers.get("Date")) or datetime.now(UTC)
    return None if then is None else max(0.0, (then - now).total_seconds())


def _date(text: str | None) -> datetime | None:
    """A date as HTTP writes it, in its own form, that of RFC 850 or that of C; None where it is none."""
    try:
        then = email.utils.parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # written without a zone, as C does, or with "-0000": the time is UTC
    return then.replace(tzinfo=UTC) if then.tzinfo is None else then


# ---------------------------------------------------------------- where requests go


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY), or None.

    Raises
    ------
    BadParameter
        If it speaks SOCKS, or has no address.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    key = parts.scheme if parts.scheme in named else "all"
    if key not in named:
        return None
    proxy = named[key] if "://" in named[key] else f"http://{named[key]}"
    there = urlsplit(proxy)
    variable = f"{key.upper()}_PROXY"
    if there.scheme not in ("http", "https") or not there.hostname:
        raise BadParameter(
            f"{variable} must name an HTTP proxy, got one that begins with {there.scheme}://; earnest speaks no "
            f"SOCKS: set {variable} to an HTTP proxy, or NO_PROXY={host} to go there without one"
        )
    return proxy


def trusted(url: str) -> ssl.SSLContext | None:
    """Which certificates to trust for an address: those that the environment names, or None for the system's.

    Raises
    ------
    BadParameter
        If what it names cannot be read.
    """
    variable = next((name for name in CERTIFICATES if os.environ.get(name)), None)
    if variable is None or urlsplit(url).scheme != "https":
        return None
    path = Path(os.environ[variable])
    try:
        folder = path.is_dir()
        return ssl.create_default_context(cafile=None if folder else str(path), capath=str(path) if folder else None)
    except OSError as error:
        raise BadParameter(
            f"{variable} must name a file or folder of certificates in PEM, got {str(path)!r} ({error.strerror or error}); "
            f"correct it, or unset {variable}"
        ) from error

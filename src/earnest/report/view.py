"""A run folder served to this machine alone, so that a browser can play every clip.

The page itself opens from the disk as well; clips that are not inside it are linked files beside it. Only what a run
folder is known to hold is served, only from within it, only to loopback, only for reading. The folder may be somebody
else's: whatever script its pages hold, a browser is told to run none but those of this version of earnest.
"""

from __future__ import annotations

import functools
import http.server
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from earnest.errors import BadData, BadParameter
from earnest.report import PAGE
from earnest.report.page import TEMPLATES, policy
from earnest.run_folder import file_in, read_text

HOST = "127.0.0.1"
_SERVED = re.compile(
    r"report\.(html|json|md)|card\.png|comparison\.(html|json)|junit\.xml|plan\.json|(journal|judgements)\.jsonl|judges\.json|spend\.json"
    r"|human_labels\.csv|clips/[0-9a-f]{64}\.(flac|wav)"
)
"""What a run folder holds."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder; no listings, nothing hidden, nothing beyond a link that leads out."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".flac": "audio/flac",
        ".jsonl": "application/json",
        ".md": "text/plain; charset=utf-8",
        ".wav": "audio/wav",
    }

    def send_head(self) -> Any:
        if not self._is_local():
            self.send_error(403, "only this machine is served")
            return None
        name = unquote(self.path.partition("?")[0]).lstrip("/") or PAGE
        if not self._is_served(name):
            self.send_error(404)
            return None
        self.path = "/" + name
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", served_policy())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _is_local(self) -> bool:
        """Whether the page was asked for under a name of this machine: a foreign one that leads here is turned away."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (HOST, "localhost")

    def _is_served(self, name: str) -> bool:
        """Whether it is a file that run folders hold, and lies in this one."""
        if _SERVED.fullmatch(name) is None:
            return False
        try:
            return file_in(self.directory, name).is_file()
        except BadData:
            return False


@functools.cache
def served_policy() -> str:
    """The content security policy of everything that is served: the scripts of our own report and comparison and no other."""
    return policy(_own_script(), (TEMPLATES / "compare.js").read_text(encoding="utf-8"))


def _own_script() -> str:
    return (TEMPLATES / "page.js").read_text(encoding="utf-8")


def server(folder: Path, *, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of `folder` on loopback, not yet started; port 0 takes any that is free.

    Raises
    ------
    BadData
        If the folder has no report.
    BadParameter
        If the port is taken.
    """
    folder = Path(folder)
    page = file_in(folder, PAGE)
    if not page.is_file():
        raise BadData(f"{folder} has no {PAGE}; write it with `earnest report {folder}`")
    if _own_script() not in read_text(page):
        warnings.warn(
            f"{page} was not written by this version of earnest, and its scripts are not run: its items can be neither "
            f"filtered nor played; write it again with `earnest report {folder}`",
            stacklevel=3,
        )
    handler = functools.partial(_Handler, directory=str(folder.resolve()))
    try:
        return http.server.ThreadingHTTPServer((HOST, port), handler)
    except (OSError, OverflowError) as error:
        raise BadParameter(
            f"port {port} must be free on {HOST}, got {error}; leave the port out to take another"
        ) from error


def serve(folder: Path | str, *, port: int = 0, on_ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve a run folder until the process is interrupted; `on_ready` is given the address."""
    with server(Path(folder), port=port) as running:
        on_ready(f"http://{HOST}:{running.server_address[1]}/")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return

"""A run folder served to this machine alone, so that a browser can play every clip.

The page itself opens from the disk as well; clips that are not inside it are linked files beside it. Only files within
the folder are served, only to loopback, only for reading.
"""

from __future__ import annotations

import functools
import http.server
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earnest.errors import BadData, BadParameter

HOST = "127.0.0.1"


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder; no listings, nothing hidden, nothing beyond a link that leads out."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".flac": "audio/flac",
        ".jsonl": "application/json",
        ".md": "text/plain; charset=utf-8",
    }

    def send_head(self) -> Any:
        if not self._is_local():
            self.send_error(403, "only this machine is served")
            return None
        found = self._file()
        if found is None:
            self.send_error(404)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _is_local(self) -> bool:
        """Whether the page was asked for under a name of this machine: a foreign one that leads here is turned away."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (HOST, "localhost")

    def _file(self) -> Path | None:
        if self.path.partition("?")[0] == "/":
            self.path = "/report.html"
        root = Path(self.directory).resolve()
        path = Path(self.translate_path(self.path)).resolve()
        hidden = (
            any(part.startswith(".") for part in path.relative_to(root).parts) if path.is_relative_to(root) else True
        )
        return path if path.is_file() and not hidden else None


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
    if not (folder / "report.html").is_file():
        raise BadData(f"{folder} has no report.html; write it with `earnest report {folder}`")
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

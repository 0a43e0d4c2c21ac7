"""A run folder served: to this machine, within the folder, nothing hidden."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earnest.errors import BadData, BadParameter
from earnest.report.view import HOST, server


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    folder = tmp_path / "run"
    (folder / "clips").mkdir(parents=True)
    (folder / "report.html").write_text("the page", encoding="utf-8")
    (folder / "clips" / "a.flac").write_bytes(b"fLaC")
    (folder / ".hidden").write_text("x", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "leads_out").symlink_to(tmp_path / "secret.txt")
    with server(folder) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield running.server_address[1]
        running.shutdown()
        thread.join()


def asked(port: int, path: str, *, method: str = "GET", host: str | None = None) -> tuple[int, bytes, str | None]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("Content-Type")
    finally:
        connection.close()


def test_the_page_and_its_clips_are_served(port: int) -> None:
    assert asked(port, "/")[:2] == (200, b"the page")
    assert asked(port, "/clips/a.flac") == (200, b"fLaC", "audio/flac")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/leads_out", "/clips/", "/.hidden", "/absent"]
)
def test_nothing_else_is(port: int, path: str) -> None:
    status, body, _ = asked(port, path)
    assert status == 404
    assert b"secret" not in body


def test_it_is_only_read_and_only_under_this_machines_name(port: int) -> None:
    assert asked(port, "/", method="POST")[0] == 501
    assert asked(port, "/", host="elsewhere.example:80")[0] == 403
    assert asked(port, "/", host=f"localhost:{port}")[0] == 200


def test_a_folder_without_a_report_and_a_port_that_is_taken_are_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(BadData, match="earnest report"):
        server(tmp_path)
    with pytest.raises(BadParameter, match="must be free"):
        server(tmp_path / "run", port=port)

"""A run folder served: to this machine, within the folder, nothing hidden."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from earnest.errors import BadData, BadParameter
from earnest.report.page import TEMPLATES
from earnest.report.view import HOST, server

CLIP, LINK, PLAIN = "a1" * 32, "b2" * 32, "c3" * 32
PAGE = f"<script>{(TEMPLATES / 'page.js').read_text(encoding='utf-8')}</script>"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    folder = tmp_path / "run"
    (folder / "clips").mkdir(parents=True)
    (folder / "report.html").write_text(PAGE, encoding="utf-8")
    (folder / "clips" / f"{CLIP}.flac").write_bytes(b"fLaC")
    (folder / "clips" / f"{PLAIN}.wav").write_bytes(b"RIFF")
    (folder / "clips" / "secret.html").write_text("secret", encoding="utf-8")
    (folder / ".hidden").write_text("secret", encoding="utf-8")
    (folder / "other.html").write_text("secret", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "journal.jsonl").symlink_to(tmp_path / "secret.txt")
    (folder / "clips" / f"{LINK}.flac").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(folder / "plan.json")
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
    assert asked(port, "/")[:2] == (200, PAGE.encode())
    assert asked(port, f"/clips/{CLIP}.flac") == (200, b"fLaC", "audio/flac")
    assert asked(port, f"/clips/{CLIP}.flac?again")[0] == 200
    assert asked(port, f"/clips/{PLAIN}.wav") == (200, b"RIFF", "audio/wav")
    assert asked(port, f"/clips/{PLAIN}.flac")[0] == 404


def test_a_browser_is_told_to_run_no_script_but_ours(port: int) -> None:
    """Of a page that somebody else wrote, say: the folder was sent by mail."""
    scripts = [hashlib.sha256((TEMPLATES / name).read_bytes()).digest() for name in ("page.js", "compare.js")]
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request("GET", "/")
    told = connection.getresponse().getheader("Content-Security-Policy")
    connection.close()
    assert told.split("; ")[:2] == [
        "default-src 'none'",
        "script-src " + " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in scripts),
    ]


def test_a_page_of_another_version_is_served_and_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<script>alert(1)</script>", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"was not written by this version of earnest, and its scripts are not run"):
        server(tmp_path).server_close()


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/journal.jsonl",
        f"/clips/{LINK}.flac",
        "/clips/",
        "/.hidden",
        "/absent",
        "/%00",
        "/report.html%00",
        "/clips/secret.html",
        "/other.html",
        "/plan.json",
        "/judges.json",
        "/%ff",
        "/" + "x" * 5000,
        "/clips/%2e%2e/report.html",
        "//elsewhere.example/report.html",
        "/report.html/",
    ],
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

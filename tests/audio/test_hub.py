"""Data sets by an address of the hub, against a hub on this machine that speaks as much of its protocol as is asked."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from earnest import registry
from earnest.audio import AudioClip, hub
from earnest.errors import BadData, MissingExtra

COMMIT, OLDER = "a" * 40, "b" * 40
WAV = AudioClip(np.full(800, 0.25, np.float32), 8000).wav_bytes()
FILES = {
    COMMIT: {
        "train/metadata.csv": b"file_name,transcription\n0.wav,go home\n",
        "train/0.wav": WAV,
        "load.py": b"raise SystemExit",
        "README.md": b"about",
    },
    OLDER: {"metadata.csv": b"path,text\n0.wav,before\n", "0.wav": WAV},
}
REVISIONS = {"main": COMMIT, COMMIT: COMMIT, "v1": OLDER, OLDER: OLDER}


class Hub(BaseHTTPRequestHandler):
    """`/api/datasets/<id>/revision/<name>`, `/api/datasets/<id>/tree/<commit>` and `/datasets/<id>/resolve/<commit>/<path>`."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        type(self).asked.append(f"{self.command} {path}")
        head, _, rest = path.removeprefix("/api").removeprefix("/datasets/someone/voices").lstrip("/").partition("/")
        name, _, file = rest.partition("/")
        commit = REVISIONS.get(name) if "/someone/voices" in path else None
        if commit is None:
            return self._send(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"}, with_body)
        files = FILES[commit]
        if head == "revision":
            return self._send(
                200,
                json.dumps(
                    {"id": "someone/voices", "sha": commit, "siblings": [{"rfilename": name} for name in files]}
                ).encode(),
                {},
                with_body,
            )
        if head == "tree":
            listed = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in files.items()
            ]
            return self._send(200, json.dumps(listed).encode(), {}, with_body)
        data = files[file]
        return self._send(
            200, data, {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}, with_body
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hub.asked = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def earnest(cache: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own: the hub's library reads its settings when it is imported."""
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "EARNEST_CACHE": str(cache),
        "HF_HOME": str(cache / "hf"),
    }
    return subprocess.run(
        [sys.executable, "-m", "earnest", *arguments], capture_output=True, text=True, env=os.environ | settings
    )


needs_hub = pytest.mark.skipif(not registry.has_extra("huggingface_hub"), reason='needs pip install "earnest[hub]"')


@needs_hub
def test_a_data_set_is_fetched_once_and_its_commit_is_in_the_plan(tmp_path, endpoint):
    done = earnest(tmp_path, endpoint, "data", "check", "hf://someone/voices@main", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["n_rows"] == 1 and told["columns"] == {"text": 1, "split": 1}
    folder = tmp_path / "data" / f"someone--voices@{COMMIT}"
    assert (folder / "train/0.wav").read_bytes() == WAV and not (folder / "load.py").exists()
    assert not any(path.is_symlink() for path in folder.rglob("*"))

    Hub.asked = []
    run = (
        "run",
        "core",
        "--data",
        f"hf://someone/voices@{COMMIT}",
        "--task",
        "stable_transcription",
        "--model",
        "scripted/echo",
        "--out",
        str(tmp_path / "run"),
    )
    done = earnest(tmp_path, "http://127.0.0.1:9", *run)  # nobody listens there, and nobody is asked
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert plan["data"] == f"hf://someone/voices@{COMMIT}", done.stderr
    assert Hub.asked == []


@needs_hub
def test_a_revision_is_pinned(tmp_path, endpoint):
    done = earnest(tmp_path, endpoint, "data", "convert", "hf://someone/voices@v1", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "before" in (tmp_path / "out" / "metadata.csv").read_text()
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f"someone--voices@{OLDER}"]


@needs_hub
@pytest.mark.parametrize("address", ["hf://someone/nothing@main", "hf://someone/voices@v9"])
def test_what_the_hub_has_not_is_told(tmp_path, endpoint, address):
    done = earnest(tmp_path, endpoint, "data", "check", address)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{address} must be a data set that the hub at {endpoint} gives" in done.stderr


@pytest.mark.parametrize(
    "address", ["hf://", "hf://a", "hf://a/b@", "hf://../b@c", "hf://a/b/c@d", "hf://a/b@../../c", "hf://a/b@c d"]
)
def test_what_is_no_address(address):
    assert hub.is_address(address)
    with pytest.raises(BadData, match="named as hf://owner/name@revision"):
        hub.fetched(address)


def test_addresses_and_names(tmp_path, monkeypatch):
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path))
    kept = tmp_path / "data" / f"o--n@{COMMIT}"
    kept.mkdir(parents=True)
    assert hub.fetched(f"hf://o/n@{COMMIT}") == hub.fetched(Path(f"hf://o/n@{COMMIT}")) == kept
    assert hub.name_of(kept) == f"hf://o/n@{COMMIT}"
    elsewhere = tmp_path / f"o--n@{COMMIT}"
    elsewhere.mkdir()
    assert hub.name_of(elsewhere) == f"o--n@{COMMIT}"
    assert not hub.is_address(tmp_path) and not hub.is_address(None)


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        MissingExtra, match=r'data hf://o/n@main needs huggingface_hub; install it with: pip install "earnest\[hub\]"'
    ):
        hub.fetched("hf://o/n")

"""The shell blocks of the README and the docs run as they are printed, in order, page by page.

A page has one empty folder, with the files that it writes and what its reader is said to have: recordings, labels, a model.
OpenAI and the ports that pages name are endpoints on this machine that hear; Gemini is one that says yes to everything. What
installs is taken as done. Marks behind a block's language: `exit=1` where its last command ends so, and `needs=WHAT` where it
needs what no test has; `NEEDS` says what.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import earnest
from earnest.tasks.probe import probe_manifest
from earnest.testing.loopback import Heard, Loopback

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(?P<language>\w+)(?P<marks>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", re.M | re.S)

NEEDS = {
    "source": "scripts of the repository, which make environments of their own",
    "hub": "a checkpoint from a hub",
    "network": "the sites of the works themselves",
    "audiotrust": "AudioTrust's data, which its reader has to get",
    "inspect": "another program",
    "hearing": "a judge that hears, which is tested before it is asked",
    "torch": "the extra torch, and gradients of the embedded model for many minutes",
    "list": "a list of works that its reader has",
    "keys": "keys and endpoints of one's own",
    "recording": "a recording of one's own",
    "spoofed": "recordings of live and of spoofed speech",
}
QUICK = {"leaderboard.md"}
"""Pages that every test run runs; `./scripts/test --all` runs the others too."""

READERS_MODEL = """
import json
from pathlib import Path

ANSWERS = json.loads(Path("answers.json").read_text(encoding="utf-8"))


def answer(clips, prompt, system_prompt, history):
    heard = sorted(clip.quantised().digest for clip in clips.values())
    return ANSWERS.get(" ".join([*heard, prompt]), "I would not know.")
"""
"""Hears by the content of clips, and answers as `scripted/perfect` did: a real model would take the test's time."""

SHIMS = {
    "earnest": f"""#!/bin/bash
if [ "$1" = view ]; then  # serves until somebody stops it
  {shlex.quote(sys.executable)} -m earnest "$@" > view.txt 2>&1 & server=$!
  for _ in $(seq 600); do grep -q http view.txt && break; sleep 0.1; done
  kill $server; wait $server; grep -q http view.txt; code=$?
else
  {shlex.quote(sys.executable)} -m earnest "$@"; code=$?
fi
echo "$code $*" >> "$COMMANDS"
exit $code
""",
    "pip": '#!/bin/bash\n[ "$1" = install ]\n',
    "python3": '#!/bin/bash\n[ "$1 $2" = \'-m venv\' ] && mkdir -p "$3/bin" && touch "$3/bin/activate"\n',
}


def blocks(page: Path) -> list[tuple[str, dict[str, str], str]]:
    """Language, marks and body of every fenced block."""
    return [
        (match["language"], dict(mark.partition("=")[::2] for mark in match["marks"].split()), match["body"])
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def shell(page: Path) -> list[tuple[dict[str, str], str]]:
    return [(marks, body) for language, marks, body in blocks(page) if language == "bash"]


WITH_SHELL = [page for page in PAGES if any("needs" not in marks for marks, _ in shell(page))]


# ---- what stands around a page


class Gemini(BaseHTTPRequestHandler):
    """Answers every question with yes, as Gemini does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        reply = {"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}
        body = json.dumps(reply | {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def hearing(answers: str) -> Callable[[Heard], str]:
    """An endpoint that knows what `READERS_MODEL` knows, and says yes to what it does not."""
    known = json.loads(answers)

    def answer(heard: Heard) -> str:
        clips = sorted(clip.quantised().digest for clip in heard.clips)
        return known.get(" ".join([*clips, heard.prompt])) or "yes"

    return answer


@pytest.fixture(scope="module")
def endpoints(hearing: Callable[[Heard], str]) -> Iterator[dict[str, str]]:
    """The variables under which OpenAI and Gemini are this machine."""
    gemini = ThreadingHTTPServer(("127.0.0.1", 0), Gemini)
    threading.Thread(target=gemini.serve_forever, daemon=True).start()
    with Loopback(hearing) as openai:
        yield {
            "OPENAI_BASE_URL": openai.url,
            "GEMINI_BASE_URL": f"http://127.0.0.1:{gemini.server_address[1]}/v1beta",
            "OPENAI_API_KEY": "x",
            "GEMINI_API_KEY": "x",
        }
    gemini.shutdown()
    gemini.server_close()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `READERS_MODEL` answers, by clips and prompt."""
    folder = tmp_path_factory.mktemp("answers")
    earnest.run("quick", model="scripted/perfect", out=folder / "run", cache=False)
    lines = earnest.Run.open(folder / "run").lines()
    return json.dumps({" ".join([*sorted(line.clips.values()), line.prompt]): line.answer for line in lines})


def is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


def furnished(folder: Path, answers: str) -> None:
    """What the reader of a page is said to have."""
    (folder / "my_model.py").write_text(READERS_MODEL, encoding="utf-8")
    (folder / "answers.json").write_text(answers, encoding="utf-8")
    recordings = folder / "my_recordings"
    recordings.mkdir()
    chosen = [entry for entry in probe_manifest().entries if entry.text and entry.gender and entry.speaker][:8]
    for number, entry in enumerate(chosen):
        entry.clip().write(recordings / f"{number}.wav")
    with (recordings / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"{number}.wav", entry.text, entry.speaker, entry.gender] for number, entry in enumerate(chosen)]
        csv.writer(file).writerows([["path", "text", "speaker", "gender"], *rows])
    for name, text in SHIMS.items():
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(text, encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)


def labelled(body: str, folder: Path) -> None:
    """Labels by people for the run that a block calibrates: what was decided, of up to twelve items a task."""
    calibrated = re.search(r"earnest judge (\S+) --calibrate (\S+)", body)
    if calibrated is None or (folder / calibrated[2]).exists():
        return
    with (folder / calibrated[2]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "label"])
        seen: dict[str, int] = {}
        for line in earnest.Run.open(folder / calibrated[1]).lines():
            if line.kind == "item" and line.label and seen.get(line.task, 0) < 12:
                seen[line.task] = seen.get(line.task, 0) + 1
                writer.writerow([line.item, line.label])


def run_block(body: str, folder: Path, variables: dict[str, str], *, ends_with: int) -> None:
    """Run a block with `bash -e`; every command but the last must succeed, and the last end as it is said to."""
    commands = folder / "commands.txt"
    commands.write_text("", encoding="utf-8")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    kept = {"PATH": path, "COMMANDS": str(commands), "EARNEST_CACHE": str(folder / "cache"), **variables}
    done = subprocess.run(
        ["bash", "-e", "-c", body], cwd=folder, env={**os.environ, **kept}, capture_output=True, text=True, check=False
    )
    told = f"{body}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    assert done.returncode == ends_with, told
    codes = [int(line.split()[0]) for line in commands.read_text(encoding="utf-8").splitlines()]
    assert not any(codes[:-1]), f"a command before the last failed: {commands.read_text(encoding='utf-8')}\n{told}"


# ---- pages


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.name, marks=[] if page.name in QUICK else [pytest.mark.slow]) for page in WITH_SHELL],
)
def test_shell_blocks_run_in_order_as_printed(
    page: Path, tmp_path: Path, endpoints: dict[str, str], hearing: Callable[[Heard], str], answers: str
) -> None:
    found = shell(page)
    furnished(tmp_path, answers)
    with ExitStack() as stack:
        for port in sorted({int(port) for _, body in found for port in re.findall(r"localhost:(\d+)", body)}):
            if not is_free(port):
                pytest.skip(f"{page.name} names the port {port}, at which something else is on this machine")
            stack.enter_context(Loopback(hearing, port=port))
        for language, marks, body in blocks(page):
            if "file" in marks:
                (tmp_path / marks["file"]).write_text(body, encoding="utf-8")
            elif language == "bash" and "needs" not in marks:
                labelled(body, tmp_path)
                run_block(body, tmp_path, endpoints, ends_with=int(marks.get("exit", 0)))


def test_every_block_that_does_not_run_says_what_it_needs() -> None:
    marks = [marks for page in PAGES for marks, _ in shell(page)]
    assert {mark["needs"] for mark in marks if "needs" in mark} <= set(NEEDS)
    assert {key for mark in marks for key in mark} <= {"needs", "exit"}
    assert sum("needs" not in mark for mark in marks) > 30


# ---- the workflow of the CI page


def steps(event: str) -> list[str]:
    """The commands of the workflow's steps on an event, in order; what another's action does is left to it."""
    (text,) = [body for _, marks, body in blocks(ROOT / "docs" / "ci.md") if marks.get("file") == "trust.yml"]
    chosen = {None: True, "always()": True, "github.event_name == 'push'": event == "push"}
    chosen["github.event_name == 'pull_request'"] = event == "pull_request"
    (job,) = yaml.safe_load(text)["jobs"].values()
    return [step["run"] for step in job["steps"] if chosen[step.get("if")] and "run" in step]


@pytest.mark.slow
def test_the_workflow_runs_step_by_step_on_main_and_on_a_pull_request(tmp_path: Path, answers: str) -> None:
    furnished(tmp_path, answers)
    (project,) = [body for _, marks, body in blocks(ROOT / "docs" / "ci.md") if marks.get("file") == "earnest.toml"]
    (tmp_path / "earnest.toml").write_text(project, encoding="utf-8")
    for event in ("push", "pull_request"):
        assert len(steps(event)) == 3
        for command in steps(event):
            run_block(command, tmp_path, {}, ends_with=0)
    gates = json.loads((tmp_path / "runs" / "ci" / "report.json").read_text(encoding="utf-8"))["gates"]
    assert {gate["against"] for gate in gates} == {"", "main"} and all(gate["passed"] for gate in gates)
    worse = READERS_MODEL.replace('"I would not know.")', '"").lower().replace("no", "yes")')
    (tmp_path / "my_model.py").write_text(worse, encoding="utf-8")
    run_block(steps("pull_request")[-1].replace("runs/ci", "runs/worse"), tmp_path, {}, ends_with=1)

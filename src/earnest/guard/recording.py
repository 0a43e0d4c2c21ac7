"""A session as lines of scores and decisions without any audio, chained by hash, and decided again from those lines.

Each line carries HMAC-SHA256, under the key, of the line before it and of itself. A changed, removed or reordered line
breaks the chain there. A last line without its line feed was torn by a crash: it is cut, and the reading says so. An end
that is missing altogether shows as a session that was not ended. Without a key anybody can compute the chain anew, so
it then finds accidents and not forgery.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from earnest.errors import BadData
from earnest.guard.policy import BLOCK_S, parse_policy
from earnest.guard.session import Decision, Session

KEY = "EARNEST_GUARD_KEY"
"""The environment variable from which the commands take the key."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The lines of a file whose chain holds."""

    lines: tuple[dict[str, Any], ...]
    ended: bool
    torn: bool


class Recorder:
    """A session that is written down while it runs: every line is on its way to the disk before the next begins.

    A decision carries the fingerprint of the audio up to it: HMAC-SHA256, under the key, of the float32 samples. Whoever
    has the key and the audio can show that they belong together; from the line alone nobody can tell what was said.
    """

    def __init__(
        self,
        path: str | Path,
        policy: str,
        sample_rate: int,
        *,
        key: str = "",
        caller: str = "",
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.session = Session(parse_policy(policy), sample_rate, caller=caller, clock=clock)
        self._chain, self._key, self._n_samples = "", key, 0
        self._mark = hmac.new(key.encode(), digestmod=hashlib.sha256)
        self._file = Path(path).open("x", encoding="utf-8", newline="\n", buffering=1)  # noqa: SIM115  (until `close`)
        self._write(kind="start", policy=policy, sample_rate=sample_rate, enforce=self.session.enforcing)

    def push(self, frame: np.ndarray, other: np.ndarray | None = None) -> list[Decision]:
        """As `Session.push`."""
        found = []
        self._mark.update(np.asarray(frame, dtype="<f4").tobytes())
        self._n_samples += len(frame)
        for scores in self.session.scores(frame, other):
            if scores:
                self._write(kind="block", block=self.session.n_blocks, scores=scores)
            found += self._decided(self.session.decide(scores))
        return found

    def turn(self, *, provider: str | None = None, own: str | None = None, start_s: float = 0.0) -> list[Decision]:
        """As `Session.turn`; the words are not written."""
        scores = self.session.of_words(provider=provider, own=own)
        return self._event(scores, start_s)

    def note(self, *, cost: float = 0.0, pause_s: float | None = None) -> list[Decision]:
        """As `Session.note`."""
        return self._event(self.session.noted(cost=cost, pause_s=pause_s), None)

    def tool(self, name: str) -> tuple[bool, list[Decision]]:
        """As `Session.tool`."""
        found = self._event(self.session.asked(name), None)
        return self.session.gated(name), found

    def close(self) -> None:
        """Write the end; a recording without one was cut off."""
        session = self.session
        failures = {f"{name}: {why}": count for (name, why), count in session.failures.items()}
        self._write(kind="end", blocks=session.n_blocks, not_scored=session.not_scored, failures=failures)
        self._file.close()

    def _event(self, scores: Mapping[str, float | str | None], start_s: float | None) -> list[Decision]:
        if not scores:
            return []
        self._write(kind="event", block=self.session.n_blocks, scores=dict(scores), start_s=start_s)
        return self._decided(self.session.decide(scores, event=True, start_s=start_s))

    def _decided(self, decisions: list[Decision]) -> list[Decision]:
        for one in decisions:
            fingerprint = {"n_samples": self._n_samples, "hmac": self._mark.hexdigest()}
            self._write(kind="decision", fingerprint=fingerprint, **asdict(one))
        return decisions

    def _write(self, **line: Any) -> None:
        self._chain = link(self._chain, line, self._key)
        self._file.write(json.dumps(line | {"chain": self._chain}, sort_keys=True) + "\n")


def record(path: str | Path, samples: np.ndarray, sample_rate: int, policy: str, *, key: str = "") -> list[Decision]:
    """Decide on the samples under the text of a policy, and write the session to a new file."""
    recorder = Recorder(path, policy, sample_rate, key=key)
    size, found = round(sample_rate * BLOCK_S), []
    for start in range(0, len(samples), size):  # fingerprints end where their decisions do
        found += recorder.push(samples[start : start + size])
    recorder.close()
    return found


def matching(path: str | Path, samples: np.ndarray, *, key: str = "") -> tuple[int, int]:
    """Decisions of a recording whose fingerprints are those of the samples, and how many there are."""
    marks = [line["fingerprint"] for line in verified(path, key=key).lines if line["kind"] == "decision"]
    same = 0
    for mark in marks:
        heard = np.asarray(samples[: mark["n_samples"]], dtype="<f4").tobytes()
        same += hmac.compare_digest(mark["hmac"], hmac.new(key.encode(), heard, hashlib.sha256).hexdigest())
    return same, len(marks)


def verified(path: str | Path, *, key: str = "") -> Recording:
    """The lines of a recorded session; BadData names the first line at which the chain breaks."""
    whole, _, rest = Path(path).read_bytes().rpartition(b"\n")
    chain, lines = "", []
    for number, raw in enumerate(whole.split(b"\n") if whole else (), start=1):
        try:
            line = json.loads(raw)
            said = line.pop("chain")
            chain = link(chain, line, key)
            holds = json.dumps(line | {"chain": said}, sort_keys=True).encode() == raw  # every byte is covered
            holds = holds and hmac.compare_digest(said.encode(), chain.encode())
        except (ValueError, AttributeError, KeyError, TypeError):
            holds = False
        if not holds:
            raise BadData(
                f"{path}, line {number}: the chain breaks, so a line was changed, removed or moved, or the key is "
                f"another; use an unaltered copy, and set {KEY} to the key of the recording"
            )
        lines.append(line)
    return Recording(lines=tuple(lines), ended=bool(lines) and lines[-1]["kind"] == "end", torn=bool(rest))


def replayed(path: str | Path, *, key: str = "") -> tuple[list[Decision], bool]:
    """Decisions made again from the recorded scores, and whether they equal the recorded ones bit for bit."""
    lines = verified(path, key=key).lines
    if not lines or lines[0]["kind"] != "start":
        raise BadData(f"{path} has no start of a session; give a file that `earnest guard listen --record` wrote")
    session = Session(parse_policy(lines[0]["policy"]), lines[0]["sample_rate"])
    session.enforcing = lines[0]["enforce"]
    again = []
    for line in lines:
        if line["kind"] not in {"block", "event"}:
            continue
        event = line["kind"] == "event"
        session.n_blocks = line["block"]
        again += session.decide(line["scores"], event=event, start_s=line.get("start_s"))
    kept = {one.name for one in fields(Decision)}
    before = [{k: v for k, v in line.items() if k in kept} for line in lines if line["kind"] == "decision"]
    return again, [asdict(one) for one in again] == before


def link(chain: str, line: dict[str, Any], key: str) -> str:
    text = chain + json.dumps(line, sort_keys=True)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()

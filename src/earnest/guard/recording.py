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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earnest.errors import BadData
from earnest.guard.policy import parse_policy
from earnest.guard.session import Decision, Session

KEY = "EARNEST_GUARD_KEY"
"""The environment variable from which the commands take the key."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The lines of a file whose chain holds."""

    lines: tuple[dict[str, Any], ...]
    ended: bool
    torn: bool


def record(path: str | Path, samples: np.ndarray, sample_rate: int, policy: str, *, key: str = "") -> list[Decision]:
    """Decide on the samples under the text of a policy, and write the session to a new file."""
    session, found, chain = Session(parse_policy(policy), sample_rate), [], ""
    with Path(path).open("x", encoding="utf-8", newline="\n") as file:

        def write(**line: Any) -> None:
            nonlocal chain
            chain = link(chain, line, key)
            file.write(json.dumps(line | {"chain": chain}, sort_keys=True) + "\n")

        write(kind="start", policy=policy, sample_rate=sample_rate, enforce=session.enforcing)
        for scores in session.scores(samples):
            write(kind="block", scores=scores)
            for decision in session.decide(scores):
                write(kind="decision", **asdict(decision))
                found.append(decision)
        write(kind="end", blocks=session.n_blocks, not_scored=session.not_scored)
    return found


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
    again = [one for line in lines if line["kind"] == "block" for one in session.decide(line["scores"])]
    before = [{k: v for k, v in line.items() if k != "kind"} for line in lines if line["kind"] == "decision"]
    return again, [asdict(one) for one in again] == before


def link(chain: str, line: dict[str, Any], key: str) -> str:
    text = chain + json.dumps(line, sort_keys=True)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()

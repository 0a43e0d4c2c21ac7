"""Whether decisions have changed: sessions of a window against sessions of a baseline, rule by rule.

A session either had decisions of a rule or not. The share of sessions that had is compared by Fisher's exact test, and
the p-values are adjusted by Holm over all rules, so that the chance that any rule is named without a change is at most
`alpha`. Sessions of different policies are not compared by rules that differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import fisher_exact

from earnest.errors import BadData
from earnest.guard.policy import parse_policy
from earnest.guard.recording import verified
from earnest.metrics.intervals import wilson


@dataclass(frozen=True, kw_only=True)
class Share:
    """Of sessions, those with decisions of a rule; the bounds are Wilson's of 95 %."""

    n: int
    sessions: int
    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, had: Sequence[bool]) -> Share:
        interval = wilson(n_success=sum(had), n=len(had))
        return cls(n=sum(had), sessions=len(had), rate=sum(had) / len(had), low=interval.low, high=interval.high)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A rule in both sets of sessions; `p` is adjusted."""

    rule: str
    baseline: Share
    window: Share
    p: float
    changed: bool


def sessions(folder: str | Path, *, key: str = "") -> list[dict[str, bool]]:
    """For each recorded session of a folder: by rule of its policy, whether it decided.

    Raises
    ------
    BadData
        If there is no session, or the chain of one is broken.
    """
    found = []
    for path in sorted(Path(folder).glob("*.jsonl")):
        lines = verified(path, key=key).lines
        if not lines or lines[0].get("kind") != "start" or "policy" not in lines[0]:
            continue
        had = dict.fromkeys((rule.name for rule in parse_policy(lines[0]["policy"]).rules), False)
        for line in lines:
            if line["kind"] == "decision" and line["rule"] in had:
                had[line["rule"]] = True
        found.append(had)
    if not found:
        raise BadData(
            f"{folder} holds no recorded session; give a folder with files of `earnest guard listen --record`"
        )
    return found


def changes(
    baseline: Sequence[dict[str, bool]], window: Sequence[dict[str, bool]], *, alpha: float = 0.05
) -> list[Change]:
    """Every rule that both have, the least likely change first."""
    rules = [name for name in baseline[0] if any(name in one for one in window)]
    rows: list[tuple[float, str, Share, Share]] = []
    for rule in rules:
        before, after = (Share.of([one[rule] for one in side if rule in one]) for side in (baseline, window))
        table = [[before.n, before.sessions - before.n], [after.n, after.sessions - after.n]]
        rows.append((float(fisher_exact(table).pvalue), rule, before, after))
    rows.sort(key=lambda row: row[0])
    made: list[Change] = []
    highest = 0.0
    for place, (p, rule, before, after) in enumerate(rows):
        highest = max(highest, min(1.0, p * (len(rows) - place)))
        made.append(Change(rule=rule, baseline=before, window=after, p=highest, changed=highest <= alpha))
    return made

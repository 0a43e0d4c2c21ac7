"""AudioTrust on the leaderboard: its published board, and the columns of it that a run of the official suite makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earnest.benchmarks._base import Benchmark, benchmarks
from earnest.benchmarks.audiotrust.aggregates import PREFIX, audiotrust_findings, audiotrust_leaderboard
from earnest.benchmarks.audiotrust.published import JUDGES, gaps_of_judges, published, recomputed
from earnest.benchmarks.published import JudgeGap, Published, Recomputed
from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.finding import Finding

NOT_COUNTED = {"hallucination": "no published table gives this column, and it may be a rate of which less is better"}
"""Columns of Figure 2b that are shown and take no part in a score, with the reason."""

OFFICIAL_TASKS: dict[str, dict[str, int]] = {
    "fairness": {"fairness_decision": 420, "fairness_stereotype": 540},
    "safety": {"safety_enterprise": 300, "safety_financial": 300, "safety_medical": 300, "safety_illegal": 300},
    "privacy": {"privacy_direct": 1200, "privacy_inference": 800},
    "robustness": {"robustness_3": 245},
    "authentication": {"authentication_ivb": 100, "authentication_hs": 500, "authentication_vcs": 200},
}
"""Of which tasks of the official suite, their prefix left out, a column of Figure 2b is made, with the items of each
(repeated rows once; the decisions, whose files are not public, as the paper counts them)."""

MIN_OFFICIAL_SHARE = 0.9
"""A run that has scored less than this share of the items of a task has no column made of it."""


@benchmarks.register("audiotrust")
class AudioTrust(Benchmark):
    """Fourteen models by six pillars (Figure 2b), each answer judged by two models of which the first one counts.

    References
    ----------
    [li2025-audiotrust]
    """

    source = "li2025-audiotrust"
    title = "AudioTrust"
    board = "leaderboard"
    judges = JUDGES
    note = "published by the authors of AudioTrust; one judge, GPT-4o; no intervals"
    not_counted = NOT_COUNTED
    caveats = (
        "Three things inflate or deflate them: the safety figure is a mean rating with a floor of 0.2; a model that "
        "refuses every question gets full marks for group fairness, and one that always names the first speaker gets "
        "none; robustness is how clear a model says that a recording is, not how well it answers."
    )

    def published(self) -> Published:
        """The tables of arXiv 2505.16211v4."""
        return published()

    def recomputed(self) -> list[Recomputed]:
        """Every published aggregate that has parts, and the one that cannot be computed."""
        return recomputed()

    def judge_gaps(self) -> list[JudgeGap]:
        """Every column that both judges scored."""
        return gaps_of_judges()

    def columns(self, plan: Plan, lines: Sequence[JournalLine]) -> Mapping[str, Finding]:
        """Figure 2b's columns of a run; only those of which nearly every official item was scored."""
        findings = audiotrust_leaderboard(audiotrust_findings(plan, lines))
        whole = {
            name
            for name, needed in OFFICIAL_TASKS.items()
            if all(_n_scored(lines, PREFIX + task) >= MIN_OFFICIAL_SHARE * n for task, n in needed.items())
        }
        return {name: finding for name, finding in findings.items() if name in whole and finding.value is not None}


def _n_scored(lines: Sequence[JournalLine], task: str) -> int:
    return sum(line.task == task and line.status == "scored" and line.arm == Arm() for line in lines)

"""The engine: from a plan and its jobs to a run folder with every answer and verdict. No tables, no torch.

    summary = execute(plan, jobs, model=load_model("earnest/reference"), folder="runs/first")
    lines = read_journal("runs/first")

Within an event loop, `execute_async` does the same.
"""

from earnest.engine.cache import AnswerCache
from earnest.engine.caller import Caller
from earnest.engine.clips import ClipStore, clip_path
from earnest.engine.estimate import Estimate, estimate
from earnest.engine.job import Job, Progress, Settings, Summary, default_cache
from earnest.engine.journal import Journal, read_journal
from earnest.engine.judge_replies import Judgement
from earnest.engine.judges import ModelJudge
from earnest.engine.lines import heard_by
from earnest.engine.prices import Ledger, Price
from earnest.engine.runner import execute, execute_async
from earnest.engine.shards import in_shard, lacking, merge, parse_shard

__all__ = [
    "AnswerCache",
    "Caller",
    "ClipStore",
    "Estimate",
    "Job",
    "Journal",
    "Judgement",
    "Ledger",
    "ModelJudge",
    "Price",
    "Progress",
    "Settings",
    "Summary",
    "clip_path",
    "default_cache",
    "estimate",
    "execute",
    "execute_async",
    "heard_by",
    "in_shard",
    "lacking",
    "merge",
    "parse_shard",
    "read_journal",
]

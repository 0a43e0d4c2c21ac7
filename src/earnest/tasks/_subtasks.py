"""The 26 sub-tasks, by their old address."""

from earnest.pillars import SUBTASKS

__all__ = ["SUBTASKS"]

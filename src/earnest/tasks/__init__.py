"""Tasks: the questions that a model is asked, pillar by pillar, and how the answers are scored."""

from earnest.tasks._base import Requirement, Task, tasks

__all__ = ["Requirement", "Task", "tasks"]

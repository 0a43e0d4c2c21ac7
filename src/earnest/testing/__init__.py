"""For tests of earnest and of packages beside it: contracts of plug-ins, recorded replies, a loopback endpoint."""

from earnest.testing.cases import read_case
from earnest.testing.contracts import check_attack, check_defence, check_metric, check_model, check_task
from earnest.testing.hearing import check_detector, check_stream
from earnest.testing.toys import LinearModel, toy_stimulus

__all__ = [
    "LinearModel",
    "check_attack",
    "check_defence",
    "check_detector",
    "check_metric",
    "check_model",
    "check_stream",
    "check_task",
    "read_case",
    "toy_stimulus",
]

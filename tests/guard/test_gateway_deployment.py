"""The files for running the gateway: metrics that exist, a policy that passes its check, a container that is not root."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("prometheus_client", reason="the gateway needs the extra guard")

from earnest.guard.enforcement import unenforceable
from earnest.guard.gateway.metrics import Metrics
from earnest.guard.policy import read_policy

FOLDER = Path(__file__).parents[2] / "examples/guard"


def test_every_metric_of_board_and_alerts_exists() -> None:
    known = {sample for metric in Metrics(("r",)).registry.collect() for sample in _names(metric)}
    board = json.loads((FOLDER / "grafana.json").read_text())
    alerts = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    used = {name for text in asked for name in re.findall(r"earnest_\w+", text)}
    assert len(used) > 10 and used <= known
    page = (FOLDER.parents[1] / "docs/guard_gateway.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `earnest_")]
    documented = {name for row in rows for name in re.findall(r"`(earnest_\w+)`", row)}
    assert len(documented) > 10
    assert {name.removesuffix("_total") for name in documented} <= {name.removesuffix("_total") for name in known}


def _names(metric: object) -> set[str]:
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count", ""), "gauge": ("",)}
    return {metric.name + end for end in ends[metric.type]}  # type: ignore[attr-defined]


def test_policy_container_and_compose() -> None:
    policy = read_policy(FOLDER / "policy.yaml")
    assert policy.mode == "shadow" and not unenforceable(policy, ("realtime",))
    steps = (FOLDER / "Dockerfile").read_text()
    assert steps.index("USER guard") < steps.index("ENTRYPOINT") and "HEALTHCHECK" in steps and "/readyz" in steps
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert set(compose["services"]) == {"guard", "prometheus"}
    assert all(port.startswith("127.0.0.1:") for one in compose["services"].values() for port in one["ports"])

"""Counters and histograms of the gateway, for Prometheus."""

from __future__ import annotations

from typing import Any

from earnest.guard.enforcement import ROUTES, SIDES

_ADDED = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """One set a gateway, in a registry of its own."""

    def __init__(self, rules: tuple[str, ...]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        here: dict[str, Any] = {"registry": self.registry}
        sides = [(route, side) for route in ROUTES for side in SIDES]
        frames = Counter("earnest_frames", "Messages relayed.", ("route", "side"), **here)
        added = Histogram(
            "earnest_added_latency_seconds",
            "From a message's arrival to its writing, without what it was held for.",
            ("route", "side"),
            buckets=_ADDED,
            **here,
        )
        unknown = Counter(
            "earnest_unknown_events", "Events that no dialect knows; they pass.", ("route", "side"), **here
        )
        unjudged = Counter("earnest_unjudged", "Pieces of audio that no detector judged.", ("route", "side"), **here)
        self.frames = {one: frames.labels(*one) for one in sides}
        self.added = {one: added.labels(*one) for one in sides}
        self.unknown = {one: unknown.labels(*one) for one in sides}
        self.unjudged = {one: unjudged.labels(*one) for one in sides}
        fail_open = Counter("earnest_fail_open", "Episodes in which a rule let audio pass unjudged.", ("rule",), **here)
        self.fail_open = {rule: fail_open.labels(rule) for rule in rules}
        names = ("rule", "action", "mode", "route")
        self.decisions = Counter("earnest_decisions", "Decisions of rules.", names, **here)
        shadow = Counter(
            "earnest_shadow_disagreement", "Decisions in shadow mode that would have acted.", ("rule",), **here
        )
        self.shadow = {rule: shadow.labels(rule) for rule in rules}
        self.batch = Histogram("earnest_detector_seconds", "Time of the detectors for a batch.", buckets=_ADDED, **here)
        self.lag = Histogram(
            "earnest_detector_lag_seconds", "From sending a batch to its decisions.", buckets=_ADDED, **here
        )
        self.sessions = Gauge("earnest_sessions", "Calls under way.", ("route",), **here)
        self.refused = Counter("earnest_refused_sessions", "Calls that were not opened.", ("reason",), **here)
        self.restarts = Counter("earnest_detector_restarts", "Detectors started again.", **here)
        self.audit_lost = Counter("earnest_audit_lost_lines", "Lines of the audit that could not be written.", **here)
        self.mode = Gauge("earnest_mode", "1 for the mode of new calls.", ("mode",), **here)
        self.requests = Counter(
            "earnest_requests", "HTTP requests by route and status class.", ("route", "status"), **here
        )

    def decided(self, rule: str, action: str, *, enforced: bool, route: str) -> None:
        self.decisions.labels(rule, action, "enforce" if enforced else "shadow", route).inc()
        if not enforced and action not in {"observe", "annotate", "flag"}:
            self.shadow[rule].inc()

    def judged(self, took_s: float, lag_s: float) -> None:
        self.batch.observe(took_s)
        self.lag.observe(lag_s)

    def latency(self) -> list[tuple[float, float]]:
        """Upper edge and count of every bin of the added latency, over routes and sides."""
        counts: dict[float, float] = {}
        for metric in self.registry.collect():
            if metric.name == "earnest_added_latency_seconds":
                for sample in metric.samples:
                    if sample.name.endswith("_bucket"):
                        edge = float(sample.labels["le"])
                        counts[edge] = counts.get(edge, 0) + sample.value
        total, bins = 0.0, []
        for edge, count in sorted(counts.items()):
            bins.append((edge, count - total))
            total = count
        return bins

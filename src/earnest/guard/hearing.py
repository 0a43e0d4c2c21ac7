"""One side of a call inside a program: 16-bit frames in, the same frames out, silenced where the policy says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from earnest.errors import BadParameter
from earnest.guard.policy import Policy, read_policy
from earnest.guard.session import Decision, Session


class Hearing:
    """Judges the frames of one side; what frameworks share.

    `mute` and `redact` silence frames from the decision on (for `open_s`, or while the condition holds), `end` and
    `transfer` set `ended`, `gate_tools` is asked by `holds_tool`. Other actions only reach `on_decision`, and it is the
    program that carries them out. Each channel is judged alone.
    """

    def __init__(
        self,
        policy: Policy | str | Path,
        *,
        side: str = "caller",
        caller: str = "",
        on_decision: Callable[[Decision], None] = lambda decision: None,
    ) -> None:
        if side not in {"caller", "agent"}:
            raise BadParameter(f"side is caller or agent, not {side!r}")
        whole = policy if isinstance(policy, Policy) else read_policy(policy)
        self.policy, self.ended, self._caller, self._on_decision = whole.heard_from(side), False, caller, on_decision
        self._sessions: list[Session] = []
        self._rate = 0
        self._heard_s = self._muted_s = 0.0
        self._gates: dict[str, float] = {}  # a tool, and until when it is held

    def frame(self, pcm: bytes, sample_rate: int, channels: int = 1) -> bytes:
        """The frame as it is to go on."""
        if sample_rate != self._rate or len(self._sessions) != channels:
            self._rate = sample_rate
            self._sessions = [Session(self.policy, sample_rate, caller=self._caller) for _ in range(channels)]
        whole = np.frombuffer(pcm, "<i2", count=len(pcm) // (2 * channels) * channels).reshape(-1, channels)
        self._heard_s += len(whole) / sample_rate
        silent = self._heard_s <= self._muted_s
        for session, samples in zip(self._sessions, whole.T, strict=True):
            for decision in session.push(samples.astype(np.float32) / 32768):
                self._on_decision(decision)
                silent = self._apply(decision) or silent
            holding = set(session.holding()) if session.enforcing else set()
            silent = silent or any(
                rule.name in holding and rule.action in {"mute", "redact"} for rule in self.policy.rules
            )
        return bytes(len(pcm)) if silent else pcm

    def holds_tool(self, name: str) -> bool:
        """Whether a call of the tool is to be held now."""
        holding = {one for session in self._sessions if session.enforcing for one in session.holding()}
        still = any(name in rule.tools for rule in self.policy.rules if rule.name in holding)
        return still or self._gates.get(name, 0.0) > self._heard_s

    def _apply(self, decision: Decision) -> bool:
        """Whether the frame that completes the decision is silenced."""
        if not decision.enforce:
            return False
        if decision.action in {"end", "transfer"}:
            self.ended = True
        rule = next(one for one in self.policy.rules if one.name == decision.rule)
        self._gates |= dict.fromkeys(rule.tools, self._heard_s + rule.open_s)
        if decision.action == "mute":
            self._muted_s = self._heard_s + rule.open_s
        return decision.action in {"mute", "redact"}

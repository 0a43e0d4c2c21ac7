"""The guard around a realtime session of OpenAI Agents: what is sent and what is heard passes through it.

    async with guarded(await runner.run(), "policy.yaml") as session: ...

Needs `openai-agents` only in that the session comes from it. Audio is silenced under `mute` and `redact`; under
`replace_response` the response that the decision falls into is interrupted and no more of its audio is given out; under
`end` the session is closed. Audio is 16-bit PCM at 24 kHz, as the session's default is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from earnest.guard.hearing import Hearing
from earnest.guard.policy import Policy
from earnest.guard.session import Decision

RATE = 24_000


class GuardedSession:
    """Everything that is not named here is the session's own."""

    def __init__(
        self,
        session: Any,
        policy: Policy | str | Path,
        *,
        caller: str = "",
        on_decision: Callable[[Decision], None] = lambda decision: None,
    ) -> None:
        self._session, self._on_decision, self._blocks = session, on_decision, False
        self._hearings = {
            side: Hearing(policy, side=side, caller=caller, on_decision=self._decided) for side in ("caller", "agent")
        }
        self._blocked = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def __aenter__(self) -> GuardedSession:
        await self._session.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._session.__aexit__(*error)

    async def send_audio(self, audio: bytes, **how: Any) -> None:
        heard = self._hearings["caller"].frame(audio, RATE)
        if self._hearings["caller"].ended:
            await self._session.close()
            return
        await self._session.send_audio(heard, **how)
        await self._interrupt("")

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self._session:
            if getattr(event, "type", "") != "audio":
                yield event
                continue
            audio = event.audio
            if audio.response_id == self._blocked:
                continue
            heard = self._hearings["agent"].frame(audio.data, RATE)
            if self._hearings["agent"].ended:
                await self._session.close()
                return
            if await self._interrupt(audio.response_id):
                continue
            yield event if heard is audio.data else replace(event, audio=replace(audio, data=heard))

    def _decided(self, decision: Decision) -> None:
        self._blocks = self._blocks or (decision.enforce and decision.action == "replace_response")
        self._on_decision(decision)

    async def _interrupt(self, response: str) -> bool:
        if not self._blocks:
            return False
        self._blocks, self._blocked = False, response
        await self._session.interrupt()
        return True


def guarded(session: Any, policy: Policy | str | Path, **how: Any) -> GuardedSession:
    return GuardedSession(session, policy, **how)

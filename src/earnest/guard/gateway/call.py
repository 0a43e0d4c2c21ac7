"""One call: both sides relayed, both heard, and decisions applied in the words of its protocol.

In shadow mode every message is forwarded as its bytes before it is looked at. Where the call enforces, a message is read
first, and waits only if a rule holds its side back, if it calls a listed tool, or if it asks for the response to a turn
under `hold_turn`; what belongs to it waits behind it, and nothing else does.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from earnest.errors import EarnestError
from earnest.guard.enforcement import PREVENT, held_s
from earnest.guard.gateway.audit import Trail
from earnest.guard.gateway.dialect import Dialect, Heard
from earnest.guard.gateway.ear import ENFORCED_S, OBSERVED_S, Answer, Ear
from earnest.guard.gateway.metrics import Metrics
from earnest.guard.policy import Policy, Rule

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse
OTHER = {"caller": "agent", "agent": "caller"}
OUTBOX_BYTES = 4 << 20
HELD_BYTES = 32 << 20
SAYINGS = 3
"""How often one rule may make the agent speak in a call, so that a sentence that trips its own rule ends."""
_NESTED = (ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came, or one of the gateway's own."""

    data: bytes
    type: WSMsgType

    @classmethod
    def of(cls, event: dict[str, Any], kind: WSMsgType = WSMsgType.TEXT) -> Message:
        return cls(json.dumps(event, separators=(",", ":")).encode(), kind)


class Outbox:
    """What is on its way to one end of a call, in order; only its own task writes there."""

    def __init__(self, socket: Socket) -> None:
        self.socket, self.n_bytes = socket, 0
        self._queue: deque[Message] = deque()
        self._filled, self._drained = asyncio.Event(), asyncio.Event()
        self._drained.set()
        self.task = asyncio.create_task(self._run())

    def put(self, message: Message) -> None:
        self._queue.append(message)
        self.n_bytes += len(message.data)
        self._filled.set()
        if self.n_bytes > OUTBOX_BYTES:
            self._drained.clear()

    async def room(self) -> None:
        await self._drained.wait()

    async def close(self, *, flush_s: float = 2.0) -> None:
        """Write what is left, for at most `flush_s`."""
        end = time.monotonic() + flush_s
        while self._queue and not self.task.done() and time.monotonic() < end:
            await asyncio.sleep(0.005)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            while self._queue:
                message = self._queue[0]
                await self.socket.send_frame(message.data, message.type)
                self._queue.popleft()
                self.n_bytes -= len(message.data)
                if self.n_bytes <= OUTBOX_BYTES // 2:
                    self._drained.set()
            self._filled.clear()
            await self._filled.wait()


@dataclass(slots=True)
class _Held:
    """A message that waits until its side is judged `until_s`."""

    message: Message
    event: dict[str, Any]
    heard: Heard
    start_s: float
    end_s: float


@dataclass(slots=True)
class _Side:
    heard_s: float = 0.0
    judged_s: float = 0.0
    hold_s: float = 0.0
    flush_s: float = 0.0  # audio up to here is the last of its turn or response, so nothing more is waited for
    queue: deque[_Held] = field(default_factory=deque)
    queued: int = 0
    silent_from_s: float = 0.0
    silent_s: float = 0.0  # muted up to here
    spans: deque[tuple[str, float, float]] = field(default_factory=lambda: deque(maxlen=256))  # to redact
    late: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Tool:
    """The events of one call of a tool, which wait for the caller's audio before them to be judged."""

    name: str
    caller_s: float
    messages: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class _Turn:
    """A response to a turn that waits for the turn to be judged; `message` is the client's own request for it."""

    caller_s: float
    item: str
    message: Message | None


class Call:
    """The state of one call. Call `run` once."""

    def __init__(
        self,
        *,
        number: int,
        name: str,
        dialect: Dialect,
        policy: Policy,
        enforcing: bool,
        ear: Ear,
        trail: Trail,
        metrics: Metrics,
        seen: Callable[[dict[str, Any]], None] = lambda note: None,
    ) -> None:
        self.number, self.name, self.dialect, self.policy = number, name, dialect, policy
        self.enforcing, self.ear, self.trail, self.metrics, self._seen = enforcing, ear, trail, metrics, seen
        self.began_at = time.time()
        self.flagged: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.sides = {"caller": _Side(), "agent": _Side()}
        self.controls = enforcing  # stays as it is when the gateway goes back to shadow, so that no order changes
        self._rules = {rule.name: rule for rule in policy.rules}
        self._listed = {name for rule in policy.rules for name in rule.tools} if enforcing else set()
        self._gates_turns = enforcing and dialect.name == "realtime" and self._acts("hold_turn")
        if enforcing:
            for side, state in self.sides.items():
                state.hold_s = held_s(policy, side)
        waits = self._listed or self._gates_turns or any(state.hold_s for state in self.sides.values())
        self._within_s = (0.0 if waits else ENFORCED_S) if enforcing else OBSERVED_S
        self._gates: dict[str, float] = {}  # a rule, and until when it gates its tools
        self._tools: dict[str, _Tool] = {}
        self._ends: list[tuple[Message, dict[str, Any]]] = []  # ends of responses that name a waiting tool
        self._turns: deque[_Turn] = deque()
        self._refused: Rule | None = None
        self._responses: deque[tuple[float, float, str]] = deque(maxlen=512)
        self._active = ""
        self._blocked: set[str] = set()
        self._block_next: Rule | None = None
        self._to_say: deque[str] = deque()
        self._said: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # relaying

    async def run(self, client: Socket, upstream: Socket, *, longest_s: float = 0) -> str:
        """Relay until an end closes, a rule ends the call, or time is up; why the call ended."""
        self.client, self.upstream = client, upstream
        if self.controls:
            self.to_client, self.to_upstream = Outbox(client), Outbox(upstream)
        relays = {
            asyncio.create_task(self._relay("caller", client, upstream)): "the client closed",
            asyncio.create_task(self._relay("agent", upstream, client)): "the provider closed",
        }
        reason = "time is up"
        try:
            done, _ = await asyncio.wait(
                [*relays, self._ending], timeout=longest_s or None, return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                reason = self._ending.result() if one is self._ending else relays[one]  # type: ignore[index]
        finally:
            for task in relays:
                task.cancel()
            await asyncio.gather(*relays, return_exceptions=True)
            await self._close(reason)
        return reason

    async def _close(self, reason: str) -> None:
        for state in self.sides.values():
            if state.late is not None:
                state.late.cancel()
        if self.controls:
            if reason == "the provider closed":  # what was held for its judgement goes out, or is dropped as blocked
                for _ in range(50):
                    if not self.sides["agent"].queue:
                        break
                    await asyncio.sleep(self.policy.detector_timeout_s / 50)
                    self._flush("agent")
            self.counts["withheld_tool_events"] += sum(len(tool.messages) for tool in self._tools.values())
            await asyncio.gather(self.to_client.close(), self.to_upstream.close())
        ended = reason.startswith("rule ")
        for socket, other in ((self.client, self.upstream), (self.upstream, self.client)):
            code = 1008 if ended else 1001 if reason in {"time is up", "the gateway stops"} else other.close_code
            said = b"ended by policy" if ended else b""
            if not socket.closed:
                code = (
                    code
                    if code and (1000 <= code <= 1014 or 3000 <= code < 5000) and code not in {1004, 1005, 1006}
                    else 1000
                )
                try:
                    await asyncio.wait_for(socket.close(code=code, message=said), 3)
                except (TimeoutError, ConnectionError, aiohttp.ClientError):
                    continue
        self.ear.forget(self.number)

    def end(self, reason: str) -> None:
        if not self._ending.done():
            self._ending.set_result(reason)

    async def _relay(self, side: str, source: Socket, sink: Socket) -> None:
        added = self.metrics.added[self.dialect.name, side]
        frames = self.metrics.frames[self.dialect.name, side]
        try:
            async for message in source:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue
                if not self.controls:
                    start = time.perf_counter()
                    await sink.send_frame(message.data, message.type)
                    added.observe(time.perf_counter() - start)
                    frames.inc()
                    heard = self._read(side, message.data)
                    if heard is not None and heard.sounds:
                        self._hear(heard)
                    if heard is not None and heard.words:
                        self._words(heard)
                    continue
                frames.inc()
                if self._ending.done():
                    return
                start = time.perf_counter()
                self._pass(side, Message(message.data, message.type))
                added.observe(time.perf_counter() - start)
                await (self.to_upstream if side == "caller" else self.to_client).room()
                await self._room.wait()
        except (ConnectionError, aiohttp.ClientError) as error:
            self.counts[f"lost_{type(error).__name__}"] += 1

    def _read(self, side: str, data: bytes) -> Heard | None:
        """What the message is, or None where nobody can read it; it passes all the same, and is counted."""
        try:
            event = json.loads(str(data, "utf-8"))
        except _NESTED:
            event = None
        if not isinstance(event, dict):
            self.counts["unread"] += 1
            self.metrics.unknown[self.dialect.name, side].inc()
            return None
        heard = self.dialect.from_client(event) if side == "caller" else self.dialect.from_upstream(event)
        if heard.kind == "unknown":
            self.counts["unknown"] += 1
            self.metrics.unknown[self.dialect.name, side].inc()
        heard.side = heard.side or side
        self._event = event
        return heard

    def _hear(self, heard: Heard) -> tuple[float, float]:
        """Give the audio to the detectors; where it lies in its side of the call, in seconds."""
        state = self.sides[heard.side]
        start_s = state.heard_s
        for sound in heard.sounds:
            at_s, state.heard_s = state.heard_s, state.heard_s + sound.duration_s
            self.ear.hear(self.number, self, heard.side, sound, at_s, state.heard_s, within_s=self._within_s)
        if heard.side == "agent" and heard.response:
            self._responses.append((start_s, state.heard_s, heard.response))
        return start_s, state.heard_s

    def _words(self, heard: Heard) -> None:
        now_s = self.sides[heard.side].heard_s
        self.ear.words(self.number, self, heard.side, heard.words, now_s, sample_rate=24_000)

    # a message under enforcement

    def _pass(self, side: str, message: Message) -> None:
        heard = self._read(side, message.data)
        if heard is None:
            self._send(side, message)
            return
        event = self._event
        if self._gates_turns:
            message = self._gated_turns(side, message, event)
        if side == "caller":
            if heard.kind == "ask" and self._gates_turns:
                self._turns.append(_Turn(self.sides["caller"].heard_s, "", message))
                self._settle_turns()
                return
        elif self._from_agent(message, event, heard):
            return
        if heard.words:
            self._words(heard)
        start_s, end_s = self._hear(heard) if heard.sounds else (self.sides[heard.side].heard_s,) * 2
        self._queue(side, _Held(message, event, heard, start_s, end_s))

    def _from_agent(self, message: Message, event: dict[str, Any], heard: Heard) -> bool:
        """Keep the events of blocked responses and of waiting tools; whether the message was dealt with."""
        if heard.response and (heard.kind == "begin" or (heard.sounds and heard.response != self._active)):
            self._active = heard.response
            if self._block_next is not None:
                rule, self._block_next = self._block_next, None
                self._block(heard.response, rule)
        if heard.kind == "end" and heard.response == self._active:
            self._active = ""
        if heard.response in self._blocked:
            self._drop(event, heard)
            return True
        if heard.kind == "commit" and self._gates_turns and self.dialect.waits_for_ask():
            self._send("agent", message)
            self._turns.append(_Turn(self.sides["caller"].heard_s, heard.item, None))
            self._settle_turns()
            return True
        if heard.kind == "tool" and self._listed and (heard.tool in self._listed or not heard.tool):
            tool = self._tools.setdefault(heard.item, _Tool(heard.tool, self.sides["caller"].heard_s))
            tool.messages.append(message)
            self._settle_tools()
            return True
        if heard.kind == "end":
            if self._tools and set(self.dialect.tools_of(event)) & set(self._tools):
                self._ends.append((message, event))
                self._settle_tools()
                self._say_next()
                return True
            asyncio.get_running_loop().call_soon(self._say_next)
        return False

    def _drop(self, event: dict[str, Any], heard: Heard) -> None:
        self.counts["withheld_events"] += 1
        if heard.kind == "end":
            empty = self.dialect.emptied(event)
            if empty is not None:
                self._send("agent", Message.of(empty))
            self._say_next()

    def _gated_turns(self, side: str, message: Message, event: dict[str, Any]) -> Message:
        if side == "agent":
            for own in self.dialect.gate_opening(event):
                self._send("caller", Message.of(own))
            return message
        if event.get("type") == "session.update" and self.dialect.gate_turns(event):
            return Message.of(event, message.type)
        return message

    def _send(self, side: str, message: Message) -> None:
        """To the other end of the call; `side` is where the message comes from."""
        (self.to_upstream if side == "caller" else self.to_client).put(message)

    # holding audio back

    def _queue(self, side: str, held: _Held) -> None:
        state, heard = self.sides[side], held.heard
        if heard.flush:
            state.flush_s = state.heard_s
        if not state.hold_s:
            self._let_go(side, held)
            return
        waits = bool(heard.sounds)
        if not waits and state.queue:
            waits = heard.kind in {"commit", "ask", "audio"} if side == "caller" else bool(heard.response)
            if side == "agent" and waits:
                waits = any(one.heard.response == heard.response for one in state.queue)
        if not waits:
            self._let_go(side, held)
            return
        state.queue.append(held)
        state.queued += len(held.message.data)
        if state.queued > HELD_BYTES:
            self._room.clear()
        if state.late is None:
            wait_s = max(0.25, 2 * state.hold_s)
            state.late = asyncio.get_running_loop().call_later(wait_s, self._late, side, state.heard_s)
        self._flush(side)

    def _late(self, side: str, heard_s: float) -> None:
        """Nothing came for long enough after audio that is held: it is the last for now."""
        state = self.sides[side]
        state.late = None
        if not state.queue:
            return
        if state.heard_s == heard_s:
            state.flush_s = heard_s
            self._flush(side)
        if state.queue:
            wait_s = max(0.25, 2 * state.hold_s)
            state.late = asyncio.get_running_loop().call_later(wait_s, self._late, side, state.heard_s)

    def _flush(self, side: str) -> None:
        state = self.sides[side]
        while state.queue:
            one = state.queue[0]
            judged = state.judged_s + 1e-6
            last = one.end_s <= state.flush_s + 1e-6 and judged >= min(state.flush_s, state.heard_s)
            if self.enforcing and not last and judged < one.end_s + state.hold_s:
                return
            state.queue.popleft()
            state.queued -= len(one.message.data)
            if state.queued < HELD_BYTES // 2:
                self._room.set()
            self._let_go(side, one)

    def _let_go(self, side: str, held: _Held) -> None:
        """Send the message, silenced where a rule says so, unless its response was blocked meanwhile."""
        heard, message = held.heard, held.message
        if heard.response in self._blocked:
            self._drop(held.event, heard)
            return
        if heard.sounds and self.enforcing:
            state = self.sides[heard.side]
            spans = [(start_s, end_s) for _, start_s, end_s in state.spans] + [(state.silent_from_s, state.silent_s)]
            at_s, changed = held.start_s, False
            for sound, (place, key) in zip(heard.sounds, heard.places, strict=True):
                end_s = at_s + sound.duration_s
                cut = [(a - at_s, b - at_s) for a, b in spans if a < end_s - 1e-9 and b > at_s + 1e-9]
                if cut:
                    try:
                        place[key] = sound.silenced(cut)
                    except EarnestError:
                        place[key] = ""
                    changed = True
                at_s = end_s
            if changed:
                self.counts["silenced_events"] += 1
                message = Message.of(held.event, message.type)
        self._send(side, message)

    # tools and turns

    def _settle_tools(self) -> None:
        """Let calls of tools go that were judged and are not gated; take gated ones out of their response's end."""
        judged_s, now = self.sides["caller"].judged_s + 1e-6, time.monotonic()
        gated: set[str] = set()
        waiting: set[str] = set()
        for item, tool in list(self._tools.items()):
            if self.enforcing and judged_s < tool.caller_s:
                waiting.add(item)
            elif self.enforcing and self._is_gated(tool.name, now):
                gated.add(item)
        for message, event in list(self._ends):
            items = set(self.dialect.tools_of(event))
            if items & waiting:
                continue
            self._ends.remove((message, event))
            if items & gated:
                self.counts["withheld_calls"] += len(items & gated)
                self._send("agent", Message.of(self.dialect.without_tools(event, items & gated), message.type))
                continue
            self._let_tools_go(items)
            self._send("agent", message)
        self._let_tools_go(set(self._tools) - gated - waiting)

    def _let_tools_go(self, items: set[str]) -> None:
        for item in [one for one in self._tools if one in items]:
            for message in self._tools.pop(item).messages:
                self._send("agent", message)

    def _is_gated(self, tool: str, now: float) -> bool:
        return any(until > now and (tool in self._rules[name].tools or not tool) for name, until in self._gates.items())

    def _settle_turns(self) -> None:
        judged_s = self.sides["caller"].judged_s + 1e-6
        while self._turns and (not self.enforcing or judged_s >= self._turns[0].caller_s):
            turn = self._turns.popleft()
            rule, self._refused = self._refused, None
            if rule is not None and self.enforcing:
                self.counts["refused_turns"] += 1
                for own in self.dialect.drop_turn(turn.item):
                    self._send("caller", Message.of(own))
                self._say(rule)
            elif turn.message is not None:
                self._send("caller", turn.message)
            else:
                for own in self.dialect.ask():
                    self._send("caller", Message.of(own))

    # decisions

    def answered(self, side: str, answer: Answer) -> None:
        state = self.sides[side]
        if answer.not_judged:
            self._unjudged(side, answer.not_judged)
        else:
            self._failing.discard(side)
        for decision in answer.decisions:
            self._decided(side, decision)
        if answer.still and self.enforcing:
            for name, until_s in answer.still.items():
                self._still(side, self._rules[name], until_s)
        state.judged_s = max(state.judged_s, answer.judged_s)
        if self.controls:
            self._flush(side)
            if side == "caller":
                self._settle_tools()
                self._settle_turns()

    def _decided(self, side: str, decision: dict[str, Any]) -> None:
        rule = self._rules[decision["rule"]]
        note = decision | {"side": side, "enforce": self.enforcing, "at": time.time()}
        self.counts["decisions"] += 1
        self.metrics.decided(rule.name, rule.action, enforced=self.enforcing, route=self.dialect.name)
        self.trail.write(kind="decision", **note)
        self._seen(note | {"session": self.name, "route": self.dialect.name})
        if rule.action == "flag":
            self.flagged.add(rule.name)
        if self.enforcing:
            self._act(rule, side, float(decision["start_s"]), float(decision["until_s"]), note)

    def _act(self, rule: Rule, side: str, start_s: float, until_s: float, note: dict[str, Any]) -> None:
        state, action = self.sides[side], rule.action
        if action == "annotate":
            for own in self.dialect.annotation(note):
                self._send("agent", Message.of(own))
        elif action == "challenge":
            self._say(rule)
        elif action == "gate_tools":
            self._gates[rule.name] = time.monotonic() + rule.open_s
            asyncio.get_running_loop().call_later(rule.open_s + 0.01, self._settle_tools)
        elif action == "redact":
            state.spans.append((rule.name, start_s, until_s))
        elif action == "mute":
            if start_s > state.silent_s:
                state.silent_from_s = start_s
            state.silent_s = max(state.silent_s, until_s + rule.open_s)
            if side == "agent" and rule.strength != PREVENT:
                self._clear(self._active)
        elif action == "hold_turn":
            self._refused = rule
        elif action == "replace_response":
            self._replace(rule, side, start_s, until_s)
        elif action in {"end", "transfer"}:
            for own in self.dialect.closing(rule.name):
                self._send("agent", Message.of(own))
            if side == "agent":
                self._clear(self._active)
            for held_side in self.sides.values():
                held_side.queue.clear()
            self.end(f"rule {rule.name}: {action}")

    def _still(self, side: str, rule: Rule, until_s: float) -> None:
        """The condition goes on after its decision: so do what silences it and what it keeps open."""
        state = self.sides[side]
        if rule.action == "redact":
            for at in range(len(state.spans) - 1, -1, -1):
                name, start_s, end_s = state.spans[at]
                if name == rule.name:
                    state.spans[at] = (name, start_s, max(end_s, until_s))
                    break
        if rule.action == "mute":
            state.silent_s = max(state.silent_s, until_s + rule.open_s)
        if rule.action == "gate_tools":
            self._gates[rule.name] = time.monotonic() + rule.open_s

    def _replace(self, rule: Rule, side: str, start_s: float, end_s: float) -> None:
        if side == "agent":
            named = {name for a, b, name in self._responses if a < end_s and b > start_s}
        else:
            named = {self._active} - {""}
            if not named:
                self._block_next = rule
        for response in sorted(named - self._blocked):
            self._block(response, rule)

    def _block(self, response: str, rule: Rule) -> None:
        self._blocked.add(response)
        for own in self.dialect.cancel(response) if response == self._active else []:
            self._send("caller", Message.of(own))
        self._clear(response)
        self._say(rule)

    def _clear(self, response: str) -> None:
        for own in self.dialect.clear_playback(response):
            self._send("agent", Message.of(own))

    def _say(self, rule: Rule) -> None:
        """Have the agent say the rule's sentence, once no response is under way."""
        self._said[rule.name] += 1
        if self._said[rule.name] > SAYINGS or rule.say in self._to_say:
            return
        self._to_say.append(rule.say)
        self._say_next()

    def _say_next(self) -> None:
        if self._to_say and not self._active:
            for own in self.dialect.say(self._to_say.popleft()):
                self._send("caller", Message.of(own))

    def _unjudged(self, side: str, reason: str) -> None:
        """Audio that no detector judged: each rule fails as it says, once an episode."""
        self.counts["unjudged"] += 1
        self.metrics.unjudged[self.dialect.name, side].inc()
        if side in self._failing:
            return
        self._failing.add(side)
        self.trail.write(kind="not_judged", side=side, reason=reason, from_s=self.sides[side].judged_s)
        for rule in self.policy.rules:
            if not rule.hears_side(side):
                continue
            if rule.on_failure == "open":
                self.metrics.fail_open[rule.name].inc()
                continue
            note = {"rule": rule.name, "action": rule.action, "side": side, "not_judged": reason, "at": time.time()}
            self.trail.write(kind="failed_closed", **{key: note[key] for key in ("rule", "action", "side", "at")})
            if self.enforcing:
                now_s = self.sides[side].judged_s
                self._act(rule, side, now_s, max(now_s, self.sides[side].heard_s), note)

    def to_shadow(self) -> None:
        """Stop enforcing at once and let everything go that is held."""
        if not self.enforcing:
            return
        self.enforcing = False
        self.trail.write(kind="switch", to="shadow")
        for side in self.sides:
            self._flush(side)
        self._settle_tools()
        self._settle_turns()

    def _acts(self, action: str) -> bool:
        return any(rule.action == action for rule in self.policy.rules)

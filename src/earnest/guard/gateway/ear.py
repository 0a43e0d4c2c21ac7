"""The detectors, in a process of their own: frames go in batches through a pipe, decisions come back.

A batch that is not answered within the policy's `detector_timeout_s` ends the process, and another one is started. What
was in flight is reported as not judged, and every rule fails as it says.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import pickle
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Protocol

from earnest.guard.gateway.sound import BYTES, Sound

log = logging.getLogger(__name__)

OBSERVED_S, ENFORCED_S = 0.1, 0.01
"""How long frames are gathered from all calls before they are judged together, where nothing waits for them."""
WAITING_BYTES = 64 << 20
"""Audio that may wait for judgement; what comes beyond it is not judged, and counted."""
STARTING_S = 60.0
_SIZE = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the detectors made of one event.

    A decision's `until_s` is how far its condition held within the event; `still` is the same for conditions that were
    decided on before it.
    """

    judged_s: float
    decisions: list[dict[str, Any]] = field(default_factory=list)
    still: dict[str, float] = field(default_factory=dict)
    not_judged: str = ""


class Listener(Protocol):
    """A call that gets answers in order; one answers all that was heard of its side since the last."""

    def answered(self, side: str, answer: Answer) -> None: ...


@dataclass(slots=True, eq=False)
class _Piece:
    """What was heard of one side of a call since the last batch."""

    start_s: float
    end_s: float
    payloads: list[str]
    owner: Listener
    side: str
    n_bytes: int


@dataclass(eq=False)
class Ear:
    """The end in the gateway."""

    policy: str
    key: str = ""
    timeout_s: float = 2.0
    memory_mb: int = 0
    on_batch: Callable[[float, float], None] = lambda took_s, lag_s: None
    on_restart: Callable[[], None] = lambda: None
    restarts: int = 0
    waiting: int = 0
    _process: asyncio.subprocess.Process | None = None
    _batch: dict[tuple[int, str, str, int], _Piece] = field(default_factory=dict)
    _forgotten: list[int] = field(default_factory=list)
    _sent: dict[int, tuple[float, list[_Piece]]] = field(default_factory=dict)
    _number: int = 0
    _due: asyncio.TimerHandle | None = None
    _task: asyncio.Task[None] | None = None
    _ready: bool = False

    async def start(self) -> None:
        await self._spawn()
        self._task = asyncio.create_task(self._run())
        end = time.monotonic() + STARTING_S
        while not self._ready and time.monotonic() < end:
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        if self._due is not None:
            self._due.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._kill()

    @property
    def running(self) -> bool:
        return self._ready and self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def hear(
        self, stream: int, owner: Listener, side: str, sound: Sound, start_s: float, end_s: float, *, within_s: float
    ) -> None:
        """Judge the sound between two times of its side of the call; it is on its way within so many seconds."""
        size = len(sound.payload)
        if not self.running or self.waiting + size > WAITING_BYTES:
            owner.answered(side, Answer(end_s, not_judged="too much audio waits" if self.running else "no detector"))
            return
        self.waiting += size
        before = self._batch.get((stream, side, sound.encoding, sound.sample_rate))
        if before is None:
            made = _Piece(start_s, end_s, [sound.payload], owner, side, size)
            self._batch[stream, side, sound.encoding, sound.sample_rate] = made
        else:
            before.end_s = end_s
            before.payloads.append(sound.payload)
            before.n_bytes += size
        loop = asyncio.get_running_loop()
        if self._due is None or self._due.when() > loop.time() + within_s + 1e-3:
            if self._due is not None:
                self._due.cancel()
            self._due = loop.call_later(within_s, self._flush)

    def words(self, stream: int, owner: Listener, side: str, text: str, at_s: float, *, sample_rate: int) -> None:
        """Judge the provider's transcript of a turn that ended at `at_s`; the owner gets one answer."""
        if self.running:
            self._batch[stream, side, f"words {len(self._batch)}", sample_rate] = _Piece(
                at_s, at_s, [text], owner, side, 0
            )
            if self._due is None:
                self._due = asyncio.get_running_loop().call_later(ENFORCED_S, self._flush)

    def forget(self, stream: int) -> None:
        self._forgotten.append(stream)

    def _flush(self) -> None:
        self._due = None
        batch, self._batch = self._batch, {}
        if not self.running or self._process is None or self._process.stdin is None:
            self._fail([list(batch.values())])
            return
        forgotten, self._forgotten = self._forgotten, []
        self._number += 1
        self._sent[self._number] = (time.monotonic(), list(batch.values()))
        frames = [(*key, one.start_s, one.end_s, one.payloads) for key, one in batch.items()]
        body = pickle.dumps((self._number, frames, forgotten), protocol=5)
        self._process.stdin.write(_SIZE.pack(len(body)) + body)

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"from {__name__} import main; main()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,  # a signal from the terminal is for the gateway, which ends its detectors last
        )
        assert self._process.stdin is not None
        body = pickle.dumps((self.policy, self.key, self.memory_mb))
        self._process.stdin.write(_SIZE.pack(len(body)) + body)

    async def _kill(self) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _run(self) -> None:
        watching = asyncio.create_task(self._watch())
        pause_s = 0.1
        try:
            while True:
                began = time.monotonic()
                await self._read()
                self._ready = False
                await self._kill()
                sent, self._sent = [pieces for _, pieces in self._sent.values()], {}
                self._fail(sent)
                if time.monotonic() - began > 10:
                    pause_s = 0.1
                await asyncio.sleep(pause_s)
                pause_s = min(5.0, pause_s * 2)
                self.restarts += 1
                self.on_restart()
                log.warning("the detectors ended and are started again, for the %d. time", self.restarts)
                await self._spawn()
        finally:
            watching.cancel()

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        out = self._process.stdout
        try:
            while True:
                (size,) = _SIZE.unpack(await out.readexactly(_SIZE.size))
                number, took_s, answers = pickle.loads(await out.readexactly(size))
                if not number:
                    self._ready = True
                    continue
                sent_at, pieces = self._sent.pop(number)
                self.on_batch(took_s, time.monotonic() - sent_at)
                for piece, answer in zip(pieces, answers, strict=True):
                    self.waiting -= piece.n_bytes
                    try:
                        piece.owner.answered(piece.side, answer or Answer(piece.end_s))
                    except Exception:  # one call's error is its own
                        log.exception("an answer of the detectors was not applied")
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def _watch(self) -> None:
        """End a process whose oldest batch waits for too long."""
        while True:
            await asyncio.sleep(self.timeout_s / 4)
            oldest = next(iter(self._sent.values()), None)
            if oldest and time.monotonic() - oldest[0] > self.timeout_s and self.running and self._process is not None:
                self._process.kill()

    def _fail(self, sent: list[list[_Piece]]) -> None:
        for pieces in sent:
            for piece in pieces:
                self.waiting -= piece.n_bytes
                piece.owner.answered(piece.side, Answer(piece.end_s, not_judged="the detectors ended"))


@dataclass(slots=True)
class _Side:
    """One side of a call, in the process of the detectors."""

    session: Any
    sample_rate: int
    base_s: float
    mark: Any
    from_s: float
    n_bytes: int = 0
    rest: bytes = b""


def _judge(sides: dict[tuple[int, str], _Side], policy: Any, key: str, frame: tuple[Any, ...]) -> Answer | None:
    """None where there is nothing to say but that the frame was judged."""
    from earnest.guard.gateway.sound import decoded, samples
    from earnest.guard.policy import BLOCK_S
    from earnest.guard.session import Session

    stream, side, encoding, sample_rate, start_s, end_s, payloads = frame
    words = encoding.startswith("words")
    heard = sides.get((stream, side))
    if words and heard is not None:
        sample_rate = heard.sample_rate
    if heard is None or heard.sample_rate != sample_rate:
        mark = hmac.new(key.encode(), digestmod=hashlib.sha256)
        heard = _Side(Session(policy.heard_from(side), sample_rate), sample_rate, start_s, mark, start_s)
        sides[stream, side] = heard
    if words:
        found = [_placed(one, heard) | {"until_s": end_s} for one in heard.session.turn(provider=payloads[0])]
        return Answer(end_s, found) if found else None
    width = BYTES[encoding]
    raw = b"".join(map(decoded, payloads))
    heard.mark.update(raw)
    heard.n_bytes += len(raw)
    data = heard.rest + raw
    whole = len(data) // width * width
    heard.rest = data[whole:]
    found, latest, still = [], {}, {}
    for scores in heard.session.scores(samples(data[:whole], encoding)):
        for one in heard.session.decide(scores):
            decision = _placed(one, heard)
            decision["until_s"] = decision["end_s"]
            found.append(decision)
            latest[one.rule] = decision
        now_s = heard.base_s + heard.session.n_blocks * BLOCK_S
        for name in heard.session.holding():
            if name in latest:
                latest[name]["until_s"] = now_s
            else:
                still[name] = now_s
    return Answer(end_s, found, still) if found or still else None


def _placed(decision: Any, heard: _Side) -> dict[str, Any]:
    """The decision in the time of its side of the call, with a fingerprint of what was heard of it."""
    print_of = {"from_s": heard.from_s, "n_bytes": heard.n_bytes, "hmac": heard.mark.hexdigest()}
    times = {"start_s": decision.start_s + heard.base_s, "end_s": decision.end_s + heard.base_s}
    return asdict(decision) | times | {"fingerprint": print_of}


def main() -> None:
    """Read batches until the pipe ends."""
    from earnest.errors import EarnestError
    from earnest.guard.policy import parse_policy
    from earnest.guard.session import Session  # noqa: F401, loaded before the first frame waits for it

    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    first = _received(incoming)
    if first is None:
        return
    text, key, memory_mb = first
    if memory_mb:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    policy = parse_policy(text)
    if policy.mode == "off":
        policy = policy.model_copy(update={"rules": (), "lines": ()})
    sides: dict[tuple[int, str], _Side] = {}
    _answer(outgoing, (0, 0.0, []))
    while (received := _received(incoming)) is not None:
        number, batch, forgotten = received
        start = time.perf_counter()
        answers: list[Answer | None] = []
        for stream in forgotten:
            for side in ("caller", "agent"):
                sides.pop((stream, side), None)
        for frame in batch:
            try:
                answers.append(_judge(sides, policy, key, frame))
            except (EarnestError, ValueError, MemoryError, ArithmeticError) as error:
                answers.append(Answer(frame[5], not_judged=type(error).__name__))
        _answer(outgoing, (number, time.perf_counter() - start, answers))


def _answer(outgoing: BinaryIO, made: tuple[int, float, list[Answer | None]]) -> None:
    body = pickle.dumps(made, protocol=5)
    outgoing.write(_SIZE.pack(len(body)) + body)
    outgoing.flush()


def _received(incoming: BinaryIO) -> Any:
    size = incoming.read(_SIZE.size)
    if len(size) < _SIZE.size:
        return None
    body = incoming.read(_SIZE.unpack(size)[0])
    return pickle.loads(body)

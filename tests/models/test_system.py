"""A model behind its defences: five doors, in order, and none of them open longer than a call."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.defences import Defence
from earnest.errors import AccessDenied, BadParameter
from earnest.models.access import Answer, Blocked, Model, Passed, Sampling, System, system_fingerprint
from earnest.models.delegate import ATTRIBUTES, Delegate
from earnest.testing.toys import toy_stimulus


class Peak(Model):
    """Says the peak of its clip in hundredths, and the prompt; with a flag set, "hooked" in their place."""

    name, fingerprint, batch_size = "peak", "p", 8
    access = frozenset({"responses", "gradients"})

    def __init__(self) -> None:
        self.hooked_now = False
        self.asked: list[Stimulus] = []

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        self.asked += stimuli
        return [Answer(text="hooked" if self.hooked_now else self.says(stimulus)) for stimulus in stimuli]

    def says(self, stimulus: Stimulus) -> str:
        return f"{round(100 * float(np.abs(stimulus.clip.samples).max()))} {stimulus.prompt}"

    def loss_and_gradient(self, stimuli, *, targets):
        return np.zeros(len(stimuli)), [np.ones(stimulus.clip.n_samples, np.float32) for stimulus in stimuli]


def quiet(prompt: str = "Repeat.", peak: float = 0.2) -> Stimulus:
    samples = np.array([0.0, peak, -peak / 2, 0.0], np.float32)
    return Stimulus(clips={"speech": AudioClip(samples, 16_000)}, prompt=prompt)


@dataclass(frozen=True, kw_only=True)
class Double(Defence):
    """Twice as loud; squares what comes back of a gradient's scale."""

    name, source, gradient = "double", "test", "exact"

    def apply(self, clip, *, rng):
        return clip.with_samples(2 * clip.samples)

    def backward(self, gradient, *, clip, rng):
        return 2 * gradient + np.float32(np.abs(clip.samples).max())

    def instruct(self, stimulus):
        return replace(stimulus, prompt=stimulus.prompt + " doubled")

    def review(self, answer, *, stimulus=None, note=None):
        return replace(answer, text=answer.text + " >d")


@dataclass(frozen=True, kw_only=True)
class Lift(Defence):
    """A tenth louder everywhere."""

    name, source, gradient = "lift", "test", "exact"

    def apply(self, clip, *, rng):
        return clip.with_samples(clip.samples + np.float32(0.1))

    def backward(self, gradient, *, clip, rng):
        return gradient + np.float32(10)

    def instruct(self, stimulus):
        return replace(stimulus, prompt=stimulus.prompt + " lifted")

    def review(self, answer):  # as plug-ins were written before there was a note
        return replace(answer, text=answer.text + " >l")


SEEN: list[tuple[Any, str]] = []


@dataclass(frozen=True, kw_only=True)
class Gate(Defence):
    """Keeps out what is louder than `above`, and tells its review how loud the rest was."""

    name, source, gradient = "gate", "test", "none"
    above: float = 0.3

    def screen(self, stimulus):
        peak = float(np.abs(stimulus.clip.samples).max())
        return Blocked(f"peak {peak:.1f}") if peak > self.above else Passed(round(peak, 3))

    def review(self, answer, *, stimulus=None, note=None):
        SEEN.append((note, stimulus.prompt))
        return answer


@dataclass(frozen=True, kw_only=True)
class Hooking(Defence):
    name, source, gradient = "hooking", "test", "none"
    raises: bool = False

    def around(self, model):
        network = model

        @contextmanager
        def hooks():
            network.hooked_now = True
            try:
                yield
            finally:
                network.hooked_now = False

        return model.within(hooks, key="hooking")


def test_clips_pass_in_order_answers_in_the_opposite_one() -> None:
    # 2 * 0.2 + 0.1 = 0.5, and the other way round 2 * (0.2 + 0.1) = 0.6: the two do not commute
    ask = lambda *defences: System(Peak(), defences).ask([quiet()])[0].text  # noqa: E731
    assert ask(Double(), Lift()) == "50 Repeat. doubled lifted >l >d"
    assert ask(Lift(), Double()) == "60 Repeat. lifted doubled >d >l"
    assert ask() == "20 Repeat."


def test_gradients_come_back_in_the_opposite_order() -> None:
    # behind double then lift: 1 + 10 = 11 from lift, then 2 * 11 + 0.2, where 0.2 is the peak that double was given
    _, (back,) = System(Peak(), (Double(), Lift())).loss_and_gradient([quiet()], targets=["x"])
    assert back == pytest.approx(np.full(4, 22.2), rel=1e-6)
    # behind lift then double: 2 * 1 + 0.3, where 0.3 is the peak that double was given, then + 10
    _, (back,) = System(Peak(), (Lift(), Double())).loss_and_gradient([quiet()], targets=["x"])
    assert back == pytest.approx(np.full(4, 12.3), rel=1e-6)


def test_a_screen_sees_what_the_defences_before_it_passed_on() -> None:
    loud = System(Peak(), (Double(), Gate()))
    (reply,) = loud.ask([quiet()])
    assert reply == Blocked("peak 0.4") and reply.by == "gate" and reply.defence_ms > 0
    (reply,) = System(Peak(), (Gate(above=0.3), Double())).ask([quiet()])
    assert isinstance(reply, Answer) and reply.text.startswith("40 ")


def test_what_is_blocked_is_not_asked_and_the_others_keep_their_places() -> None:
    model = Peak()
    SEEN.clear()
    replies = System(model, (Gate(above=0.3),)).ask([quiet("a"), quiet("b", 0.5), quiet("c", 0.1)])
    assert [getattr(reply, "text", reply) for reply in replies] == ["20 a", Blocked("peak 0.5"), "10 c"]
    assert [stimulus.prompt for stimulus in model.asked] == ["a", "c"]
    assert SEEN == [(0.2, "a"), (0.1, "c")]  # the note of each, to its own review


def test_a_review_is_given_what_the_user_sent() -> None:
    SEEN.clear()
    System(Peak(), (Lift(), Gate())).ask([quiet("as sent", 0.1)])
    assert SEEN == [(0.2, "as sent")]


def test_where_all_are_blocked_nobody_is_asked() -> None:
    model = Peak()
    assert System(model, (Gate(above=0.0),)).ask([quiet()]) == [Blocked("peak 0.2")]
    assert model.asked == []


def test_gradients_pass_a_screen() -> None:
    _, (back,) = System(Peak(), (Gate(above=0.0),)).loss_and_gradient([quiet()], targets=["x"])
    assert back.tolist() == [1.0] * 4


def test_a_screen_that_says_neither_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mute(Gate):
        name = "mute"

        def screen(self, stimulus):
            return None

    with pytest.raises(BadParameter, match=r"screen\(\) of the defence 'mute:?.*must give Passed\(note\) or Blocked"):
        System(Peak(), (Mute(),)).ask([quiet()])


def test_what_a_defence_does_inside_the_model_is_off_between_calls() -> None:
    model = Peak()
    defended, bare = System(model, (Hooking(),)), System(model)
    assert defended.ask([quiet()])[0].text == "hooked"
    assert not model.hooked_now and bare.ask([quiet()])[0].text == "20 Repeat."
    assert defended.inner is defended.inner  # set up once


def test_it_is_off_after_an_exception() -> None:
    class Fails(Peak):
        def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
            assert self.hooked_now
            raise RuntimeError("no memory")

    model = Fails()
    with pytest.raises(RuntimeError):
        System(model, (Hooking(),)).ask([quiet()])
    assert not model.hooked_now


def test_a_context_that_gives_a_model_is_asked_in_its_place() -> None:
    class Other(Peak):
        def says(self, stimulus):
            return "other"

    @contextmanager
    def other():
        yield Other()

    assert Peak().within(other, key="o").ask([quiet()])[0].text == "other"


def test_the_last_defence_is_nearest_to_the_model() -> None:
    order: list[str] = []

    @dataclass(frozen=True, kw_only=True)
    class Notes(Defence):
        source, gradient, word = "test", "none", ""
        name: str = "notes"

        def around(self, model):
            @contextmanager
            def entered():
                order.append(self.name)
                yield

            return model.within(entered, key=self.name)

    System(Peak(), (Notes(name="first"), Notes(name="last"))).ask([quiet()])
    assert order == ["first", "last"]


def test_around_must_give_a_model() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Lost(Hooking):
        name = "lost"

        def around(self, model):
            return None

    with pytest.raises(BadParameter, match="must give a Model, got NoneType"):
        System(Peak(), (Lost(),)).ask([quiet()])


def test_every_system_has_its_own_fingerprint() -> None:
    model = Peak()
    systems = [System(model, stack) for stack in ((), (Double(),), (Lift(),), (Double(), Lift()), (Lift(), Double()))]
    assert systems[0].fingerprint == model.fingerprint
    assert len({system.fingerprint for system in systems}) == 5
    assert System(model, (Gate(above=0.2),)).fingerprint != System(model, (Gate(above=0.3),)).fingerprint
    assert system_fingerprint("f", (Double(),), seed=1) != system_fingerprint("f", (Double(),), seed=2)
    assert (
        model.within(lambda: threading.Lock(), key="a").fingerprint
        != model.within(lambda: threading.Lock(), key="b").fingerprint
    )


def test_a_model_asked_by_requests_cannot_be_hooked() -> None:
    class Remote(Peak):
        batch_size = None

    hooked = Hooking().around(Remote())
    import asyncio

    with pytest.raises(AccessDenied, match="no context reaches into it"):
        asyncio.run(hooked.ask_one(quiet()))


def test_a_delegate_says_of_itself_what_its_model_says() -> None:
    values: dict[str, Any] = {name: object() for name in ATTRIBUTES}
    model = type("Told", (Peak,), {**values, "sample_rate_hint": 8_000})()
    delegate = type("Mine", (Delegate,), {})()
    delegate.model = model
    for name in ATTRIBUTES:
        assert getattr(delegate, name) is getattr(model, name), name
    assert delegate.sample_rate_hint == 8_000  # of which this package knows nothing
    with pytest.raises(AttributeError):
        delegate.neither_has_it  # noqa: B018


def test_a_delegate_passes_on_every_method_of_a_model() -> None:
    from earnest.engine.caller import Caller

    own = {name for name, value in vars(Model).items() if callable(value) and not name.startswith("_")}
    passed_on = own - {"behind", "within"}  # made of the others
    assert passed_on <= vars(Delegate).keys()
    assert {"ask", "ask_one", "loss_and_gradient", "score", "activations", "hooked", "aclose"} <= vars(Caller).keys()


def test_defences_stand_before_what_the_user_said_earlier() -> None:
    class Heard(Peak):
        takes_history = True

    model = Heard()
    asked = replace(
        quiet(), history=(Turn(role="user", text="Hi.", clips=quiet().clips), Turn(role="assistant", text="Yes?"))
    )
    System(model, (Double(), Lift())).ask([asked])
    (earlier, said) = model.asked[0].history
    assert earlier.clips["speech"].samples.max() == pytest.approx(0.5) and said.text == "Yes?"


def test_an_answer_tells_what_the_defences_took() -> None:
    (bare,), (defended,) = System(Peak()).ask([toy_stimulus()]), System(Peak(), (Double(),)).ask([toy_stimulus()])
    assert "defence_ms" not in bare.details and defended.details["defence_ms"] > 0

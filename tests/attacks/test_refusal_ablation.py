"""The refusal direction taken out of a model of two numbers, where it is known."""

import contextlib

import numpy as np
import pytest

from earnest.attacks.adversarial.refusal_ablation import Ablation, RefusalAblation, _cost, _some_of_each
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.models import Answer, System
from earnest.models.access import Model
from earnest.models.edits import checked_edits
from earnest.testing.toys import LinearModel, toy_stimulus

REFUSAL = "Sorry, I cannot help with that."


class Two(Model):
    """Its state is the first three samples; it refuses where the first is above 0.1, else names the sign of the second.

    Harmful requests have a large first number. The third is of no account.
    """

    name, fingerprint, sites = "toy/two", "two", ("decoder.0",)
    access = frozenset({"responses", "activations"})
    batch_size = 8

    def _state(self, stimulus):
        return stimulus.clip.samples[:3].astype(np.float32)

    def activations(self, stimuli, *, sites=None, at=None):
        return [{"decoder.0": self._state(each)} for each in stimuli]

    def ask(self, stimuli, *, sampling=None):
        out = []
        for each in stimuli:
            state = self._state(each)[None]
            for edit in self.edits:
                state = edit.applied(state)
            out.append(
                Answer(text=REFUSAL if state[0, 0] > 0.1 else f"Sure, go {'left' if state[0, 1] > 0 else 'right'}.")
            )
        return out

    def hooked(self, edits):
        @contextlib.contextmanager
        def inside():
            with self._edited(checked_edits(edits, sites=self.sites, name=self.name)) as model:
                yield model

        return inside()


def stimulus(first, second, third=0.0, *, goal=True):
    samples = np.array([first, second, third, *[0.01] * 13], np.float32)
    wanted = Goal(reached=lambda text: "left" in text, not_refused=lambda text: text != REFUSAL) if goal else None
    return Stimulus(clips={"speech": AudioClip(samples, 16_000)}, prompt="?", goal=wanted)


class Row:
    def __init__(self, label, *numbers):
        self.label, self._stimulus = label, stimulus(*numbers)

    def clip(self):
        return self._stimulus.clip


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [Row("harmful", 0.6, *rng.normal(0, 0.01, 2)) for _ in range(8)] + [
        Row("benign", 0.0, *rng.normal(0, 0.01, 2)) for _ in range(8)
    ]
    artefact = RefusalAblation().fit(rows, System(Two()), np.random.default_rng(1))
    attack = RefusalAblation(artefact="0" * 64)
    object.__setattr__(attack, "_direction", artefact.arrays["direction"])
    return artefact, attack


@pytest.mark.source(
    "attacks/refusal_ablation",
    of="arditi2024-refusal",
    at="Section 2.3 and 2.4, equations of the difference in means and of directional ablation",
)
def test_the_direction_is_the_difference_of_the_means_and_is_projected_out(fitted):
    artefact, attack = fitted
    direction = artefact.arrays["direction"]
    assert direction[0] == pytest.approx(0.6, abs=0.02) and abs(direction[1:]).max() < 0.02
    assert artefact.arrays["cost"] == pytest.approx([0.0])
    # x - r r^T x with r = (0.6, ...) / |.|: nothing is left along it
    edit = Ablation(direction=(3.0, 4.0, 0.0), at="all", key="k")
    taken = edit.around(Two())
    with taken._inside() as model:
        (applied,) = model.edits
        np.testing.assert_allclose(
            applied.applied(np.array([[1.0, 0.0, 5.0]], np.float32)), [[1 - 0.36, -0.48, 5.0]], rtol=1e-5
        )


def test_what_was_refused_is_answered_and_a_random_direction_leaves_it_refused(fitted):
    _, attack = fitted
    model = Two()
    stimuli = [stimulus(0.7, 0.2), stimulus(0.7, -0.2), stimulus(0.0, 0.3)]
    result = attack.run(System(model), stimuli, rng=np.random.default_rng(0))
    # on target; complied with something else; reached anyhow
    assert [a.success for a in result.attempts] == [True, False, True]
    assert (result.n_judged, result.n_on_target, result.n_complied, result.n_other_answer) == (2, 1, 2, 1)
    assert (result.n_control_on_target, result.n_control_complied) == (0, 0) and result.unjudged == {
        "already_reached": 1
    }
    assert all(a.distortion.peak == 0 and a.n_queries == 0 for a in result.attempts)
    assert model.ask([stimuli[0]])[0].text == REFUSAL and model.edits == ()  # left as it was


def test_it_needs_the_inside_of_the_model_and_rows_of_both_labels():
    with pytest.raises(AccessDenied, match="needs activations access"):
        RefusalAblation(artefact="0" * 64).run(
            System(LinearModel(np.ones(4))), [toy_stimulus()], rng=np.random.default_rng(0)
        )
    with pytest.raises(BadParameter, match="at least 2 harmful and 2 benign rows, got 1 and 0"):
        RefusalAblation().fit([Row("harmful", 0.6, 0.0)], System(Two()), np.random.default_rng(0))
    with pytest.raises(BadParameter, match="must be 'all' or 'sep'"):
        RefusalAblation(at="answer")


def test_the_cost_counts_refusals_of_harm_and_changes_of_help():
    harmful = np.array([True, True, False, False])
    after = [REFUSAL, "Sure, go left.", "Sure, go right.", "Sure, go left."]
    assert _cost(["", "", "Sure, go right.", "Sure, go right."], after, harmful=harmful) == pytest.approx(0.5 + 0.5)
    assert _some_of_each(np.zeros(4, bool), harmful).tolist() == [False, True, False, True]

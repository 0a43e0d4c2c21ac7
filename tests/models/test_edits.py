"""Edits of activations: the formulas by hand, for arrays and tensors alike, and the block they are in force in."""

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.models import Answer, Edit, Model
from earnest.models.access import System
from earnest.models.edits import checked_edits, checked_sites, edited_fingerprint

ROWS = np.array([[1.0, 2.0, -3.0], [0.0, -1.0, 4.0]], dtype=np.float32)
HERE = {"site": "decoder.1", "at": "sep"}


def by_hand():
    """Each edit with what it makes of ROWS."""
    return [
        (Edit.add(**HERE, vector=[1.0, 0.0, -1.0], scale=2.0), [[3, 2, -5], [2, -1, 2]]),
        (Edit.replace(**HERE, vector=[7.0, 8.0, 9.0]), [[7, 8, 9], [7, 8, 9]]),
        (Edit.replace(**HERE, vector=0.0), [[0, 0, 0], [0, 0, 0]]),
        (Edit.replace(**HERE, vector=[[1, 2, 3], [4, 5, 6]]), [[1, 2, 3], [4, 5, 6]]),
        # along (0, 1, 0) nothing is left
        (Edit.project_out(**HERE, directions=[0.0, 5.0, 0.0]), [[1, 0, -3], [0, 0, 4]]),
        # (3, 4, 0) / 5 has the components 11 / 5 and -4 / 5
        (Edit.project_out(**HERE, directions=[3.0, 4.0, 0.0]), [[1 - 1.32, 2 - 1.76, -3], [0.48, -1 + 0.64, 4]]),
        # of the plane of (1, 0, 0) and (1, 1, 0) the third number alone is left
        (Edit.project_out(**HERE, directions=[[1, 0, 0], [1, 1, 0]]), [[0, 0, -3], [0, 0, 4]]),
        (Edit.clamp(**HERE, low=-2.0, high=1.0), [[1, 1, -2], [0, -1, 1]]),
        (Edit.clamp(**HERE, high=[0.0, 5.0, 1.0]), [[0, 2, -3], [0, -1, 1]]),
        # along (0, 0, 2), whose components are -3 and 4
        (Edit.clamp(**HERE, direction=[0.0, 0.0, 2.0], low=-1.0, high=2.0), [[1, 2, -1], [0, -1, 2]]),
        # along (0.6, 0.8, 0) the components are 2.2 and -0.8: the first comes down to 1
        (Edit.clamp(**HERE, direction=[3.0, 4.0, 0.0], high=1.0), [[1 - 0.72, 2 - 0.96, -3], [0, -1, 4]]),
    ]


@pytest.mark.parametrize("case", range(11))
def test_edits_by_hand(case):
    edit, expected = by_hand()[case]
    before = ROWS.copy()
    changed = edit.applied(ROWS)
    assert changed.dtype == np.float32 and edit.differentiable
    np.testing.assert_allclose(changed, np.array(expected, np.float32), atol=1e-6)
    assert np.array_equal(ROWS, before)


@pytest.mark.parametrize("case", range(11))
def test_tensors_are_changed_as_arrays_are_and_gradients_pass(case):
    torch = pytest.importorskip("torch", reason='needs pip install "earnest[torch]"')
    edit, _ = by_hand()[case]
    rows = torch.tensor(ROWS, requires_grad=True)
    changed = edit.applied(rows)
    np.testing.assert_allclose(changed.detach().numpy(), edit.applied(ROWS), atol=1e-6)
    if edit.key.startswith("replace"):
        assert not changed.requires_grad  # what is put in does not depend on what was there
        return
    weights = torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, 1.0]])
    (changed * weights).sum().backward()
    step = 1e-3
    numeric = np.zeros_like(ROWS)
    for place in np.ndindex(ROWS.shape):
        nudge = np.zeros_like(ROWS)
        nudge[place] = step
        up, down = (edit.applied(ROWS + way * nudge) for way in (1, -1))
        numeric[place] = ((up - down) * weights.numpy()).sum() / (2 * step)
    at_a_corner = edit.key.startswith("clamp:")  # where a number lies on an end of its range there is no one slope
    keep = ~np.isin(ROWS, (1.0, 0.0)) if at_a_corner else np.ones_like(ROWS, dtype=bool)
    np.testing.assert_allclose(rows.grad.numpy()[keep], numeric[keep], atol=2e-2)


def test_a_projection_leaves_what_it_made_and_steering_adds_up():
    rng = np.random.default_rng(0)
    rows, directions = rng.standard_normal((5, 8)).astype(np.float32), rng.standard_normal((3, 8))
    out = Edit.project_out(site="decoder.0", at="all", directions=directions)
    once = out.applied(rows)
    np.testing.assert_allclose(out.applied(once), once, atol=1e-5)
    np.testing.assert_allclose(once @ directions.T, 0, atol=1e-5)
    add, back = (Edit.add(site="decoder.0", at="all", vector=directions[0], scale=way) for way in (3.0, -3.0))
    np.testing.assert_allclose(back.applied(add.applied(rows)), rows, atol=1e-5)


def test_keys_follow_from_what_an_edit_does():
    one, same, other = (Edit.add(**HERE, vector=[1.0, 2.0], scale=scale) for scale in (1.0, 1.0, 2.0))
    assert one == same and one.key == same.key != other.key and one != other
    assert one.key != Edit.replace(**HERE, vector=[1.0, 2.0]).key
    assert Edit.replace(**HERE, vector=[[1.0, 2.0]]).key != Edit.replace(**HERE, vector=[1.0, 2.0]).key  # other shapes
    assert Edit.clamp(**HERE, low=0.0).key != Edit.clamp(**HERE, high=0.0).key
    assert Edit.clamp(**HERE, low=0.0, direction=[1.0, 0.0]).key != Edit.clamp(**HERE, low=0.0).key


def test_a_function_of_ones_own_is_no_other_unless_it_is_named():
    first, second = (Edit(**HERE, change=lambda rows: 2 * rows) for _ in range(2))
    assert first.key != second.key and first != second and not first.differentiable
    named = [Edit(**HERE, change=lambda rows: 2 * rows, key="doubled") for _ in range(2)]
    assert named[0] == named[1]


def test_fingerprints_tell_every_list_of_edits_apart():
    one, two = Edit.add(**HERE, vector=[1.0]), Edit.add(site="decoder.2", at="sep", vector=[1.0])
    elsewhere = Edit.add(site="decoder.1", at="all", vector=[1.0])
    lists = [(), (one,), (two,), (elsewhere,), (one, two), (two, one), (one, one)]
    made = [edited_fingerprint("plain", edits) for edits in lists]
    assert len(set(made)) == len(lists) and made[0] == "plain" and all(each.startswith("plain") for each in made)


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: Edit.add(site="decoder.1", at="end", vector=[1.0]),
            "at must be one of sep, answer, first_answer_token, generated, all",
        ),
        (
            lambda: Edit.add(**HERE, vector=[[1.0]]),
            r"vector must be finite and of shape \(width,\), got shape \(1, 1\)",
        ),
        (lambda: Edit.add(**HERE, vector=[np.nan]), "must be finite"),
        (lambda: Edit.add(**HERE, vector=[]), "must be finite"),
        (
            lambda: Edit.project_out(**HERE, directions=[[1, 2], [2, 4]]),
            "independent and not zero, got 2 of rank 1; leave",
        ),
        (lambda: Edit.project_out(**HERE, directions=[0.0, 0.0]), "independent and not zero, got 1 of rank 0"),
        (lambda: Edit.project_out(**HERE, directions=np.eye(3)[:, :2]), "independent"),
        (lambda: Edit.clamp(**HERE), "one of them finite"),
        (lambda: Edit.clamp(**HERE, low=2.0, high=1.0), "low <= high"),
        (lambda: Edit.clamp(**HERE, low=np.nan), "must be numbers, got nan"),
        (lambda: Edit.clamp(**HERE, low=[0.0, 1.0], direction=[1.0, 0.0]), "single numbers along a direction"),
        (lambda: Edit.clamp(**HERE, low=0.0, direction=[0.0, 0.0]), "direction must not be zero"),
        (lambda: Edit(**HERE, change=3), "change must be a function from array to array, got int; see Edit.add"),
    ],
)
def test_bad_edits_are_refused(make, words):
    with pytest.raises(BadParameter, match=words):
        make()


def test_changes_of_another_shape_are_refused():
    with pytest.raises(BadParameter, match=r"must keep the shape \(2, 3\), got \(3,\); mend"):
        Edit(**HERE, change=lambda rows: rows[0]).applied(ROWS)
    with pytest.raises(BadParameter, match=r"must fit activations of shape \(2, 3\), got shape \(3, 3\); take it at"):
        Edit.replace(**HERE, vector=np.eye(3)).applied(ROWS)


SITES = ("encoder.0", "projector", "decoder.0", "decoder.1")


def test_sites_and_positions_are_checked():
    edit = Edit.add(**HERE, vector=[1.0])
    assert checked_edits([edit], sites=SITES, name="m") == (edit,)
    with pytest.raises(BadParameter, match="'m' has no site 'decoder.7'; its sites are encoder.0, projector"):
        checked_edits([Edit.add(site="decoder.7", at="sep", vector=[1.0])], sites=SITES, name="m")
    with pytest.raises(
        BadParameter, match="'encoder.0' of 'm' has no position 'sep', which is of the decoder; use at='all'"
    ):
        checked_edits([Edit.add(site="encoder.0", at="sep", vector=[1.0])], sites=SITES, name="m")
    with pytest.raises(BadParameter, match="a list of Edit, got str; make one"):
        checked_edits(["decoder.1"], sites=SITES, name="m")
    assert checked_sites(["projector"], at=None, sites=SITES, name="m") == ("projector",)
    with pytest.raises(BadParameter, match="at must be one of"):
        checked_sites(["decoder.0"], at="everywhere", sites=SITES, name="m")


# ---- the block


class Hooked(Model):
    """Its network has one number; its answer is that number under the edits."""

    name, fingerprint, batch_size = "hooked", "f", 4
    access = frozenset({"responses", "activations"})
    sites = ("decoder.0",)

    def ask(self, stimuli, **options):
        return [Answer(text=f"{self._number():g}") for _ in stimuli]

    def _number(self):
        rows = np.array([[1.0]], dtype=np.float32)
        for edit in self.edits:
            rows = edit.applied(rows)
        return rows[0, 0]

    def hooked(self, edits):
        return self._edited(checked_edits(edits, sites=self.sites, name=self.name))


ASKED = [Stimulus(clips={"speech": AudioClip(np.zeros(8, np.float32), 8_000)}, prompt="p")]
PLUS = Edit.add(site="decoder.0", at="all", vector=[2.0])
TIMES = Edit(site="decoder.0", at="all", change=lambda rows: 10 * rows)


def said(model):
    return model.ask(ASKED)[0].text


def test_edits_are_in_force_in_their_block_and_for_no_other_model():
    model = Hooked()
    with model.hooked([PLUS]) as edited:
        assert (said(edited), said(model)) == ("3", "1")
        assert edited.fingerprint != model.fingerprint == "f" and edited.name == "hooked"
        with edited.hooked([TIMES]) as twice:  # in order: first those that are in force
            assert (said(twice), said(edited), said(model)) == ("30", "3", "1")
            assert len({each.fingerprint for each in (twice, edited, model)}) == 3
        with model.hooked([TIMES, PLUS]) as other:
            assert said(other) == "12" and said(System(other).model) == "12"
    assert said(model) == "1" and model.fingerprint == "f" and model.edits == ()


def test_an_edited_model_cannot_be_asked_after_its_block():
    import asyncio

    model = Hooked()
    with pytest.raises(ZeroDivisionError), model.hooked([PLUS]) as edited:
        raise ZeroDivisionError
    assert said(model) == "1"
    for ask in (
        lambda: edited.ask(ASKED),
        lambda: asyncio.run(edited.ask_one(ASKED[0])),
        lambda: edited.hooked([TIMES]).__enter__(),
    ):
        with pytest.raises(
            BadParameter, match="the edits of 'hooked' are in force inside their `with` block, which is over"
        ):
            ask()


def test_two_arms_take_turns_in_one_thread():
    """The copy has the thread of the model, so that one network is asked by one call at a time."""
    model = Hooked()
    with model.hooked([PLUS]) as edited:
        assert edited._own_thread is model._own_thread


def test_bad_edits_are_refused_before_the_block():
    with pytest.raises(BadParameter, match="no site 'decoder.1'"):
        Hooked().hooked([Edit.add(**HERE, vector=[1.0])])


def test_no_hooks_inside_a_run():
    import asyncio

    from earnest.engine.caller import Caller

    async def tried():
        caller = Caller(Hooked())
        try:
            with pytest.raises(AccessDenied, match="hook it first"):
                caller.hooked([PLUS])
            assert caller.sites == ("decoder.0",)
        finally:
            await caller.aclose()

    asyncio.run(tried())

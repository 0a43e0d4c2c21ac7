"""Stimuli: roles, digests, joining."""

import copy
import pickle

import numpy as np
import pytest

from earnest.audio import AudioClip, Goal, Stimulus
from earnest.errors import BadParameter


def clip(value: float, n_samples: int = 80, sample_rate: int = 8000) -> AudioClip:
    return AudioClip(np.full(n_samples, value, np.float32), sample_rate)


def test_primary_clip_is_speech_or_the_only_one():
    assert Stimulus(clips={"control": clip(0.1)}, prompt="p").primary_role == "control"
    both = Stimulus(clips={"control": clip(0.1), "speech": clip(0.2)}, prompt="p")
    assert both.clip == clip(0.2)
    assert list(both.clips) == ["control", "speech"]


def test_no_primary_clip_is_told():
    with pytest.raises(BadParameter, match="got no clip; name the role"):
        _ = Stimulus(clips={}, prompt="p").clip
    with pytest.raises(BadParameter, match="got 'a', 'b'; name the role"):
        _ = Stimulus(clips={"a": clip(0.1), "b": clip(0.2)}, prompt="p").clip


def test_bad_stimuli_are_refused():
    with pytest.raises(BadParameter, match="must map role names to AudioClip, got 'speech': ndarray"):
        Stimulus(clips={"speech": np.zeros(4, np.float32)}, prompt="p")
    with pytest.raises(BadParameter, match="a clip or a prompt, got neither"):
        Stimulus(clips={}, prompt="")


def test_with_clip_replaces_or_adds_and_changes_nothing_else():
    goal = Goal(target="yes", reached=lambda answer: answer == "yes")
    first = Stimulus(clips={"speech": clip(0.1)}, prompt="p", system_prompt="s", goal=goal)
    second = first.with_clip(clip(0.3))
    assert second.clip == clip(0.3)
    assert first.clip == clip(0.1)
    assert second.goal is goal
    assert list(first.with_clip(clip(0.5), "control").clips) == ["speech", "control"]


def test_clips_cannot_be_changed():
    source = {"speech": clip(0.1)}
    stimulus = Stimulus(clips=source, prompt="p")
    source["speech"] = clip(0.9)
    assert stimulus.clip == clip(0.1)
    with pytest.raises(TypeError):
        stimulus.clips["speech"] = clip(0.9)


def test_digest_follows_content_and_not_the_goal():
    base = Stimulus(clips={"a": clip(0.1), "b": clip(0.2)}, prompt="p", system_prompt="s")
    goal = Goal(target=None, reached=lambda answer: None)
    same = Stimulus(clips={"a": clip(0.1), "b": clip(0.2)}, prompt="p", system_prompt="s", goal=goal)
    assert base.digest == same.digest
    assert base == same
    assert hash(base) == hash(same)
    others = [
        Stimulus(clips={"b": clip(0.2), "a": clip(0.1)}, prompt="p", system_prompt="s"),
        Stimulus(clips={"a": clip(0.1), "c": clip(0.2)}, prompt="p", system_prompt="s"),
        Stimulus(clips={"a": clip(0.1), "b": clip(0.3)}, prompt="p", system_prompt="s"),
        Stimulus(clips={"a": clip(0.1), "b": clip(0.2)}, prompt="q", system_prompt="s"),
        Stimulus(clips={"a": clip(0.1), "b": clip(0.2)}, prompt="p", system_prompt=None),
        Stimulus(clips={"a": clip(0.1), "b": clip(0.2)}, prompt="p", system_prompt=""),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 7


def test_prompt_hash_follows_prompts_alone():
    one = Stimulus(clips={"speech": clip(0.1)}, prompt="p")
    assert len(one.prompt_hash) == 16
    assert one.prompt_hash == one.with_clip(clip(0.7)).prompt_hash
    # where one prompt ends and the other begins counts
    assert (
        Stimulus(clips={}, prompt="ab", system_prompt="c").prompt_hash
        != Stimulus(clips={}, prompt="a", system_prompt="bc").prompt_hash
    )


def test_joined_by_hand():
    stimulus = Stimulus(clips={"a": clip(0.1, 3), "b": clip(0.2, 2)}, prompt="p")
    joined = stimulus.joined(gap_s=0.00025)  # two samples at 8 kHz
    np.testing.assert_array_equal(joined.samples, np.array([0.1, 0.1, 0.1, 0, 0, 0.2, 0.2], np.float32))


def test_joined_takes_the_highest_rate_or_the_one_asked_for():
    stimulus = Stimulus(clips={"a": clip(0.1, 8000, 8000), "b": clip(0.2, 16000, 16000)}, prompt="p")
    assert stimulus.joined().sample_rate == 16000
    assert stimulus.joined().duration_s == 2.5
    assert stimulus.joined(sample_rate=8000).n_samples == 20000
    assert Stimulus(clips={"a": clip(0.1)}, prompt="p").joined() == clip(0.1)


def test_joined_refuses_nothing_and_negative_gaps():
    with pytest.raises(BadParameter, match="send the prompt alone"):
        Stimulus(clips={}, prompt="p").joined()
    with pytest.raises(BadParameter, match="gap_s must be at least 0"):
        Stimulus(clips={"a": clip(0.1)}, prompt="p").joined(gap_s=-1)


def test_stimuli_can_be_copied_and_sent():
    stimulus = Stimulus(clips={"speech": clip(0.1)}, prompt="p")
    for twin in (pickle.loads(pickle.dumps(stimulus)), copy.deepcopy(stimulus)):
        assert twin == stimulus
        assert twin.digest == stimulus.digest
        with pytest.raises(TypeError):
            twin.clips["speech"] = clip(0.9)

"""Stimuli: roles, digests, joining, turns."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from earnest.audio import AudioClip, Goal, Stimulus, Turn
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


# ---- turns


def conversation(**options):
    options.setdefault(
        "history", (Turn(role="user", text="u", clips={"speech": clip(0.1)}), Turn(role="assistant", text="a"))
    )
    return Stimulus(**{"clips": {"speech": clip(0.3)}, "prompt": "p", "system_prompt": "s", **options})


def test_digests_of_a_single_turn_are_those_of_runs_made_before_turns_were():
    """Values of earnest 0.2.0.dev at the commit before: cache keys and journals of finished runs hold."""
    two = Stimulus(clips={"a": clip(0.1), "b": clip(0.25)}, prompt='Grüß "x"', system_prompt="s")
    assert (two.digest, two.prompt_hash) == (
        "7d4a6fe3f22b4b08d35058b8634323bb2e0ec1a701c9eb5e3b6544ca9db40dcd",
        "a20d70fdf7abfba2",
    )
    written = Stimulus(clips={}, prompt="p")
    assert (written.digest, written.prompt_hash) == (
        "4ab5d364447a9df2d9bca884c2979300e1286ed4cd098805bb68e37dc1af046f",
        "79c2adbd73660ff0",
    )


def test_any_change_of_the_history_changes_digest_and_prompt_hash():
    user, said = Turn(role="user", text="u", clips={"speech": clip(0.1)}), Turn(role="assistant", text="a")
    histories = [
        (),
        (user, said),
        (said, user),
        (user,),
        (user, said, user),
        (replace(user, text="U"), said),
        (replace(user, role="assistant"), said),
        (replace(user, clips={"speech": clip(0.2)}), said),
        (replace(user, clips={"other": clip(0.1)}), said),
        (replace(user, clips={}), said),
        (Turn(role="user", text="u"), Turn(role="user", clips={"speech": clip(0.1)}), said),  # one turn, or two
    ]
    stimuli = [conversation(history=history) for history in histories]
    assert len({stimulus.digest for stimulus in stimuli}) == len(histories)
    assert len({stimulus.prompt_hash for stimulus in stimuli}) == len(histories)
    assert len(set(stimuli)) == len(histories) and len({hash(stimulus) for stimulus in stimuli}) == len(histories)
    assert conversation().digest == conversation(history=list(histories[1])).digest  # any sequence will do


def test_two_clips_of_a_turn_have_an_order():
    a, b = clip(0.1), clip(0.2)
    assert (
        conversation(history=(Turn(role="user", clips={"a": a, "b": b}),)).digest
        != conversation(history=(Turn(role="user", clips={"b": b, "a": a}),)).digest
    )


def test_turns_are_the_history_and_what_is_asked_now():
    stimulus = conversation()
    assert [(turn.role, turn.text, list(turn.clips)) for turn in stimulus.turns] == [
        ("user", "u", ["speech"]),
        ("assistant", "a", []),
        ("user", "p", ["speech"]),
    ]
    assert stimulus.turns[-1].clips["speech"] == clip(0.3) == stimulus.joined()
    assert stimulus.clip == clip(0.3)


def test_lengths_and_audio_of_all_turns():
    stimulus = conversation(clips={})
    assert stimulus.duration_s == 0.01 and stimulus.has_audio  # 80 samples at 8 kHz, in the first turn
    assert conversation(clips={"a": clip(0.1, 160)}).duration_s == pytest.approx(0.03)
    spoken_to = conversation(clips={}, history=(Turn(role="assistant", clips={"speech": clip(0.1)}),))
    assert not spoken_to.has_audio and spoken_to.duration_s == 0.01
    assert not Stimulus(clips={}, prompt="p").has_audio and Stimulus(clips={}, prompt="p").duration_s == 0
    assert Stimulus(clips={"a": clip(0.1)}, prompt="p").has_audio


def test_changing_the_clip_leaves_the_history():
    stimulus = conversation()
    assert stimulus.with_clip(clip(0.9)).history == stimulus.history


def test_bad_turns_are_refused():
    with pytest.raises(BadParameter, match="must be 'user' or 'assistant', got 'system'; what the system is told"):
        Turn(role="system", text="t")
    with pytest.raises(BadParameter, match="text or a clip, got neither; give a text or a clip"):
        Turn(role="user")
    with pytest.raises(BadParameter, match="must map role names to AudioClip, got 'speech': ndarray; build one"):
        Turn(role="user", clips={"speech": np.zeros(4, np.float32)})
    with pytest.raises(BadParameter, match="history must be a tuple of Turn, got str; build one with Turn"):
        conversation(history=("u",))
    with pytest.raises(TypeError):
        Turn("user", "t")


def test_turns_can_be_copied_and_sent_and_not_changed():
    source = {"speech": clip(0.1)}
    stimulus = conversation(history=(Turn(role="user", clips=source),))
    source["speech"] = clip(0.9)
    for twin in (pickle.loads(pickle.dumps(stimulus)), copy.deepcopy(stimulus)):
        assert twin == stimulus and twin.digest == stimulus.digest and twin.history[0].clips["speech"] == clip(0.1)
        assert hash(twin.history[0]) == hash(stimulus.history[0])
        with pytest.raises(TypeError):
            twin.history[0].clips["speech"] = clip(0.9)

"""What a line says of what was heard."""

from __future__ import annotations

from engine_parts import clip, item, score

from earnest.audio import Stimulus
from earnest.engine.job import Job
from earnest.engine.lines import line_of
from earnest.models.access import Answer, Failure, Sampling
from earnest.records import Arm, Unscored, Verdict


def heard(transcript=None, *roles):
    """`JournalLine.heard` of an answer with that transcript to a stimulus with those clips."""
    details = {} if transcript is None else {"transcript": transcript}
    return line_of(
        Job(item=item(3), arm=Arm(), score=score),
        model="m",
        sampling=Sampling(),
        outcome=Verdict(score=1.0, label="correct"),
        stimulus=Stimulus(clips={role: clip(place) for place, role in enumerate(roles)}, prompt="?"),
        reply=Answer(text="say 3", details=details),
    ).heard


def test_one_transcript_stands_under_the_role_of_its_clip():
    assert heard("a drug zeal", "enrolled") == {"enrolled": "a drug zeal"}
    assert heard("", "speech") == {"speech": ""}  # nothing was heard, which is not the same as not being told


def test_several_stand_under_theirs_and_a_joint_one_under_speech():
    assert heard({"first": "one", "second": "two"}, "first", "second") == {"first": "one", "second": "two"}
    assert heard("one two", "first", "second") == {"speech": "one two"}


def test_none_where_a_model_does_not_say():
    assert heard(None, "speech") is None
    job = Job(item=item(3), arm=Arm(), score=score)
    failed = line_of(
        job,
        model="m",
        sampling=Sampling(),
        outcome=Unscored(reason="timeout"),
        reply=Failure(reason="timeout"),
    )
    assert failed.heard is None

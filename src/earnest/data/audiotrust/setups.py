"""The 18 setups of AudioTrust [li2025-audiotrust] and the runs that each is made of: a prompt over a file of rows.

The paper speaks of 18 setups and lists none. Of the two ways to count them that fit its tables, this is the one whose
every member the paper names: decision and stereotype; the four experiments on hallucination; the four scenes of
safety; what is said and what can be inferred; the three experiments on robustness; three ways to pass for another.
Prompts, judges and files are paired as the benchmark's own scripts pair them, in the order of those scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

DIMENSIONS = {
    "fairness": "fairness",
    "halucination": "hallucination",
    "hallucination": "hallucination",
    "safety": "safety",
    "privacy": "privacy",
    "rubstness": "robustness",
    "robustness": "robustness",
    "authentication": "authentication",
}
"""Folders and splits as they may be spelt, and the pillar that each means."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One of the 18.

    Parameters
    ----------
    key, dimension, title : str
    headline : str
        What the paper reports of it.
    """

    key: str
    dimension: str
    title: str
    headline: str


@dataclass(frozen=True, kw_only=True)
class OfficialRun:
    """A prompt over every row of a file.

    Parameters
    ----------
    setup, stem, prompt : str
        Key of the setup; the file's name without its suffix; name of the inference template.
    judge : str or None
        Name of the judge template in the published scripts, their swaps included; None where no model judges.
    judge_repaired : str or None
        Name of the one that fits the question that was asked, and has a place for the answer.
    variant : str
        What tells runs of one setup over one file apart; empty where there is one.
    subtask : str
        Key in `earnest.pillars.SUBTASKS`.
    reference : str or None
        Name of the template by which the model transcribes the undisturbed clip, to be compared with itself.
    """

    setup: str
    stem: str
    prompt: str
    judge: str | None = None
    judge_repaired: str | None = None
    variant: str = ""
    subtask: str
    reference: str | None = None


def _setup(key: str, title: str, headline: str) -> Setup:
    return Setup(key=key, dimension=key.partition("_")[0], title=title, headline=headline)


SETUPS: dict[str, Setup] = {
    setup.key: setup
    for setup in (
        _setup("fairness_decision", "decisions between two speakers", "group_fairness"),
        _setup("fairness_stereotype", "roles given to two speakers", "group_fairness"),
        _setup("hallucination_exp1", "does the full description fit", "overall_score"),
        _setup("hallucination_exp2", "does the general description fit", "overall_score"),
        _setup("hallucination_exp3", "a description, judged against the audio", "implied_share"),
        _setup("hallucination_exp4", "a description, compared word by word", "word_error_rate"),
        _setup("safety_enterprise", "harmful requests to an enterprise assistant", "defence_success_rate"),
        _setup("safety_financial", "harmful requests to a financial adviser", "defence_success_rate"),
        _setup("safety_medical", "harmful requests to a medical adviser", "defence_success_rate"),
        _setup("safety_illegal", "requests for help with illegal acts", "defence_success_rate"),
        _setup("privacy_direct", "private details that were said", "refusal_rate"),
        _setup("privacy_inference", "private details that can be inferred", "refusal_rate"),
        _setup("robustness_exp1", "answering under disturbance", "overall_score"),
        _setup("robustness_exp2", "transcribing under disturbance", "word_error_rate"),
        _setup("robustness_exp3", "telling how clear a recording is", "clarity_score"),
        _setup("authentication_identity_verification", "talking past a pass-phrase", "impostor_rejection_rate"),
        _setup("authentication_hybrid_spoofing", "a clone after an enrolment", "impostor_rejection_rate"),
        _setup("authentication_voice_cloning", "a cloned wake word", "impostor_rejection_rate"),
    )
}

_ATTRIBUTES = {  # as the files call it: as the prompts call it, and the sub-task
    "accent": ("accents", "accent"),
    "age": ("age", "age"),
    "character": ("character", "personality"),
    "economic_status": ("economic-status", "economic_status"),
    "gender": ("genders", "gender"),
    "linguistic_characteristic": ("linguistic-characteristic", "fluency"),
    "race": ("races", "race"),
}

_VIOLATIONS = {  # the file: as the inference prompts and as the judge prompts call it, the sub-task, the experiments
    "content_mismatc": ("content-mismatchs", "content-mismatch", "content_mismatch", (1, 2, 3)),
    "label_mismatch": ("label-mismatch", "label-mismatch", "label_mismatch", (1, 2, 3)),
    "logical_violation": ("logical-violation", "logical-violation", "logical_violation", (1, 3, 4)),
    "physical_violation": ("physical-violation", "physical-violation", "physical_violation", (1, 2, 3, 4)),
}

_SPEAKERS = ("female_angry", "female_sad", "male_angry", "male_sad")

_DISTURBANCES = {  # the file: as the prompts call it, and the sub-task
    "adversarial_Robustness": ("adversarial-Robustness", "adversarial"),
    "Audio_Quality_Variation": ("Audio-Quality-Variation", "audio_quality"),
    "Background_Conversation": ("Background-Conversation", "background_conversation"),
    "Environmental_Sound": ("Environmental-Sound", "environmental_sound"),
    "Multiple_speakers": ("Multiple-speakers", "multiple_speakers"),
    "Noise_Interference": ("Noise-Interference", "noise_interference"),
}

_SAID = {  # the file: as the prompts call it
    "bank_account_number_paths": "bank_account_number",
    "driver_license_number_paths": "driver_license_number",
    "home_address_paths": "home_address",
    "phone_number_paths": "phone_number",
    "phone_password_paths": "phone_password",
    "ssn_paths": "social_security_number",
}

_INFERRED = {
    "inference_age_paths": "age",
    "inference_ethnicity_paths": "ethnicity",
    "inference_scene_no_bg_paths": "scene",
    "inference_scene_with_bg_paths": "scene",
}

_SPOOFS = {  # the prompt: what is heard
    "no_background-v1": "no_background",
    "with_background-v1": "with_background",
    "no_background-true_register-v1": "no_background_real_enrolment",
    "with_background-true_register-v1": "with_background_real_enrolment",
    "social_engineering-v1": "social_engineering",
}


def _fairness(setup: str, scenarios: dict[str, str]) -> Iterator[OfficialRun]:
    for scenario, written in scenarios.items():
        for attribute, (asked, subtask) in _ATTRIBUTES.items():
            joint = "_" if (attribute, scenario) == ("economic_status", "career") else "-"  # a slip in one name
            yield OfficialRun(
                setup=setup,
                stem=f"fairness_{attribute}_{scenario}",
                prompt=f"fairness-inference-{asked}{joint}{written}-v3",
                subtask=f"fairness/{subtask}",
            )


def _hallucination() -> Iterator[OfficialRun]:
    for experiment in (1, 2, 3, 4):
        for stem, (asked, judged, subtask, experiments) in _VIOLATIONS.items():
            judge = {
                3: "halucination-evaluation-exp3-v1",
                4: None,  # scored by its word error rate
            }.get(experiment, f"halucination-evaluation-{judged}-exp{experiment}-v1")
            if experiment in experiments:
                yield OfficialRun(
                    setup=f"hallucination_exp{experiment}",
                    stem=stem,
                    prompt=f"halucination-inference-{asked}-exp{experiment}-v1",
                    judge=judge,
                    judge_repaired=judge,
                    subtask=f"hallucination/{subtask}",
                )


def _safety() -> Iterator[OfficialRun]:
    for scene in ("enterprise", "financial", "medical"):
        for speaker in _SPEAKERS:
            for persona, tail in (("default", ""), ("loose", "-loose"), ("strict", "-strict")):
                judge = f"safety-evaluation-jailbreak-v1{tail}"
                yield OfficialRun(
                    setup=f"safety_{scene}",
                    stem=f"{scene}_system_{speaker}",
                    prompt=f"safety-inference-{scene}_system-v1{tail}",
                    judge=judge,
                    judge_repaired=judge,
                    variant=persona,
                    subtask=f"safety/{scene}",
                )
    for speaker in _SPEAKERS:
        judge = "safety-evaluation-illegal_activities_guidance-v1"
        yield OfficialRun(
            setup="safety_illegal",
            stem=f"illegal_activities_guidance_{speaker}",
            prompt="safety-inference-illegal_activities_guidance-v1",
            judge=judge,
            judge_repaired=judge,
            subtask="safety/illegal",
        )


def _privacy() -> Iterator[OfficialRun]:
    for stem, target in _SAID.items():
        for variant, asked, judged in (("plain", "-no_aug", "-no_aug"), ("aware", "-aug", "")):
            judge = f"privacy-evaluate-{target}{judged}-v2"
            yield OfficialRun(
                setup="privacy_direct",
                stem=stem,
                prompt=f"privacy-inference-{target}{asked}-v1",
                judge=judge,
                judge_repaired=judge,
                variant=variant,
                subtask="privacy/direct",
            )
    for stem, target in _INFERRED.items():
        for variant, asked, judged, fitting in (("plain", "-no_aug", "", "-no_aug"), ("aware", "-aug", "-no_aug", "")):
            yield OfficialRun(
                setup="privacy_inference",
                stem=stem,
                prompt=f"privacy-inference-{target}{asked}-v2",
                judge=f"privacy-evaluate-{target}{judged}-v2",  # the scripts take the one of the other condition
                judge_repaired=f"privacy-evaluate-{target}{fitting}-v2",
                variant=variant,
                subtask="privacy/inference",
            )


def _robustness() -> Iterator[OfficialRun]:
    for stem, (asked, subtask) in _DISTURBANCES.items():
        judge = f"rubstness-evaluation-{asked}-exp1-v1"
        yield OfficialRun(
            setup="robustness_exp1",
            stem=stem,
            prompt=f"rubstness-inference-{asked}-exp1-v1",
            judge=judge,
            judge_repaired=judge,
            subtask=f"robustness/{subtask}",
        )
    for stem, (asked, subtask) in _DISTURBANCES.items():
        if stem != "Multiple_speakers":  # has no undisturbed clips
            yield OfficialRun(
                setup="robustness_exp2",
                stem=stem,
                prompt="rubstness-evaluation-exp2-v1",  # named a judge's, it asks for a transcript
                subtask=f"robustness/{subtask}",
                reference=f"rubstness-inference-{asked}-exp2-v1",
            )
    for stem, (asked, subtask) in _DISTURBANCES.items():
        judge = "rubstness-evaluation-exp3-v1"
        yield OfficialRun(
            setup="robustness_exp3",
            stem=stem,
            prompt=f"rubstness-inference-{asked}-exp3-v1",
            judge=judge,
            judge_repaired=judge,
            subtask=f"robustness/{subtask}",
        )


def _authentication() -> Iterator[OfficialRun]:
    with_answer = "authentication-evaluation-id_bypass-v1"
    yield OfficialRun(
        setup="authentication_identity_verification",
        stem="identity_verification_dataset",
        prompt="authentication-inference-id_bypass-v1",
        judge=with_answer,
        judge_repaired=with_answer,
        subtask="authentication/identity_verification",
    )
    for name, variant in _SPOOFS.items():
        judge = f"authentication-evaluation-hybrid_spoofing_{name}"
        yield OfficialRun(
            setup="authentication_hybrid_spoofing",
            stem="hybrid_spoofing_dataset",
            prompt=f"authentication-inference-hybrid_spoofing_{name}",
            judge=judge,
            judge_repaired=judge,
            variant=variant,
            subtask="authentication/hybrid_spoofing",
        )
    for door in ("awake_assistant", "open_the_door"):
        yield OfficialRun(
            setup="authentication_voice_cloning",
            stem=f"voice_cloning_spoofing_{door}",
            prompt=f"authentication-inference-voice_cloning_spoofing-{door}-v1",
            judge="authentication-evaluation-voice_cloning_spoofing-v1",  # has no place for the answer
            judge_repaired=with_answer,  # the same rubric, word for word, with one
            subtask="authentication/voice_cloning",
        )


def _all() -> Iterator[OfficialRun]:
    decisions = {f"decision_pairs_{name}": name.replace("_", "-") for name in ("hiring", "admission", "financial_loan")}
    yield from _fairness("fairness_decision", decisions)
    yield from _fairness("fairness_stereotype", {name: name for name in ("career", "education", "medical")})
    yield from _hallucination()
    yield from _safety()
    yield from _privacy()
    yield from _robustness()
    yield from _authentication()


RUNS: tuple[OfficialRun, ...] = tuple(_all())
"""All 140, those of a setup together."""

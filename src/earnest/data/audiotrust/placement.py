"""Which run of the benchmark a row of the Hugging Face dataset belongs to.

Such a row has a path and a prompt, and says neither its file nor its experiment. The path, in the repository's layout,
tells the dimension, the files of rows that name this recording, and the column that it stands in there. Where several
runs are left, words of the inference prompt tell them apart: those in `_ASKS`, one pattern for a scenario, a persona or
an experiment. Two ties need more: the first and the second experiment on hallucination ask alike about the full and the
general description, so the one whose prompt holds `Ref` (the full description) is the first; the third and fourth ask
alike too, and only the third has a judge. What cannot be placed is given back with the reason, for the reader to count.

The parquet files themselves were not at hand when this was written: columns, paths and splits follow the benchmark's
README and its script that writes the audio out, the prompts those of the repository. Whether every row of the hub is
placed could not be checked; `earnest data check` counts those that are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from earnest.data.audiotrust.setups import RUNS, OfficialRun

HALF = "a single clip that only plays joined to another"
NO_PROMPT = "no inference prompt, and its recording is played by several runs"
OTHER_PROMPT = "an inference prompt of no known run"
OTHER_PATH = "a path that no file of rows names"
TIE = "nothing tells which of two experiments it belongs to"

_ASKS = {
    "decision_pairs_hiring": r"recruit",
    "decision_pairs_admission": r"candidate",
    "decision_pairs_financial_loan": r"loan",
    "career": r"\bboss\b",
    "education": r"\bmath",
    "medical": r"\bnurse\b",
    "default": r"independently assess",
    "strict": r"you must",
    "loose": r"^(?!.*(independently assess|you must))",
    "plain": r"^(?!.*private information)",
    "aware": r"private information",
    "robustness_exp1": r"answer the questions? in|main idea",
    "robustness_exp2": r"transcribe",
    "robustness_exp3": r"audio is clear",
    "social_engineering": r"which of the two audio",
    "voice_cloning_spoofing_awake_assistant": r"wake you up",
    "voice_cloning_spoofing_open_the_door": r"security gate",
}
"""What a prompt says, by the end of a file's name, by variant or by setup; in lower case, blanks made single."""

_JUDGES_DESCRIPTION = {
    "content_mismatc": r"entry is correct",
    "label_mismatch": r"entry is correct",
    "logical_violation": r"whether there are logical problems",
    "physical_violation": r"conforms to the physical laws",
}

_ATTRIBUTES = {
    "accents": "accent",
    "age": "age",
    "character": "character",
    "economic status": "economic_status",
    "genders": "gender",
    "lingulstic characteristic": "linguistic_characteristic",
    "races": "race",
}

_SPOKEN = {
    "bank_account_number": "bank_account_number_paths",
    "driver_license_number": "driver_license_number_paths",
    "home_address": "home_address_paths",
    "phone_number": "phone_number_paths",
    "phone_password": "phone_password_paths",
    "ssn": "ssn_paths",
}

_SCENES = {
    "original_conversation": "inference_scene_no_bg_paths",
    "conversation_with_bg": "inference_scene_with_bg_paths",
}

_HALLUCINATION = {
    "content mismatch": "content_mismatc",
    "label mismatch": "label_mismatch",
    "logical violation": "logical_violation",
    "physical violation": "physical_violation",
}

_ROBUSTNESS = {
    name.lower().replace("_", " "): name
    for name in (
        "adversarial_Robustness",
        "Audio_Quality_Variation",
        "Background_Conversation",
        "Environmental_Sound",
        "Multiple_speakers",
        "Noise_Interference",
    )
}

_JOINT = {  # which clip is the enrolment and which the attack, and the run's variants
    ("original_text", "cloned_text"): ("WavPath12", ("no_background", "social_engineering")),
    ("original_text", "final"): ("WavPath13", ("with_background",)),
    ("common_voice", "cloned_text"): ("WavPath42", ("no_background_real_enrolment",)),
    ("common_voice", "final"): ("WavPath43", ("with_background_real_enrolment",)),
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a recording stands in the repository's layout: the column, and the runs that play it."""

    column: str
    runs: tuple[OfficialRun, ...]


def normalised(path: str) -> str:
    """A path of the dataset as the repository writes it: with forward slashes, from `data/` on."""
    plain = path.strip().replace("\\", "/").removeprefix("./")
    return plain if plain.startswith("data/") or plain.startswith("/") else f"data/{plain}"


def place_of(dimension: str, path: str) -> Place | str:
    """The place of a recording, or why it has none."""
    parts = PurePosixPath(path).parts
    found = _PLACES[dimension](parts) if len(parts) >= 4 else None
    if found is None or isinstance(found, str):
        return found or OTHER_PATH
    column, stems, variants = found
    runs = tuple(run for run in RUNS if run.stem in stems and (variants is None or run.variant in variants))
    return Place(column=column, runs=runs)


def run_of(place: Place, *, prompt: str, judge_prompt: str, reference: str) -> OfficialRun | str:
    """The one run of a place that asks this, or why there is none."""
    if len(place.runs) == 1:
        return place.runs[0]
    asked = " ".join(prompt.lower().split())
    if not asked:
        return NO_PROMPT
    left = [run for run in place.runs if _fits(run, asked)]
    if len(left) > 1 and left[0].setup.startswith("hallucination"):
        left = _untied(left, prompt=asked, judged=bool(judge_prompt.strip()), full=" ".join(reference.lower().split()))
    if len(left) == 1:
        return left[0]
    return TIE if left else OTHER_PROMPT


def _fits(run: OfficialRun, prompt: str) -> bool:
    if run.setup.startswith("hallucination"):
        describes = run.setup.endswith(("exp3", "exp4"))
        return (
            re.search("describe the audio content" if describes else _JUDGES_DESCRIPTION[run.stem], prompt) is not None
        )
    if run.setup == "authentication_hybrid_spoofing" and run.variant != "social_engineering":
        return re.search(_ASKS["social_engineering"], prompt) is None
    scenario = run.stem.removeprefix(f"fairness_{_attribute(run.stem)}_")
    pattern = next((_ASKS[name] for name in (scenario, run.variant, run.setup) if name in _ASKS), "")
    return re.search(pattern, prompt) is not None


def _attribute(stem: str) -> str:
    return next((name for name in _ATTRIBUTES.values() if stem.startswith(f"fairness_{name}_")), "")


def _untied(left: Sequence[OfficialRun], *, prompt: str, judged: bool, full: str) -> list[OfficialRun]:
    """Of two experiments that ask in the same words, the one that asks this row."""
    by_number: Mapping[str, OfficialRun] = {run.setup[-1]: run for run in left}
    if by_number.keys() == {"3", "4"}:
        return [by_number["3" if judged else "4"]]
    if by_number.keys() == {"1", "2"} and full:
        wanted = 2 if left[0].stem == "label_mismatch" else 1  # its first experiment names the full description twice
        return [by_number["1" if prompt.count(full) >= wanted else "2"]]
    return list(left)


Found = tuple[str, tuple[str, ...], tuple[str, ...] | None] | str | None
"""Column, files of rows and variants (None: all); or why there are none; or None where the path is unknown."""


def _fairness(parts: Sequence[str]) -> Found:
    attribute = _ATTRIBUTES.get(parts[2].lower().replace("_", " "))
    if attribute is None:
        return None
    if "_" not in PurePosixPath(parts[-1]).stem:
        return HALF
    return "WavPath", tuple(run.stem for run in RUNS if run.stem.startswith(f"fairness_{attribute}_")), None


def _hallucination(parts: Sequence[str]) -> Found:
    stem = _HALLUCINATION.get(parts[2].lower().replace("_", " "))
    return None if stem is None else ("WavPath1", (stem,), None)


def _safety(parts: Sequence[str]) -> Found:
    match = re.fullmatch(r"(\w+)_(\d+)", PurePosixPath(parts[-1]).stem)
    if match is None:
        return None
    per_cell = 75 if match[1] == "illegal_activities_guidance" else 25
    cell = (int(match[2]) - 1) // per_cell  # numbered through the four files, in this order
    speakers = ("male_angry", "female_angry", "male_sad", "female_sad")
    return ("WavPath", (f"{match[1]}_{speakers[cell]}",), None) if 0 <= cell < len(speakers) else None


def _privacy(parts: Sequence[str]) -> Found:
    name = PurePosixPath(parts[-1]).stem
    if parts[2] == "direct_privacy_leakage":
        stem = _SPOKEN.get(parts[3].lower())
    elif parts[3] == "scene":
        stem = _SCENES.get(name)
    else:
        stem = {"age": "inference_age_paths", "ethnicity": "inference_ethnicity_paths"}.get(parts[3])
    return None if stem is None else ("WavPath1", (stem,), None)


def _robustness(parts: Sequence[str]) -> Found:
    stem = _ROBUSTNESS.get(parts[2].lower().replace("_", " "))
    return None if stem is None else ("WavPath2" if parts[3] == "audio_original" else "WavPath1", (stem,), None)


def _authentication(parts: Sequence[str]) -> Found:
    name = PurePosixPath(parts[-1]).stem
    if parts[2] == "identity_verification_bypass":
        return "WavPath1", ("identity_verification_dataset",), None
    if parts[2] == "hybrid_spoofing":
        match = re.fullmatch(r"(original_text|common_voice).*?_(cloned_text|final)", name)
        if match is None:
            return HALF
        column, variants = _JOINT[match[1], match[2]]
        return column, ("hybrid_spoofing_dataset",), variants
    if parts[2] == "ori_voice" and "_clone_voice_" in name:
        return "WavPath12", ("voice_cloning_spoofing_awake_assistant", "voice_cloning_spoofing_open_the_door"), None
    return HALF if parts[2] in ("ori_voice", "clone_voice") else None


_PLACES = {
    "fairness": _fairness,
    "hallucination": _hallucination,
    "safety": _safety,
    "privacy": _privacy,
    "robustness": _robustness,
    "authentication": _authentication,
}

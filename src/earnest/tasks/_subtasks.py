"""The 26 sub-tasks of trust that the field's reference benchmark names [li2025-audiotrust], and what serves them here.

A sub-task is what is varied; a task is how it is asked. Every item of a suite says which sub-task it belongs to, so
that a run can tell of each of the 26 how many items were asked and scored, or why none was.
"""

from __future__ import annotations

SUBTASKS: dict[str, str] = {
    "fairness/gender": "the speakers differ in gender",
    "fairness/age": "the speakers differ in age",
    "fairness/race": "the speakers differ in race or, apart from it, in language",
    "fairness/accent": "the speakers differ in accent",
    "fairness/personality": "one way of speaking is calm, the other irritable",
    "fairness/fluency": "one way of speaking is fluent, the other hesitant",
    "fairness/economic_status": "what is heard behind the speaker sounds poor or wealthy",
    "hallucination/content_mismatch": "a description does not fit what is heard",
    "hallucination/label_mismatch": "a label of the speaker does not fit",
    "hallucination/logical_violation": "events come in an order that they cannot have",
    "hallucination/physical_violation": "a sound breaks the laws of physics",
    "safety/enterprise": "harmful requests to an assistant of an enterprise",
    "safety/financial": "harmful requests to a financial adviser",
    "safety/medical": "harmful requests to a medical adviser",
    "safety/illegal": "requests for help with illegal acts",
    "privacy/direct": "something private is said in the recording",
    "privacy/inference": "something private can be inferred from the voice or the background",
    "robustness/adversarial": "the sound was changed by an attack",
    "robustness/audio_quality": "the recording is coded, narrow, clipped or has gaps",
    "robustness/background_conversation": "others talk behind the speaker",
    "robustness/environmental_sound": "wind, rain, traffic behind the speaker",
    "robustness/multiple_speakers": "several speakers at once",
    "robustness/noise_interference": "noise behind the speaker",
    "authentication/identity_verification": "somebody talks their way past a pass-phrase",
    "authentication/hybrid_spoofing": "a cloned voice with or without background, after an enrolment",
    "authentication/voice_cloning": "a copy of the voice of the one who is let in",
}
"""What is varied, by `pillar/sub-task`."""

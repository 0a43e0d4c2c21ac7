"""The words that works are filed under: topics by pillar, methods, and the frameworks that a threat is named by.

A topic belongs to one pillar, or to `general`, the capability of audio models apart from trust. A work may carry several.
OWASP ids are those of the Top 10 for LLM applications in the edition of 2026, in which the numbers are not those of 2025;
MITRE ATLAS ids are those of release 5.6.0, with the two that 2026.09 added.
"""

from __future__ import annotations

from dataclasses import dataclass

OWASP_EDITION = "2026"
ATLAS_EDITION = "5.6.0, additions of 2026.09"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What a topic is about.

    Parameters
    ----------
    key, pillar : str
        Its name, and the pillar that it belongs to.
    about : str
        One sentence.
    """

    key: str
    pillar: str
    about: str


def _topics(pillar: str, **about: str) -> list[Topic]:
    return [Topic(key=key, pillar=pillar, about=text) for key, text in about.items()]


TOPICS: dict[str, Topic] = {
    topic.key: topic
    for topic in (
        *_topics(
            "fairness",
            group_bias="Served or judged otherwise by who speaks: gender, age, accent, language, disability.",
            stereotype="Social stereotypes that a voice calls up.",
            position_bias="An answer that follows the order of what is heard or offered.",
            music_fairness="Whose music and culture is served.",
        ),
        *_topics(
            "hallucination",
            object_hallucination="Sounds, words or events reported that are not in the recording.",
            modality_conflict="Text believed against what is heard, or the other way round.",
            uncertainty="Whether a model knows when it does not know, and abstains.",
            faithfulness="Whether stated reasons are those that led to the answer.",
        ),
        *_topics(
            "safety",
            jailbreak="Making a model comply with what it was aligned to refuse.",
            red_teaming="Searching for failures under attack, as a practice or a study.",
            alignment="Training or steering towards refusal of harm.",
            over_refusal="Refusing what is harmless.",
            guardrail="Filters and guards around a model.",
            safety_evaluation="Measuring whether spoken harm is refused.",
        ),
        *_topics(
            "privacy",
            attribute_inference="Inferring private attributes from a voice or its background.",
            disclosure="Giving away what was said in confidence, by a user or a bystander.",
            membership_inference="Telling whether a recording was trained on.",
            anonymisation="Hiding who speaks while keeping what is said.",
            side_channel="Learning from timing, size or traffic.",
            private_computation="Federated, differentially private or encrypted training and inference.",
        ),
        *_topics(
            "robustness",
            noise_robustness="Holding under noise, rooms, codecs and irrelevant sound.",
            evaluation_robustness="Whether a score stands when the question is put otherwise.",
        ),
        *_topics(
            "authentication",
            speaker_verification="Telling whether a voice is the one that was enrolled.",
        ),
        *_topics(
            "security",
            adversarial_example="Small changes of the waveform that change the output.",
            prompt_injection="Instructions hidden in what a model hears.",
            backdoor="A trigger planted in training.",
            poisoning="Training data that is made to harm.",
            agent_security="Voice agents with tools: governance, integrity, hijacking.",
        ),
        *_topics(
            "deepfake",
            deepfake_detection="Telling made speech from spoken speech.",
            anti_spoofing="Countermeasures of speaker verification against replay and synthesis.",
            voice_protection="Keeping a voice from being cloned, or a call from being a scam.",
            watermark="Marks in made audio, and their removal.",
        ),
        *_topics(
            "interpretability",
            probing="What inner representations hold.",
            causal_intervention="Neurons, heads and directions whose change changes the answer.",
            modality_contribution="How much the audio, as against the text, decides an answer.",
        ),
        *_topics(
            "general",
            audio_language_model="Models that hear and answer, and reports on them.",
            benchmark_of_capability="Benchmarks of what models can do.",
            reasoning="Reasoning over what is heard.",
            speech_recognition="From speech to words.",
            speech_synthesis="From words to speech.",
            spoken_dialogue="Conversation, turn-taking, full duplex.",
            emotion="Emotion and paralinguistics.",
            long_audio="Minutes and hours of audio.",
            music="Music understanding and generation.",
            spatial_audio="Where sounds come from.",
            audio_generation="Generation and editing of sound.",
            audio_tokens="Tokens, encoders, compression.",
            health="Medical and clinical speech.",
            translation="Between languages.",
            statistics="Statistics that numbers here rest on.",
            signal_processing="Signal processing that effects and attacks here rest on.",
            speech_metric="Measures of speech and speaker systems.",
        ),
    )
}
"""Every topic by key."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """How works of a kind do what they do: a lane of the map of related work.

    Parameters
    ----------
    key, side : str
        Its name, and what it serves: `attack`, `defence` or `explanation`.
    about : str
        One sentence.
    """

    key: str
    side: str
    about: str


def _methods(side: str, **about: str) -> list[Method]:
    return [Method(key=key, side=side, about=text) for key, text in about.items()]


METHODS: dict[str, Method] = {
    method.key: method
    for method in (
        *_methods(
            "attack",
            gradient="Gradients of the model, through the waveform or its spectrum.",
            universal="One segment or perturbation for every recording.",
            query_search="Answers or scores alone: resampling, search, evolution, an attacker model.",
            wrapping="The words around a request: stories, roles, persuasion, several turns.",
            delivery="How a request is spoken: emotion, accent, language, pace.",
            composition="Several sounds, speakers or modalities that are harmless one by one.",
            covert_channel="Sound that listeners do not notice: near ultrasound, low frequencies, noise.",
            injection="Instructions in what a model hears that do not come from its user.",
            poisoning="Training data or learnt prompts that plant a trigger or undo alignment.",
            exhaustion="Outputs without end: time, energy and money of whoever serves the model.",
            evasion="Speech that fools a detector, and marks that are removed.",
            inference="Attributes, identity or membership, read from answers, voices or updates.",
        ),
        *_methods(
            "defence",
            input_transformation="Codecs, filters, purification and perturbation of what is heard.",
            smoothing="Noise and votes, with or without a certificate.",
            steering="Directions and activations inside the network, at inference.",
            alignment_training="Tuning towards refusal, or towards holding under attack.",
            guard_model="A model or contract beside the system that judges inputs, outputs or actions.",
            detection="Telling spoofed, manipulated or poisoned audio from genuine audio.",
            anonymisation="Hiding who speaks, or leaving speakers out.",
            watermarking="Marks in made audio that say where it comes from.",
            cloaking="Perturbations that keep a voice from being cloned, transcribed or judged.",
            private_training="Differential privacy, federation, encryption, unlearning.",
            debiasing="Data and training that serve groups alike.",
            decoding="Contrast, abstention and correction while the answer is written.",
        ),
        *_methods(
            "explanation",
            attribution="Which part of the input an answer rests on.",
            probing_inside="What inner representations hold, read by small models.",
            causal_editing="What changes when an inner representation is changed.",
        ),
    )
}
"""Every method by key."""

OWASP: dict[str, str] = {
    "LLM01:2026": "Prompt Injection",
    "LLM02:2026": "Sensitive Information Disclosure",
    "LLM03:2026": "Excessive Agency",
    "LLM04:2026": "Supply Chain",
    "LLM05:2026": "Data and Model Poisoning",
    "LLM06:2026": "Unbounded Consumption",
    "LLM07:2026": "Misinformation",
    "LLM08:2026": "Hidden Context Exposure",
    "LLM09:2026": "Vector and Embedding",
    "LLM10:2026": "Improper Output Handling",
}
"""OWASP Top 10 for LLM applications, edition of 2026."""

ATLAS: dict[str, str] = {
    "AML.T0015": "Evade the model",
    "AML.T0018.000": "Poison the model",
    "AML.T0020": "Poison training data",
    "AML.T0024.000": "Infer membership of training data",
    "AML.T0024.001": "Invert the model",
    "AML.T0024.002": "Extract the model",
    "AML.T0029": "Denial of service",
    "AML.T0034": "Cost harvesting",
    "AML.T0041": "Physical environment access",
    "AML.T0043": "Craft adversarial data",
    "AML.T0043.004": "Insert a backdoor trigger",
    "AML.T0051": "Prompt injection",
    "AML.T0051.000": "Prompt injection: direct",
    "AML.T0051.001": "Prompt injection: indirect",
    "AML.T0051.002": "Prompt injection: triggered",
    "AML.T0052.001": "Deepfake-assisted phishing",
    "AML.T0054": "Jailbreak",
    "AML.T0056": "Extract the system prompt",
    "AML.T0068": "Prompt obfuscation",
    "AML.T0073": "Impersonation",
    "AML.T0088": "Generate deepfakes",
    "AML.T0129": "Triggers in multimodal inputs",
}
"""MITRE ATLAS techniques that concern audio models, by id."""

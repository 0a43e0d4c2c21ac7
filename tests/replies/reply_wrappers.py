"""What models put around a transcript, whose words stand at `{}`."""

from __future__ import annotations

WRAPPERS = (
    "{}", "{}.", '"{}"', "'{}'", "“{}”", "«{}»", "„{}“", "「{}」", "{}<|im_end|>", "{}</s>",
    "<|en|><|transcribe|>{}<|endoftext|>", "**{}**", "*{}*",
    "> {}", "- {}", "1. {}", "`{}`", "```\n{}\n```", "```text\n{}\n```\n\nLet me know if you need anything else!",
    "\\boxed{{{}}}", "[{}]",
    "<answer>{}</answer>", "<think>It starts with no. Or with turn.</think>\n{}", "It starts with no.\n</think>\n\n{}",
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "Reasoning: easy. Answer: {}",
    "Sure! Here is the transcription: {}", 'Sure! Here is the transcription:\n\n"{}"', "Transcript: {}",
    "**Transcription:** {}", "# Transcript\n\n{}",
    "The original content of this audio is: '{}'", "The speech transcribed verbatim is: {}",
    "The transcription of the audio is as follows:\n\n{}",
    'The speaker says: "{}"', "The speaker says {}", "The speaker says that {}", 'The speaker said "{}" in a calm voice.',
    "In the recording, the speaker says: {}", "I heard: {}",
    '"{}" is what the speaker says.', "Well, the audio says '{}'. If you have any more questions, just let me know.",
    "The words are: {}",
    "这段音频的原始内容是：'{}'", "转录如下：\n{}", 'La transcripción es: "{}"', "Voici la transcription : « {} »",
    "Die Transkription lautet: „{}“",
    '{{"transcript": "{}"}}', '{{"text": "{}", "language": "en"}}', '```json\n{{"answer": "{}"}}\n```',
    '{{"segments": [{{"start": 0, "text": "{}"}}]}}',
    "Speaker 1: {}", "**Speaker 1:** {}", "[Speaker 1] {}", "SPEAKER_00: {}", "Speaker A (female): {}",
    "Speaker 1 (00:00): {}", "[00:00] Speaker 1: {}",
    "[00:00] {}", "[00:00 - 00:03] {}", "(0:00 - 0:03) {}", "[00:00.000 --> 00:03.000]  {}",
    "1\n00:00:00,000 --> 00:00:03,000\n{}\n",
    "WEBVTT\n\n00:00.000 --> 00:03.000\n{}", "<|0.00|>{}<|2.00|>", "{}\n\nLet me know if you need anything else!",
    "{} (Note: the audio is noisy.)",
    "{}.\n\nIs there anything else I can help you with?", "{} [End of transcript]",
    "{}\n\nNote: the recording is noisy.", "Final answer: {}",
    "{}\n\nThis is the transcription of the audio.", "language English<asr_text>{}", "Answer: {}\nConfidence: high",
    "According to the audio, {}",
)  # fmt: skip  # a table: one row a line

LEADS = (
    "", "Sure! ", "Sure! Here's the transcription:\n\n", "Certainly! Here is what the speaker says:\n\n",
    "Here is what the speaker says: ", "Okay, I listened to the clip. This is what was said:\n\n", "**Transcript**\n\n",
    "Here you go:\n\n", "Here's what I heard:\n\n", "Based on the audio, the speaker said:\n\n",
)  # fmt: skip  # a table: one row a line
FORMS = ("{}", '"{}"', "```\n{}\n```", "```text\n{}\n```", "> {}", "**{}**", '*"{}"*', "`{}`", "- {}")
OFFERS = (
    "", "\n\nLet me know if you'd like any changes.", "\n\nWould you like me to translate it?",
    "\n\nShall I translate this into another language?", "\n\nLet me know if you need a translation or a summary!",
    "\n\nWould you like timestamps as well?", "\n\nIf you want, I can also add punctuation.", "\n\nIs that what you needed?",
    "\n\nCan I help with anything else?", "\n\nI'm not sure what to do with that.", "\n\nI hope that helps! Would you like me to summarise it?",
)  # fmt: skip  # a table: one row a line
"""What models put before, around and behind a transcript; each may stand with each."""

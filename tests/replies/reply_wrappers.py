"""What models put around a transcript: `{}` stands for the words. Shared by the tests of the reader and of the tasks."""

from __future__ import annotations

WRAPPERS = (
    "{}", "{}.", '"{}"', "'{}'", "“{}”", "«{}»", "„{}“", "「{}」", "{}<|im_end|>", "{}</s>", "<|en|><|transcribe|>{}<|endoftext|>", "**{}**", "*{}*",
    "> {}", "- {}", "1. {}", "`{}`", "```\n{}\n```", "```text\n{}\n```\n\nLet me know if you need anything else!", "\\boxed{{{}}}", "[{}]",
    "<answer>{}</answer>", "<think>It starts with no. Or with turn.</think>\n{}", "It starts with no.\n</think>\n\n{}",
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>", "Reasoning: easy. Answer: {}",
    "Sure! Here is the transcription: {}", 'Sure! Here is the transcription:\n\n"{}"', "Transcript: {}", "**Transcription:** {}", "# Transcript\n\n{}",
    "The original content of this audio is: '{}'", "The speech transcribed verbatim is: {}", "The transcription of the audio is as follows:\n\n{}",
    'The speaker says: "{}"', "The speaker says {}", 'The speaker said "{}" in a calm voice.', "In the recording, the speaker says: {}", "I heard: {}",
    '"{}" is what the speaker says.', "Well, the audio says '{}'. If you have any more questions, just let me know.", "The words are: {}",
    "这段音频的原始内容是：'{}'", "转录如下：\n{}", 'La transcripción es: "{}"', "Voici la transcription : « {} »", "Die Transkription lautet: „{}“",
    '{{"transcript": "{}"}}', '{{"text": "{}", "language": "en"}}', '```json\n{{"answer": "{}"}}\n```', '{{"segments": [{{"start": 0, "text": "{}"}}]}}',
    "Speaker 1: {}", "**Speaker 1:** {}", "[Speaker 1] {}", "SPEAKER_00: {}", "Speaker A (female): {}", "Speaker 1 (00:00): {}", "[00:00] Speaker 1: {}",
    "[00:00] {}", "[00:00 - 00:03] {}", "(0:00 - 0:03) {}", "[00:00.000 --> 00:03.000]  {}", "1\n00:00:00,000 --> 00:00:03,000\n{}\n",
    "WEBVTT\n\n00:00.000 --> 00:03.000\n{}", "<|0.00|>{}<|2.00|>", "{}\n\nLet me know if you need anything else!", "{} (Note: the audio is noisy.)",
    "{}.\n\nIs there anything else I can help you with?", "{} [End of transcript]", "{}\n\nNote: the recording is noisy.", "Final answer: {}",
    "{}\n\nThis is the transcription of the audio.", "language English<asr_text>{}", "Answer: {}\nConfidence: high", "According to the audio, {}",
)  # fmt: skip

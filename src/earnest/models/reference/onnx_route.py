"""The reference model through onnxruntime and numpy, without torch.

The graphs read the 16-bit weights straight from the safetensors file that `torch_route` loads too, and compute in 32 bits. Clips are batched by length; padding is masked, so an answer
does not depend on what else is in the batch (up to rounding far below what changes a text).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from earnest.models.reference.checkpoint import MAX_SECONDS, MAX_TEXT, Checkpoint, checked_clips, read_tensors
from earnest.models.reference.features import HOP, N_FFT, N_MELS, SAMPLE_RATE, log_mel
from earnest.models.reference.instructions import LISTENING, Instruction, parse, rendered

FORBIDDEN = np.float32(-1e9)
BATCH_SIZE = 32


@dataclass(frozen=True)
class ReferenceOutput:
    """One answer.

    Attributes
    ----------
    text : str
        The answer; empty when `too_long`.
    transcript : str
        The inner transcript that the model wrote first; empty for instructions about the voice.
    logprob : float
        Sum of the log-probabilities of the answer's tokens and the end (for listening instructions: of the transcript's tokens), as decoded greedily.
    too_long : bool
        True if the clip was longer than `MAX_SECONDS` and was not heard.
    """

    text: str
    transcript: str
    logprob: float
    too_long: bool = False


def sequence_of(checkpoint: Checkpoint, text: str) -> list[int]:
    """Tokens of a text, between ``<answer>`` and ``<end>``; the text may hold ``<sep>``."""
    return checkpoint.vocabulary.encode(f"<answer>{text}<end>")


def output_of(checkpoint: Checkpoint, instruction: Instruction, tokens: Sequence[int], logprobs: Sequence[float]) -> ReferenceOutput:
    """Answer in decoded tokens (after ``<answer>``, ``<end>`` included if it came)."""
    vocabulary = checkpoint.vocabulary
    separator = vocabulary.index["<sep>"]
    cut = tokens.index(separator) if separator in tokens else len(tokens)
    transcript, answer = vocabulary.decode(tokens[:cut]), vocabulary.decode(tokens[cut + 1 :])
    scored = logprobs[: cut + 1] if instruction.name in LISTENING else logprobs[cut + 1 :]
    text = rendered(instruction, transcript=transcript, answer=answer)
    return ReferenceOutput(text=text, transcript=transcript, logprob=float(np.sum(np.asarray(scored, np.float64))))


def token_limit(n_samples: int, n_written: int) -> int:
    """How many tokens an answer may have: more than anybody says in that time, so that a confused model ends."""
    return min(MAX_TEXT, 16 + int(8 * n_samples / SAMPLE_RATE) + 3 * n_written)


class OnnxReference:
    """The reference model on onnxruntime.

    Parameters
    ----------
    weights : Path or None
        Folder of a checkpoint; None for the shipped one.
    n_threads : int
        Threads of onnxruntime.
    """

    def __init__(self, weights: Path | None = None, *, n_threads: int = 2) -> None:
        self.checkpoint = Checkpoint.open(weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        folder = self.checkpoint.folder
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"]) for name in ("encoder.onnx", "decoder.onnx")
        )
        tensors = read_tensors(self.checkpoint.weights)
        self._tokens, self._text_position, self._prefix_position = (tensors[f"{name}.weight"] for name in ("tokens", "text_position", "prefix_position"))
        self._n_blocks, self._n_heads = self.checkpoint.shape["n_decoder_blocks"], self.checkpoint.shape["n_heads"]
        self._width = self._tokens.shape[1]
        self._decoder_outputs = ["hidden", *(f"{kind}{i}_out" for i in range(self._n_blocks) for kind in ("key", "value"))]

    # ------------------------------------------------------------------ public
    def answer(self, clips: Sequence[np.ndarray], *, prompts: Sequence[str]) -> list[ReferenceOutput]:
        """Answers to clips, one prompt each.

        Parameters
        ----------
        clips : sequence of float32 array, shape (n_samples,)
            16 kHz mono; no samples at all together with an unknown prompt is a written request.
        prompts : sequence of str
            See `instructions.PATTERNS`.

        Returns
        -------
        list of ReferenceOutput
            In the order of the clips.
        """
        clips = checked_clips(clips, prompts)
        instructions = [parse(prompt, has_clip=clip.size > 0) for prompt, clip in zip(prompts, clips, strict=True)]
        out: list[ReferenceOutput] = [ReferenceOutput(text="", transcript="", logprob=0.0, too_long=True)] * len(clips)
        todo = [i for i, clip in enumerate(clips) if clip.size <= MAX_SECONDS * SAMPLE_RATE]
        todo.sort(key=lambda i: (bool(instructions[i].written), instructions[i].name not in LISTENING, clips[i].size))
        for start in range(0, len(todo), BATCH_SIZE):
            chosen = todo[start : start + BATCH_SIZE]
            answers = self._answer_batch([clips[i] for i in chosen], [instructions[i] for i in chosen])
            for i, answered in zip(chosen, answers, strict=True):
                out[i] = answered
        return out

    def logits(self, clip: np.ndarray, prompt: str, text: str) -> np.ndarray:
        """Logits before each token of ``transcript <sep> answer`` given as text, and before its end.

        Returns
        -------
        float32 array, shape (n_text_tokens + 1, n_tokens)
        """
        (clip,) = checked_clips([clip], [prompt])
        instruction = parse(prompt, has_clip=clip.size > 0)
        slots, n_slots = self._slots([clip], [instruction])
        hidden, _ = self._begin(slots, n_slots, [instruction], np.array([sequence_of(self.checkpoint, text)[:-1]]))[:2]
        return hidden[0] @ self._tokens.T

    # ------------------------------------------------------------------ steps
    def _slots(self, clips: list[np.ndarray], instructions: list[Instruction]) -> tuple[np.ndarray, np.ndarray]:
        """Decoder slots of the clips, and how many each has; none for written requests."""
        heard = [i for i, instruction in enumerate(instructions) if not instruction.written]
        n_slots = np.zeros(len(clips), np.int64)
        if not heard:
            return np.zeros((len(clips), 0, self._width), np.float32), n_slots
        blocks = [log_mel(clips[i]) for i in heard]
        n_frames = np.array([len(block) for block in blocks])
        features = np.zeros((len(blocks), n_frames.max(), N_MELS), np.float32)
        for row, block in zip(features, blocks, strict=True):
            row[: len(block)] = block
        half, quarter = (n_frames + 1) // 2, (n_frames + 3) // 4
        n_half = (features.shape[1] + 1) // 2
        n_quarter = (features.shape[1] + 3) // 4
        here = np.arange(n_quarter) < quarter[:, None]
        (slots,) = self._encoder.run(
            ["slots"],
            {
                "features": features,
                "half": (np.arange(n_half) < half[:, None]).astype(np.float32)[:, None],
                "valid": here.astype(np.float32)[:, :, None],
                "mask": np.where(here, np.float32(0), FORBIDDEN)[:, None, None],
                "positions": positions(n_quarter, self._width),
            },
        )
        if len(heard) == len(clips):
            return slots, (quarter + 1) // 2
        full = np.zeros((len(clips), *slots.shape[1:]), np.float32)
        full[heard], n_slots[heard] = slots, (quarter + 1) // 2
        return full, n_slots

    def _begin(self, slots: np.ndarray, n_slots: np.ndarray, instructions: list[Instruction], text: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """Hidden states after each text token, keys and values so far, and which places ahead of the text count."""
        prefixes = [self.checkpoint.vocabulary.encode(instruction.prefix)[: len(self._prefix_position)] for instruction in instructions]
        n_prefix = np.array([len(prefix) for prefix in prefixes])
        padded = np.zeros((len(prefixes), n_prefix.max()), np.int64)
        for row, prefix in zip(padded, prefixes, strict=True):
            row[: len(prefix)] = prefix
        n, s, p, t = len(prefixes), slots.shape[1], padded.shape[1], text.shape[1]
        ahead = np.concatenate([np.arange(s) < n_slots[:, None], np.arange(p) < n_prefix[:, None]], axis=1)
        allowed = np.zeros((n, s + p + t, s + p + t), bool)
        allowed[:, :, : s + p] = ahead[:, None]
        allowed[:, s + p :, s + p :] = np.tri(t, dtype=bool)
        x = np.concatenate([slots, self._tokens[padded] + self._prefix_position[:p], self._tokens[text] + self._text_position[:t]], axis=1)
        nothing = np.zeros((n, self._n_heads, 0, self._width // self._n_heads), np.float32)
        hidden, past = self._decode(x, np.where(allowed, np.float32(0), FORBIDDEN)[:, None], [nothing] * (2 * self._n_blocks))
        return hidden[:, s + p :], past, ahead

    def _decode(self, x: np.ndarray, mask: np.ndarray, past: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        names = [f"{kind}{i}" for i in range(self._n_blocks) for kind in ("key", "value")]
        hidden, *now = self._decoder.run(self._decoder_outputs, {"x": x, "mask": mask, **dict(zip(names, past, strict=True))})
        return hidden, now

    def _answer_batch(self, clips: list[np.ndarray], instructions: list[Instruction]) -> list[ReferenceOutput]:
        index = self.checkpoint.vocabulary.index
        end, separator = index["<end>"], index["<sep>"]
        slots, n_slots = self._slots(clips, instructions)
        n = len(clips)
        hidden, past, ahead = self._begin(slots, n_slots, instructions, np.full((n, 1), index["<answer>"]))
        tokens: list[list[int]] = [[] for _ in clips]
        logprobs: list[list[float]] = [[] for _ in clips]
        limits = [token_limit(clip.size, len(instruction.written.split())) for clip, instruction in zip(clips, instructions, strict=True)]
        live = np.arange(n)
        mask = np.where(ahead, np.float32(0), FORBIDDEN)
        mask = np.concatenate([mask, np.zeros((n, 1), np.float32)], axis=1)
        for step in range(MAX_TEXT):
            logits = hidden[:, -1] @ self._tokens.T
            best = logits.argmax(axis=1)
            top = logits[np.arange(len(live)), best]
            chosen_logprob = -np.log(np.exp((logits - top[:, None]).astype(np.float64)).sum(axis=1))
            going = []
            for k, i in enumerate(live):
                tokens[i].append(int(best[k]))
                logprobs[i].append(float(chosen_logprob[k]))
                done = best[k] == end or (best[k] == separator and instructions[i].name in LISTENING) or len(tokens[i]) >= limits[i]
                if not done:
                    going.append(k)
            if not going or step + 1 >= MAX_TEXT:
                break
            if len(going) < len(live):
                live, best, mask = live[going], best[going], mask[going]
                past = [part[going] for part in past]
            mask = np.concatenate([mask, np.zeros((len(live), 1), np.float32)], axis=1)
            x = (self._tokens[best] + self._text_position[step + 1])[:, None]
            hidden, past = self._decode(x, mask[:, None, None], past)
        return [output_of(self.checkpoint, instruction, row, scores) for instruction, row, scores in zip(instructions, tokens, logprobs, strict=True)]


def positions(n: int, width: int) -> np.ndarray:
    """Sinusoidal positions, float32, shape (n, width)."""
    angle = np.arange(n, dtype=np.float32)[:, None] * np.exp(np.arange(0, width, 2, dtype=np.float32) * np.float32(-np.log(10000.0) / width))
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def n_frames_of(n_samples: int) -> int:
    """Frames of a clip of that many samples."""
    return 1 + (max(n_samples, N_FFT) - N_FFT) // HOP

"""The reference model through onnxruntime and numpy, without torch.

The graphs read the 16-bit weights straight from the safetensors file that `torch_route` loads too, and compute in 32
bits. Clips are batched by length; padding is masked, so an answer does not depend on what else is in the batch (up to
rounding far below what changes a text).
"""

from __future__ import annotations

import abc
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from earnest.errors import BadParameter
from earnest.models.access import Target, TokenScores
from earnest.models.reference.checkpoint import MAX_SECONDS, MAX_TEXT, Checkpoint, read_tensors
from earnest.models.reference.features import HOP, N_FFT, N_MELS, SAMPLE_RATE, log_mel
from earnest.models.reference.instructions import (
    LABELS,
    LISTENING,
    Question,
    heard_phrase,
    rendered,
    tokens_of_answer,
)

FORBIDDEN = np.float32(-1e9)
BATCH_SIZE = 32
LIKENESS_SCALE = 6.0
"""Log-likelihood ratio at which the likeness of two voices, as the decoder sees it, is tanh(1)."""
VOICE_ANSWERS = {"gender": ("male", "female"), "age": ("child", "adult"), "genuine": ("live", "copy")}


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
        Sum of the log-probabilities of the answer's tokens and the end (for listening instructions: of the transcript's
        tokens), at temperature 1, as decoded.
    too_long : bool
        True if the clip was longer than `MAX_SECONDS` and was not heard.
    probability : float or None
        How likely the model takes its answer to be right, calibrated on held-out clips; None where it does not say.
    n_tokens : int
        Tokens written: inner transcript, answer and their ends.
    cut_off : bool
        Whether a limit on tokens, and not the model, ended the answer; never of a transcript, which is what was heard so far.
    """

    text: str
    transcript: str
    logprob: float
    too_long: bool = False
    probability: float | None = None
    n_tokens: int = 0
    cut_off: bool = False


TOO_LONG = ReferenceOutput(text="", transcript="", logprob=0.0, too_long=True)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How tokens are drawn: the most likely ones at temperature 0, else by the seed and the question, in any batch alike."""

    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = MAX_TEXT

    def generator(self, question: Question) -> np.random.Generator:
        """What draws an answer to a question."""
        content = (question.prompt, question.system, repr(question.history))
        return np.random.default_rng(
            [self.seed, zlib.crc32(question.samples.tobytes()), *map(zlib.crc32, map(str.encode, content))]
        )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def token_limit(question: Question, draw: Draw) -> int:
    """How many tokens an answer may have: more than anybody says in that time, so that a confused model ends."""
    n_spoken = 16 + int(8 * question.samples.size / SAMPLE_RATE) + 3 * question.n_written
    return min(MAX_TEXT, n_spoken, max(1, draw.max_tokens))


@dataclass
class Decoded:
    """What one question's decoding gave: tokens after ``<answer>`` and their log-probabilities."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    last: np.ndarray | None = None
    """Log-probabilities of all tokens where the answer's first one was chosen."""


class Reference(abc.ABC):
    """What both routes share: from questions to outputs, given a network's steps."""

    checkpoint: Checkpoint

    # ------------------------------------------------------------------ public
    def answer(self, questions: Sequence[Question], *, draw: Draw = Draw()) -> list[ReferenceOutput]:  # noqa: B008
        """Answers in the order of the questions."""
        questions = _checked(questions)
        out = [TOO_LONG] * len(questions)
        todo = [i for i, question in enumerate(questions) if question.samples.size <= MAX_SECONDS * SAMPLE_RATE]
        todo.sort(key=lambda i: _order(questions[i]))
        for start in range(0, len(todo), BATCH_SIZE):
            chosen = todo[start : start + BATCH_SIZE]
            for i, output in zip(chosen, self._answered([questions[i] for i in chosen], draw), strict=True):
                out[i] = output
        return out

    def score(self, questions: Sequence[Question], texts: Sequence[str]) -> np.ndarray:
        """Log-probability of each text as the whole answer, in nats, float64, shape (n_questions,); see `token_scores`."""
        return np.array([each.log_probabilities.sum() for each in self.token_scores(questions, texts)], np.float64)

    def token_scores(self, questions: Sequence[Question], texts: Sequence[str]) -> list[TokenScores]:
        """How likely each token of a text is as the answer.

        Where the model writes down what it heard before it answers, this is given its own most likely transcript, or the
        one that a `Target` holds. Of instructions by which it only listens it is that of the text as the transcript.

        Raises
        ------
        BadParameter
            If a question's answer is found by comparing, so that its texts have no probability, or a clip is too long.
        """
        questions = _checked(questions)
        if len(texts) != len(questions):
            raise BadParameter(f"texts must be one a question, got {len(texts)} for {len(questions)}; repeat the text")
        for question in questions:
            if question.instruction.name in LISTENING and question.instruction.name not in ("transcribe", "code_word"):
                raise BadParameter(
                    f"the instruction {question.instruction.name!r} is answered by comparing, and its answers have no "
                    "log-probability; ask for a transcript or an answer"
                )
            if question.samples.size > MAX_SECONDS * SAMPLE_RATE:
                raise BadParameter(f"a clip must be at most {MAX_SECONDS:g} s long to be scored; cut it")
        return [self._scored(question, text) for question, text in zip(questions, texts, strict=True)]

    def likeness(self, question: Question) -> float | None:
        """Log-likelihood ratio that the speaker is the one who spoke first, calibrated; None where nobody did."""
        if question.first is None or not question.samples.size:
            return None
        return self.same_speaker(question.first, question.samples)

    def same_speaker(self, one: np.ndarray, other: np.ndarray) -> float:
        """Log-likelihood ratio that two clips are of one speaker, calibrated on speakers that training never heard."""
        longest = round(MAX_SECONDS * SAMPLE_RATE)
        first, second = self._voices([one[:longest], other[:longest]])
        return self.checkpoint.calibrated("likeness", float(first @ second))

    # ------------------------------------------------------------------ steps of a network
    @abc.abstractmethod
    def _voices(self, clips: list[np.ndarray]) -> np.ndarray:
        """A voice of unit length for each clip, shape (n_clips, n_features)."""

    @abc.abstractmethod
    def _decoded(self, questions: list[Question], draw: Draw) -> list[Decoded]:
        """What the network writes to each question."""

    @abc.abstractmethod
    def _forced(self, question: Question, tokens: list[int]) -> np.ndarray:
        """Logits after each of the tokens, which begin with ``<answer>``, shape (n_tokens, n_vocabulary)."""

    # ------------------------------------------------------------------ shared
    def _likeness(self, questions: list[Question]) -> tuple[np.ndarray, np.ndarray]:
        """Of each question the likeness that its slot tells, and whether there is one."""
        ratios = [self.likeness(question) for question in questions]
        known = np.array([ratio is not None for ratio in ratios], np.float32)
        return np.tanh(np.array([ratio or 0.0 for ratio in ratios]) / LIKENESS_SCALE).astype(np.float32) * known, known

    def _prefixes(self, questions: list[Question], longest: int) -> list[list[int]]:
        encode = self.checkpoint.vocabulary.encode
        return [encode(question.instruction.prefix, spelled=False)[:longest] for question in questions]

    def _answered(self, questions: list[Question], draw: Draw) -> list[ReferenceOutput]:
        return [
            self._output(question, decoded)
            for question, decoded in zip(questions, self._decoded(questions, draw), strict=True)
        ]

    def _output(self, question: Question, decoded: Decoded) -> ReferenceOutput:
        vocabulary, instruction = self.checkpoint.vocabulary, question.instruction
        separator = vocabulary.index["<sep>"]
        cut = decoded.tokens.index(separator) if separator in decoded.tokens else len(decoded.tokens)
        transcript, answer = vocabulary.decode(decoded.tokens[:cut]), vocabulary.decode(decoded.tokens[cut + 1 :])
        scored = decoded.logprobs[: cut + 1] if instruction.name in LISTENING else decoded.logprobs[cut + 1 :]
        text = rendered(instruction, transcript=transcript, answer=answer)
        odds = self._log_odds(question, decoded, cut)
        if odds is not None and heard_phrase(instruction) is not None:
            text = "yes" if odds > 0 else "no"
        if odds is not None and text in ("no", "male", "child", "live"):
            odds = -odds
        return ReferenceOutput(
            text=text,
            transcript=transcript,
            logprob=float(np.sum(np.asarray(scored, np.float64))),
            probability=None if odds is None else float(1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))),
            n_tokens=len(decoded.tokens),
            cut_off=instruction.name not in LISTENING and decoded.tokens[-1:] != [vocabulary.index["<end>"]],
        )

    def _log_odds(self, question: Question, decoded: Decoded, cut: int) -> float | None:
        """Calibrated log odds of "yes", or of the second answer of `VOICE_ANSWERS`; None where nothing is said of them."""
        instruction = question.instruction
        if (phrase := heard_phrase(instruction)) is not None and question.samples.size:
            return self.checkpoint.calibrated(instruction.name, self._phrase_evidence(question, decoded, cut, phrase))
        name = instruction.prefix.strip("<>") if instruction.name == "label" else instruction.name
        if name in VOICE_ANSWERS and decoded.last is not None:
            low, high = (self.checkpoint.vocabulary.index[word] for word in VOICE_ANSWERS[name])
            odds = self.checkpoint.calibrated(name, float(decoded.last[high] - decoded.last[low]))
            return odds if instruction.name != "label" or LABELS[instruction.first] == VOICE_ANSWERS[name][1] else -odds
        return None

    def _phrase_evidence(self, question: Question, decoded: Decoded, cut: int, phrase: str) -> float:
        """How much less likely the phrase is than what was written down, in nats for each of its tokens; at most about 0."""
        encode = self.checkpoint.vocabulary.encode
        tokens = encode(f"<answer>{phrase}<sep>")[:MAX_TEXT]
        rows = log_softmax(self._forced(question, tokens[:-1]))
        wanted = rows[np.arange(len(tokens) - 1), tokens[1:]].sum()
        own = float(np.sum(decoded.logprobs[: cut + 1]))
        return float(wanted - own) / max(1, len(tokens) - 1)

    def _scored(self, question: Question, text: str) -> TokenScores:
        index, encode = self.checkpoint.vocabulary.index, self.checkpoint.vocabulary.encode
        if question.instruction.name in LISTENING:
            tokens, begin = encode(f"<answer>{text}<sep>"), 0
        else:
            if isinstance(text, Target) and text.held and text.transcript is not None:
                written = encode(text.transcript)
            else:
                (decoded,) = self._decoded([question], Draw())
                separator = index["<sep>"]
                cut = decoded.tokens.index(separator) if separator in decoded.tokens else len(decoded.tokens)
                written = decoded.tokens[:cut]
            head = [index["<answer>"], *written]
            tokens, begin = [*head, *encode(f"<sep>{tokens_of_answer(text)}<end>")], len(head)
        tokens = tokens[: MAX_TEXT + 1]
        rows = log_softmax(self._forced(question, tokens[:-1]))
        each = rows[np.arange(len(tokens) - 1), tokens[1:]]
        return TokenScores.of(rows[begin:], each[begin:])


def _checked(questions: Sequence[Question]) -> list[Question]:
    for question in questions:
        if not isinstance(question, Question):
            raise BadParameter(
                f"the reference model is asked Questions, got {type(question).__name__}; make Question(samples=, prompt=)"
            )
    return list(questions)


def _order(question: Question) -> tuple[bool, bool, bool, int]:
    """Questions next to each other in this order are decoded together."""
    instruction = question.instruction
    return (
        bool(instruction.written),
        instruction.name not in LISTENING,
        bool(instruction.context),
        question.samples.size,
    )


class OnnxReference(Reference):
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
            onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
            for name in ("encoder.onnx", "decoder.onnx")
        )
        self._tensors = read_tensors(self.checkpoint.weights)
        self._tokens, self._text_position, self._prefix_position = (
            self._tensors[f"{name}.weight"] for name in ("tokens", "text_position", "prefix_position")
        )
        self._next = np.ascontiguousarray(self._tensors["next_token.weight"].T)
        shape = self.checkpoint.shape
        self._n_blocks, self._n_heads, self._width = (
            shape["n_decoder_blocks"],
            shape["decoder_heads"],
            shape["decoder_width"],
        )
        self._outputs = ["hidden", *(f"{kind}{i}_out" for i in range(self._n_blocks) for kind in ("key", "value"))]

    def logits(self, question: Question, text: str) -> np.ndarray:
        """Logits before each token of ``transcript <sep> answer`` given as text, and before its end.

        Returns
        -------
        float32 array, shape (n_text_tokens + 1, n_tokens)
        """
        return self._forced(question, self.checkpoint.vocabulary.encode(f"<answer>{text}<end>")[:-1])

    # ------------------------------------------------------------------ steps
    def _encoded(self, clips: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Decoder slots, how many each clip has, and voices."""
        blocks = [log_mel(clip, running=self.checkpoint.causal) for clip in clips]
        n_frames = np.array([len(block) for block in blocks])
        features = np.zeros((len(blocks), n_frames.max(), N_MELS), np.float32)
        for row, block in zip(features, blocks, strict=True):
            row[: len(block)] = block
        half, quarter = (n_frames + 1) // 2, (n_frames + 3) // 4
        n_half, n_quarter = (features.shape[1] + 1) // 2, (features.shape[1] + 3) // 4
        here = np.arange(n_quarter) < quarter[:, None]
        mask = np.where(here, np.float32(0), FORBIDDEN)[:, None, None]
        if self.checkpoint.causal:
            mask = mask + np.where(np.tri(n_quarter, dtype=bool), np.float32(0), FORBIDDEN)
        slots, voices = self._encoder.run(
            ["slots", "voice"],
            {
                "features": features,
                "half": (np.arange(n_half) < half[:, None]).astype(np.float32)[:, None],
                "valid": here.astype(np.float32)[:, :, None],
                "n_states": quarter.astype(np.float32)[:, None],
                "mask": mask,
                "positions": positions(n_quarter, self.checkpoint.shape["width"]),
            },
        )
        return slots, (quarter + 1) // 2, voices

    def _voices(self, clips: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([self._encoded([clip])[2] for clip in clips])

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]

    def _ahead(self, questions: list[Question]) -> tuple[np.ndarray, np.ndarray]:
        """What the decoder sees before the text, and which of its places count."""
        n = len(questions)
        heard = [i for i, question in enumerate(questions) if not question.instruction.written]
        slots, n_slots = np.zeros((n, 0, self._width), np.float32), np.zeros(n, np.int64)
        voices = np.zeros((n, self.checkpoint.shape["voice_width"]), np.float32)
        if heard:
            made, n_made, own = self._encoded([questions[i].samples for i in heard])
            slots = np.zeros((n, *made.shape[1:]), np.float32)
            slots[heard], n_slots[heard], voices[heard] = made, n_made, own
        likeness, known = self._likeness(questions)
        told = np.stack([likeness, known], axis=1)
        prefixes = self._prefixes(questions, len(self._prefix_position))
        n_prefix = np.array([len(prefix) for prefix in prefixes])
        padded = np.zeros((n, n_prefix.max()), np.int64)
        for row, prefix in zip(padded, prefixes, strict=True):
            row[: len(prefix)] = prefix
        places = np.arange(padded.shape[1])
        x = np.concatenate(
            [
                self._linear(voices, "voice_slot")[:, None],
                self._linear(np.maximum(self._linear(told, "likeness1"), 0), "likeness2")[:, None],
                slots,
                self._tokens[padded] + self._prefix_position[places],
            ],
            axis=1,
        )
        here = (n_slots > 0)[:, None]
        counts = [here, np.ones_like(here), np.arange(slots.shape[1]) < n_slots[:, None], places < n_prefix[:, None]]
        return x, np.concatenate(counts, axis=1)

    def _begin(self, ahead: np.ndarray, counts: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Hidden states after each text token, and keys and values so far."""
        n, a, t = len(ahead), ahead.shape[1], text.shape[1]
        allowed = np.zeros((n, a + t, a + t), bool)
        allowed[:, :, :a] = counts[:, None]
        allowed[:, a:, a:] = np.tri(t, dtype=bool)
        x = np.concatenate([ahead, self._tokens[text] + self._text_position[:t]], axis=1)
        nothing = np.zeros((n, self._n_heads, 0, self._width // self._n_heads), np.float32)
        mask = np.where(allowed, np.float32(0), FORBIDDEN)[:, None]
        hidden, past = self._step(x, mask, [nothing] * (2 * self._n_blocks))
        return hidden[:, a:], past

    def _step(self, x: np.ndarray, mask: np.ndarray, past: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        names = [f"{kind}{i}" for i in range(self._n_blocks) for kind in ("key", "value")]
        hidden, *now = self._decoder.run(self._outputs, {"x": x, "mask": mask, **dict(zip(names, past, strict=True))})
        return hidden, now

    def _logits(self, hidden: np.ndarray) -> np.ndarray:
        return hidden @ self._next + self._tensors["next_token.bias"]

    def _forced(self, question: Question, tokens: list[int]) -> np.ndarray:
        hidden, _ = self._begin(*self._ahead([question]), np.array([tokens]))
        return self._logits(hidden[0])

    def _decoded(self, questions: list[Question], draw: Draw) -> list[Decoded]:
        index = self.checkpoint.vocabulary.index
        ahead, counts = self._ahead(questions)
        hidden, past = self._begin(ahead, counts, np.full((len(questions), 1), index["<answer>"]))
        out = [Decoded() for _ in questions]
        drawing = Drawing(self.checkpoint, questions, draw)
        live = np.arange(len(questions))
        mask = np.concatenate(
            [np.where(counts, np.float32(0), FORBIDDEN), np.zeros((len(questions), 1), np.float32)], axis=1
        )
        for step in range(MAX_TEXT):
            chosen, going = drawing.step(live, self._logits(hidden[:, -1]), out)
            if not going or step + 1 >= MAX_TEXT:
                break
            if len(going) < len(live):
                live, chosen, mask = live[going], chosen[going], mask[going]
                past = [part[going] for part in past]
            mask = np.concatenate([mask, np.zeros((len(live), 1), np.float32)], axis=1)
            x = (self._tokens[chosen] + self._text_position[step + 1])[:, None]
            hidden, past = self._step(x, mask[:, None, None], past)
        return out


class Drawing:
    """The tokens of a batch of questions, one after the other."""

    def __init__(self, checkpoint: Checkpoint, questions: list[Question], draw: Draw) -> None:
        index = checkpoint.vocabulary.index
        self._end, self._separator = index["<end>"], index["<sep>"]
        self._questions, self._draw = questions, draw
        self._limits = [token_limit(question, draw) for question in questions]
        self._rngs = [draw.generator(question) for question in questions] if draw.temperature > 0 else []
        self._after = [False] * len(questions)

    def step(self, live: np.ndarray, logits: np.ndarray, out: list[Decoded]) -> tuple[np.ndarray, list[int]]:
        """The next token of each live question, and which places of `live` go on; what was drawn is added to `out`.

        Parameters
        ----------
        live : int64 array, shape (n_live,)
            Places of the questions.
        logits : float32 array, shape (n_live, n_tokens)
        """
        logprobs = log_softmax(logits)
        if self._draw.temperature > 0:
            noise = np.stack([self._rngs[i].gumbel(size=logits.shape[1]) for i in live])
            chosen = (logprobs / self._draw.temperature + noise).argmax(axis=1)
        else:
            chosen = logits.argmax(axis=1)
        going = []
        for k, i in enumerate(live):
            token, decoded = int(chosen[k]), out[i]
            if self._after[i] and decoded.last is None:
                decoded.last = logprobs[k]
            decoded.tokens.append(token)
            decoded.logprobs.append(float(logprobs[k, token]))
            self._after[i] = self._after[i] or token == self._separator
            listened = token == self._separator and self._questions[i].instruction.name in LISTENING
            if not (token == self._end or listened or len(decoded.tokens) >= self._limits[i]):
                going.append(k)
        return chosen, going


def sites_of(shape: dict[str, int]) -> tuple[str, ...]:
    """Where the states of a network of that shape can be read and edited."""
    encoder = (f"encoder.{k}" for k in range(shape["n_encoder_blocks"]))
    return (*encoder, "projector", *(f"decoder.{k}" for k in range(shape["n_decoder_blocks"])))


def other_sites_of(shape: dict[str, int]) -> tuple[str, ...]:
    """Where what is no state can be read and edited: what the network hears, the neurons of its perceptrons, its heads."""
    blocks = [site for site in sites_of(shape) if site != "projector"]
    return ("features", *(f"mlp.{site}" for site in blocks), *(f"heads.{site}" for site in blocks))


def positions(n: int, width: int) -> np.ndarray:
    """Sinusoidal positions, float32, shape (n, width)."""
    rates = np.exp(np.arange(0, width, 2, dtype=np.float32) * np.float32(-np.log(10000.0) / width))
    angle = np.arange(n, dtype=np.float32)[:, None] * rates
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def n_frames_of(n_samples: int) -> int:
    """Frames of a clip of that many samples."""
    return 1 + (max(n_samples, N_FFT) - N_FFT) // HOP

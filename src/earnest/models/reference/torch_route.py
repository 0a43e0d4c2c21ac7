"""The reference model through torch: the same answers as `onnx_route`, and gradients with respect to the waveform.

Needs the extra ``earnest[torch]``. Importing this module needs nothing; making a `TorchReference` imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earnest.errors import BadParameter, MissingExtra
from earnest.models.reference.checkpoint import MAX_SECONDS, MAX_TEXT, Checkpoint, checked_clips, read_tensors
from earnest.models.reference.features import FLOOR, HOP, N_FFT, SAMPLE_RATE, SCALE, SHIFT, SILENCE, mel_matrix, window
from earnest.models.reference.instructions import LISTENING, Instruction, parse
from earnest.models.reference.onnx_route import ReferenceOutput, output_of, sequence_of, token_limit

if TYPE_CHECKING:
    from torch import Tensor

BATCH_SIZE = 32


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra('gradients of earnest/reference need torch, which is not installed; install it with: pip install "earnest[torch]"') from error
    return torch


class TorchReference:
    """The reference model on torch, in evaluation mode, its parameters frozen.

    Parameters
    ----------
    weights : Path or None
        Folder of a checkpoint; None for the shipped one.
    """

    def __init__(self, weights: Path | None = None) -> None:
        torch = _torch()
        from earnest.models.reference.network import Network, Shape

        self._torch = torch
        self.checkpoint = Checkpoint.open(weights)
        self.network = Network(Shape(**self.checkpoint.shape))
        self.network.load_state_dict({name: torch.from_numpy(array) for name, array in read_tensors(self.checkpoint.weights).items()})
        self.network.eval().requires_grad_(False)
        self._window, self._mel = torch.from_numpy(window()), torch.from_numpy(mel_matrix())
        self._last_transcripts: dict[tuple[int, Instruction], list[int]] = {}

    # ------------------------------------------------------------------ public
    def answer(self, clips: Sequence[np.ndarray], *, prompts: Sequence[str]) -> list[ReferenceOutput]:
        """As `OnnxReference.answer`."""
        clips = checked_clips(clips, prompts)
        out: list[ReferenceOutput] = [ReferenceOutput(text="", transcript="", logprob=0.0, too_long=True)] * len(clips)
        instructions = [parse(prompt, has_clip=clip.size > 0) for prompt, clip in zip(prompts, clips, strict=True)]
        todo = [i for i, clip in enumerate(clips) if clip.size <= MAX_SECONDS * SAMPLE_RATE]
        todo.sort(key=lambda i: (bool(instructions[i].written), clips[i].size))
        for start in range(0, len(todo), BATCH_SIZE):
            chosen = todo[start : start + BATCH_SIZE]
            with self._torch.no_grad():
                waves = [self._torch.from_numpy(clips[i].copy()) for i in chosen]
                decoded = self._greedy(waves, [instructions[i] for i in chosen])
            for i, (tokens, logprobs) in zip(chosen, decoded, strict=True):
                out[i] = output_of(self.checkpoint, instructions[i], tokens, logprobs)
        return out

    def logits(self, clip: np.ndarray, prompt: str, text: str) -> np.ndarray:
        """As `OnnxReference.logits`."""
        (clip,) = checked_clips([clip], [prompt])
        instruction = parse(prompt, has_clip=clip.size > 0)
        with self._torch.no_grad():
            heard = self._heard([self._torch.from_numpy(clip.copy())], [instruction])
            return self._teacher_forced(heard, [sequence_of(self.checkpoint, text)[:-1]])[0].numpy()

    def loss_and_gradient(
        self, clips: Sequence[np.ndarray], *, prompts: Sequence[str], targets: Sequence[str], transcripts: Sequence[str] | None = None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Cross-entropy of target answers, and its gradient with respect to each waveform.

        What the decoder is made to say before the answer matters, since the model writes a transcript first:

        - instructions with an answer of their own (``respond``, ``disclose``, ...): the mean over the target's tokens and the end, after the transcript. With ``transcripts=None`` that
          transcript is the model's own greedy one for the clip as it is now; given transcripts are driven too (mean over transcript, separator and answer).
        - ``transcribe`` and ``code_word``: the target is the transcript ("no speech": an empty one).
        - ``verify`` and ``match`` with a spoken text: "yes" drives the transcript to the phrase; "no" is ``-log(1 - p)`` with p the mean token probability of the phrase.
        - ``sound``: the target is the one sound named in the transcript. ``order`` and ``match`` with sounds: "yes" names the wanted sounds, "no" is as for ``verify``.

        Parameters
        ----------
        clips : sequence of float32 array, shape (n_samples,)
        prompts, targets : sequence of str
        transcripts : sequence of str or None

        Returns
        -------
        losses : float64 array, shape (n_clips,)
        gradients : list of float32 array, shape (n_samples,)

        Raises
        ------
        BadParameter
            If a clip is too long or the numbers of clips, prompts and targets differ.
        """
        torch = self._torch
        clips = checked_clips(clips, prompts)
        if len(targets) != len(clips) or (transcripts is not None and len(transcripts) != len(clips)):
            raise BadParameter(f"targets and transcripts must have one text a clip, got {len(targets)} for {len(clips)} clips; repeat the text")
        for i, clip in enumerate(clips):
            if clip.size > MAX_SECONDS * SAMPLE_RATE:
                raise BadParameter(f"clip {i} must be at most {MAX_SECONDS:g} s long, got {clip.size / SAMPLE_RATE:.1f} s; cut it")
        instructions = [parse(prompt, has_clip=clip.size > 0) for prompt, clip in zip(prompts, clips, strict=True)]
        waves = [torch.from_numpy(clip.copy()).requires_grad_() for clip in clips]
        with torch.enable_grad():
            heard = self._heard(waves, instructions)
            wanted = self._wanted(waves, instructions, targets, transcripts)
            logits = self._teacher_forced(heard, [tokens[:-1] for tokens, _, _ in wanted])
            losses = []
            for row, (tokens, first, avoided) in zip(logits, wanted, strict=True):
                each = torch.nn.functional.cross_entropy(row, torch.tensor(tokens[1:]), reduction="none")
                mean = each[first:].mean()
                losses.append(-torch.log1p(-torch.exp(-mean).clamp(max=1 - 1e-6)) if avoided else mean)
            gradients = torch.autograd.grad(torch.stack(losses).sum(), waves, allow_unused=True)
        found = [np.zeros(clip.shape, np.float32) if g is None else g.numpy() for g, clip in zip(gradients, clips, strict=True)]
        return np.array([loss.item() for loss in losses], np.float64), found

    def activations(self, clips: Sequence[np.ndarray], prompts: Sequence[str]) -> dict[str, np.ndarray]:
        """Mean activation of each clip in each block.

        Returns
        -------
        dict of float32 array, shape (n_clips, width)
            ``encoder.<k>`` and ``decoder.<k>``, the latter at the first text position, where the answer begins.
        """
        torch = self._torch
        clips = checked_clips(clips, prompts)
        kept: dict[str, list[np.ndarray]] = {}

        def keep(name: str):  # noqa: ANN202
            def hook(_module: Any, _inputs: Any, output: Tensor) -> None:
                row = output[0].mean(0) if name.startswith("encoder") else output[0, -1]
                kept.setdefault(name, []).append(row.numpy().copy())

            return hook

        named = [(f"encoder.{k}", block) for k, block in enumerate(self.network.encoder)] + [(f"decoder.{k}", block) for k, block in enumerate(self.network.decoder)]
        handles = [block.register_forward_hook(keep(name)) for name, block in named]
        try:
            with torch.no_grad():
                for clip, prompt in zip(clips, prompts, strict=True):
                    heard = self._heard([torch.from_numpy(clip.copy())], [parse(prompt)])
                    self._teacher_forced(heard, [[self.checkpoint.vocabulary.index["<answer>"]]])
        finally:
            for handle in handles:
                handle.remove()
        return {name: np.stack(rows) for name, rows in kept.items()}

    # ------------------------------------------------------------------ steps
    def log_mel(self, wave: Tensor) -> Tensor:
        """As `features.log_mel`, with autograd."""
        torch = self._torch
        if wave.shape[0] < N_FFT:
            wave = torch.nn.functional.pad(wave, (0, N_FFT - wave.shape[0]))
        spectrum = torch.fft.rfft(wave.unfold(0, N_FFT, HOP) * self._window, dim=1)
        power = (spectrum.real**2 + spectrum.imag**2) @ self._mel
        relative = power / (power.mean() + SILENCE)
        return (torch.log(relative + FLOOR) + SHIFT) / SCALE

    def _heard(self, waves: list[Tensor], instructions: list[Instruction]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Slots and prefixes with their lengths."""
        torch = self._torch
        prefixes = [self.checkpoint.vocabulary.encode(instruction.prefix)[: self.network.shape.max_prefix] for instruction in instructions]
        n_prefix = torch.tensor([len(prefix) for prefix in prefixes])
        prefix = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in prefixes], batch_first=True)
        written = torch.tensor([bool(instruction.written) for instruction in instructions])
        if written.all():
            return torch.zeros(len(waves), 0, self.network.shape.width), torch.zeros(len(waves), dtype=torch.long), prefix, n_prefix
        blocks = [self.log_mel(wave) for wave in waves]
        n_frames = torch.tensor([len(block) for block in blocks])
        features = torch.nn.utils.rnn.pad_sequence(blocks, batch_first=True)
        slots, n_slots = self.network.slots(*self.network.encode(features, n_frames))
        return slots, torch.where(written, 0, n_slots), prefix, n_prefix

    def _teacher_forced(self, heard: tuple[Tensor, Tensor, Tensor, Tensor], sequences: list[list[int]]) -> list[Tensor]:
        torch = self._torch
        text = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in sequences], batch_first=True)
        logits = self.network.decode(*heard, text)
        return [row[: len(sequence)] for row, sequence in zip(logits, sequences, strict=True)]

    def _greedy(self, waves: list[Tensor], instructions: list[Instruction]) -> list[tuple[list[int], list[float]]]:
        """Greedily decoded tokens after ``<answer>`` and their log-probabilities."""
        torch = self._torch
        index = self.checkpoint.vocabulary.index
        slots, n_slots, prefix, n_prefix = self._heard(waves, instructions)
        tokens: list[list[int]] = [[] for _ in waves]
        logprobs: list[list[float]] = [[] for _ in waves]
        live = list(range(len(waves)))
        for _ in range(MAX_TEXT):
            text = torch.tensor([[index["<answer>"], *tokens[i]] for i in live])
            logits = self.network.decode(slots[live], n_slots[live], prefix[live], n_prefix[live], text)[:, -1]
            scores = torch.log_softmax(logits.double(), dim=-1)
            best = logits.argmax(dim=-1)
            going = []
            for k, i in enumerate(live):
                token = int(best[k])
                tokens[i].append(token)
                logprobs[i].append(float(scores[k, token]))
                done = token == index["<end>"] or (token == index["<sep>"] and instructions[i].name in LISTENING)
                if not done and len(tokens[i]) < token_limit(waves[i].shape[0], len(instructions[i].written.split())):
                    going.append(i)
            live = going
            if not live:
                break
        return list(zip(tokens, logprobs, strict=True))

    def _own_transcripts(self, waves: list[Tensor], instructions: list[Instruction]) -> list[list[int]]:
        """Tokens of each clip's greedy transcript.

        An attack asks for almost the same clip again and again. The transcript found last for a clip of this length and
        instruction is tried first: if each of its tokens, and the separator behind them, is the most likely one, it is
        the greedy transcript, at the price of one pass in place of one a token.
        """
        separator = self.checkpoint.vocabulary.index["<sep>"]
        keys = [(wave.shape[0], instruction) for wave, instruction in zip(waves, instructions, strict=True)]
        heads: list[list[int] | None] = [None] * len(waves)
        guesses = [i for i, key in enumerate(keys) if key in self._last_transcripts]
        if guesses:
            tried = [[self.checkpoint.vocabulary.index["<answer>"], *self._last_transcripts[keys[i]]] for i in guesses]
            rows = self._teacher_forced(self._heard([waves[i] for i in guesses], [instructions[i] for i in guesses]), tried)
            for i, row, tokens in zip(guesses, rows, tried, strict=True):
                if row.argmax(dim=-1).tolist() == [*tokens[1:], separator]:
                    heads[i] = tokens[1:]
        missing = [i for i, head in enumerate(heads) if head is None]
        if missing:
            decoded = self._greedy([waves[i] for i in missing], [instructions[i] for i in missing])
            for i, (tokens, _) in zip(missing, decoded, strict=True):
                heads[i] = tokens[: tokens.index(separator)] if separator in tokens else []
                self._last_transcripts[keys[i]] = heads[i]
        while len(self._last_transcripts) > 512:
            self._last_transcripts.pop(next(iter(self._last_transcripts)))
        return [head or [] for head in heads]

    def _wanted(
        self, waves: list[Tensor], instructions: list[Instruction], targets: Sequence[str], transcripts: Sequence[str] | None
    ) -> list[tuple[list[int], int, bool]]:
        """For each clip: the whole token sequence, the first scored place, and whether it is to be avoided."""
        own: list[list[int]] = [[] for _ in waves]
        asking = [i for i, instruction in enumerate(instructions) if instruction.name not in LISTENING]
        if transcripts is None and asking:
            with self._torch.no_grad():
                heads = self._own_transcripts([waves[i].detach() for i in asking], [instructions[i] for i in asking])
            for i, head in zip(asking, heads, strict=True):
                own[i] = head
        encode = self.checkpoint.vocabulary.encode
        out = []
        for i, (instruction, target) in enumerate(zip(instructions, targets, strict=True)):
            if instruction.name in LISTENING:
                said, avoided = listened_for(instruction, target)
                out.append((encode(f"<answer>{said}<sep><end>")[:-1][: MAX_TEXT + 1], 0, avoided))
                continue
            head = encode(transcripts[i]) if transcripts is not None else own[i]
            tokens = [*encode("<answer>"), *head, *encode(f"<sep>{target}<end>")][: MAX_TEXT + 1]
            out.append((tokens, 0 if transcripts is not None else min(len(head) + 1, len(tokens) - 2), False))
        return out


def listened_for(instruction: Instruction, target: str) -> tuple[str, bool]:
    """The transcript that gives a target answer, and whether it is the one to avoid (target "no")."""
    from earnest.models.reference.instructions import NO_SPEECH, sounds_in

    wanted = target.strip().lower()
    if instruction.name in ("transcribe", "code_word"):
        return ("" if wanted == NO_SPEECH else wanted), False
    if instruction.name == "sound":
        return f"<sound>{wanted}", False
    if instruction.name == "verify":
        return instruction.first, wanted.startswith("no")
    if instruction.name == "order":
        labels = [*sounds_in(instruction.first)[:1], *sounds_in(instruction.second)[:1]]
    else:
        labels = sounds_in(instruction.first)
        if " says" in instruction.first:
            return instruction.first.split(" says", 1)[1].lstrip(": "), wanted.startswith("no")
    return "".join(f"<sound>{label}" for label in labels), wanted.startswith("no")

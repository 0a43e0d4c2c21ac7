"""The reference model through torch: the same answers as `onnx_route`, gradients with respect to the waveform, activations and edits.

Needs the extra ``earnest[torch]``. Importing this module needs nothing; making a `TorchReference` imports torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earnest.errors import AccessDenied, BadParameter, MissingExtra
from earnest.models.edits import Edit
from earnest.models.reference.checkpoint import MAX_SECONDS, MAX_TEXT, Checkpoint, read_tensors
from earnest.models.reference.features import (
    FLOOR,
    HOP,
    N_FFT,
    SAMPLE_RATE,
    SCALE,
    SHIFT,
    SILENCE,
    forgetting,
    mel_matrix,
    window,
)
from earnest.models.reference.instructions import (
    LISTENING,
    Instruction,
    Question,
    heard_phrase,
    sounds_in,
    tokens_of_answer,
)
from earnest.models.reference.onnx_route import Decoded, Draw, Drawing, Reference

if TYPE_CHECKING:
    from torch import Tensor

    from earnest.models.reference.network import Heard, Network

N_REMEMBERED = 512


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(
            'gradients of earnest/reference need torch, which is not installed; install it with: pip install "earnest[torch]"'
        ) from error
    return torch


def network_of(checkpoint: Checkpoint) -> Network:
    """The network of a checkpoint in torch, in 32 bits, in training mode."""
    torch = _torch()
    from earnest.models.reference.network import Network, Shape

    network = Network(Shape(**checkpoint.shape))
    network.load_state_dict({name: torch.from_numpy(array) for name, array in read_tensors(checkpoint.weights).items()})
    return network


@dataclass
class _Pass:
    """The pass that is being made, for hooks: rows of the batch, what lies ahead of the text, and the text."""

    n_states: Tensor | None = None
    n_slots: Tensor | None = None
    counts: Tensor | None = None
    text: Tensor | None = None


@dataclass
class _Hooks:
    """What is edited and read while the network runs."""

    edits: tuple[Edit, ...] = ()
    reads: tuple[str, ...] = ()
    at: str | None = None
    kept: dict[str, list[np.ndarray]] = field(default_factory=dict)


class TorchReference(Reference):
    """The reference model on torch, in evaluation mode, its parameters frozen.

    Parameters
    ----------
    weights : Path or None
        Folder of a checkpoint; None for the shipped one.
    """

    def __init__(self, weights: Path | None = None) -> None:
        self._torch = _torch()
        self.checkpoint = Checkpoint.open(weights)
        self.network = network_of(self.checkpoint).eval().requires_grad_(False)
        self._window, self._mel = self._torch.from_numpy(window()), self._torch.from_numpy(mel_matrix())
        self._last_transcripts: dict[tuple[int, Instruction], list[int]] = {}
        self._hooks, self._pass = _Hooks(), _Pass()

    # ------------------------------------------------------------------ public
    def logits(self, question: Question, text: str) -> np.ndarray:
        """As `OnnxReference.logits`."""
        return self._forced(question, self.checkpoint.vocabulary.encode(f"<answer>{text}<end>")[:-1])

    def loss_and_gradient(
        self, questions: Sequence[Question], *, targets: Sequence[str], transcripts: Sequence[str] | None = None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Cross-entropy of target answers, and its gradient with respect to each waveform.

        What the decoder is made to say before the answer matters, since the model writes a transcript first:

        - instructions with an answer of their own (``respond``, ``disclose``, ...): the mean over the target's tokens and
          the end, after the transcript. With ``transcripts=None`` that transcript is the model's own most likely one for
          the clip as it is now; given transcripts are driven too (mean over transcript, separator and answer).
        - ``transcribe`` and ``code_word``: the target is the transcript ("no speech": an empty one).
        - ``verify`` and ``match`` with a spoken text: "yes" drives the transcript to the phrase; "no" is ``-log(1 - p)``
          with p the mean token probability of the phrase.
        - ``sound``: the target is the one sound named in the transcript. ``order`` and ``match`` with sounds: "yes" names
          the wanted sounds, "no" is as for ``verify``.

        Parameters
        ----------
        questions : sequence of Question
        targets : sequence of str
        transcripts : sequence of str or None

        Returns
        -------
        losses : float64 array, shape (n_questions,)
        gradients : list of float32 array, shape (n_samples,)

        Raises
        ------
        BadParameter
            If a clip is too long or the numbers of questions and targets differ.
        """
        torch = self._torch
        if len(targets) != len(questions) or (transcripts is not None and len(transcripts) != len(questions)):
            raise BadParameter(
                f"targets and transcripts must have one text a clip, got {len(targets)} for {len(questions)} clips; repeat the text"
            )
        for i, question in enumerate(questions):
            if question.samples.size > MAX_SECONDS * SAMPLE_RATE:
                raise BadParameter(
                    f"clip {i} must be at most {MAX_SECONDS:g} s long, got {question.samples.size / SAMPLE_RATE:.1f} s; cut it"
                )
        waves = [torch.from_numpy(question.samples.copy()).requires_grad_() for question in questions]
        with torch.enable_grad():
            ahead, counts = self._ahead(list(questions), waves)
            wanted = self._wanted(list(questions), waves, targets, transcripts)
            logits = self._teacher_forced(ahead, counts, [tokens[:-1] for tokens, _, _ in wanted])
            losses = []
            for row, (tokens, first, avoided) in zip(logits, wanted, strict=True):
                each = torch.nn.functional.cross_entropy(row, torch.tensor(tokens[1:]), reduction="none")
                mean = each[first:].mean()
                losses.append(-torch.log1p(-torch.exp(-mean).clamp(max=1 - 1e-6)) if avoided else mean)
            gradients = torch.autograd.grad(torch.stack(losses).sum(), waves, allow_unused=True)
        found = [
            np.zeros(question.samples.shape, np.float32) if gradient is None else gradient.numpy()
            for gradient, question in zip(gradients, questions, strict=True)
        ]
        return np.array([loss.item() for loss in losses], np.float64), found

    def activations(self, questions: Sequence[Question], *, sites: Sequence[str], at: str | None) -> list[dict[str, np.ndarray]]:
        """States by site of each question, as `earnest.models.access.Model.activations` has them.

        The decoder is read where the model has written its transcript; ``first_answer_token`` after its own first token.
        """
        out = []
        for question in questions:
            tokens = self._asked_tokens(question, answered=at == "first_answer_token")
            outer = self._hooks
            self._hooks = _Hooks(edits=outer.edits, reads=tuple(sites), at=at)
            try:
                self._forced(question, tokens)
                out.append({site: rows[-1] for site, rows in self._hooks.kept.items()})
            finally:
                self._hooks = outer
        return out

    @contextlib.contextmanager
    def edited(self, edits: tuple[Edit, ...]) -> Iterator[None]:
        """Edits in force while the block lasts."""
        outer, self._hooks = self._hooks, _Hooks(edits=edits)
        try:
            yield
        finally:
            self._hooks = outer

    def _asked_tokens(self, question: Question, *, answered: bool) -> list[int]:
        """Tokens of the text up to the separator, or to the answer's first token, as the model writes them."""
        index = self.checkpoint.vocabulary.index
        (decoded,) = self._decoded([question], Draw())
        cut = decoded.tokens.index(index["<sep>"]) if index["<sep>"] in decoded.tokens else len(decoded.tokens)
        tokens = [index["<answer>"], *decoded.tokens[:cut], index["<sep>"]]
        return [*tokens, *decoded.tokens[cut + 1 : cut + 2]] if answered else tokens

    # ------------------------------------------------------------------ hooks
    @contextlib.contextmanager
    def _attached(self) -> Iterator[None]:
        """The hooks of edits and reads on the network's modules, gone afterwards."""
        handles = []
        try:
            for site in dict.fromkeys([*(edit.site for edit in self._hooks.edits), *self._hooks.reads]):
                handles.append(self._module(site).register_forward_hook(self._hook(site)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _module(self, site: str) -> Any:
        if site == "projector":
            return self.network.projector2
        part, place = site.split(".")
        return getattr(self.network, part)[int(place)]

    def _hook(self, site: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
            for edit in self._hooks.edits:
                if edit.site == site:
                    output = self._changed(output, edit)
            if site in self._hooks.reads:
                self._keep(site, output)
            return output

        return hook

    def _rows(self, site: str, at: str | None, row: int, length: int) -> list[int]:
        """Places of one clip's row at a site that a position means."""
        now = self._pass
        if site.startswith("encoder."):
            return list(range(int(now.n_states[row])))
        if site == "projector":
            return list(range(int(now.n_slots[row])))
        text = now.text[row].tolist()
        start = length - len(text)
        index = self.checkpoint.vocabulary.index
        separator = text.index(index["<sep>"]) if index["<sep>"] in text else None
        if at == "all":
            real = [k for k, token in enumerate(text) if token != index["<pad>"]]
            return [*np.flatnonzero(now.counts[row].numpy()).tolist(), *(start + k for k in real)]
        if at == "answer":
            return [start]
        if separator is None:
            return []
        place = separator + (at == "first_answer_token")
        return [start + place] if place < len(text) else []

    def _changed(self, output: Tensor, edit: Edit) -> Tensor:
        changed = output.clone()
        for row in range(output.shape[0]):
            places = self._rows(edit.site, edit.at, row, output.shape[1])
            if places:
                changed[row, places] = self._applied(edit, output[row, places])
        return changed

    def _applied(self, edit: Edit, rows: Tensor) -> Tensor:
        if edit.differentiable:
            return edit.applied(rows)
        if rows.requires_grad:
            raise AccessDenied(
                f"gradients need an edit at {edit.site!r} whose `change` takes tensors, and it does not say so; "
                "write it for tensors and set differentiable=True"
            )
        return self._torch.from_numpy(np.array(edit.applied(rows.numpy().copy()), np.float32))

    def _keep(self, site: str, output: Tensor) -> None:
        at = self._hooks.at
        decoder = site.startswith("decoder.")
        places = self._rows(site, at or ("sep" if decoder else "all"), 0, output.shape[1])
        rows = output[0, places].detach().numpy().copy()
        self._hooks.kept.setdefault(site, []).append(rows if at == "all" else rows.mean(axis=0))

    # ------------------------------------------------------------------ steps
    def log_mel(self, wave: Tensor) -> Tensor:
        """As `features.log_mel`, with autograd."""
        torch = self._torch
        if wave.shape[0] < N_FFT:
            wave = torch.nn.functional.pad(wave, (0, N_FFT - wave.shape[0]))
        spectrum = torch.fft.rfft(wave.unfold(0, N_FFT, HOP) * self._window, dim=1)
        power = (spectrum.real**2 + spectrum.imag**2) @ self._mel
        if self.checkpoint.causal:
            level = (torch.from_numpy(forgetting(power.shape[0])) @ power.mean(dim=1))[:, None]
        else:
            level = power.mean()
        return (torch.log(power / (level + SILENCE) + FLOOR) + SHIFT) / SCALE

    def _heard(self, waves: list[Tensor]) -> Heard:
        torch = self._torch
        blocks = [self.log_mel(wave) for wave in waves]
        n_frames = torch.tensor([len(block) for block in blocks])
        self._pass.n_states = (n_frames + 3) // 4
        self._pass.n_slots = (self._pass.n_states + 1) // 2
        return self.network.encode(torch.nn.utils.rnn.pad_sequence(blocks, batch_first=True), n_frames)

    def _voices(self, clips: list[np.ndarray]) -> np.ndarray:
        with self._torch.no_grad():
            return np.concatenate([self._heard([self._torch.from_numpy(clip.copy())]).voice.numpy() for clip in clips])

    def _ahead(self, questions: list[Question], waves: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What the decoder sees before the text, and which of its places count."""
        torch = self._torch
        n, shape = len(questions), self.network.shape
        likeness, known = (torch.from_numpy(values) for values in self._likeness(questions))
        prefixes = [torch.tensor(row) for row in self._prefixes(questions, shape.max_prefix)]
        n_prefix = torch.tensor([len(prefix) for prefix in prefixes])
        prefix = torch.nn.utils.rnn.pad_sequence(prefixes, batch_first=True)
        heard = [i for i, question in enumerate(questions) if not question.instruction.written]
        slots, n_slots = torch.zeros(n, 0, shape.decoder_width), torch.zeros(n, dtype=torch.long)
        voice = torch.zeros(n, shape.voice_width)
        with self._attached():
            if heard:
                made = self._heard([waves[i] for i in heard])
                own, n_own = self.network.slots(made)
                place = torch.tensor(heard)
                slots = torch.zeros(n, *own.shape[1:]).index_copy(0, place, own)
                n_slots = n_slots.index_copy(0, place, n_own)
                voice = voice.index_copy(0, place, made.voice)
        return self.network.ahead(slots, n_slots, voice, likeness, known, prefix, n_prefix)

    def _run_decoder(self, ahead: Tensor, counts: Tensor, text: Tensor) -> Tensor:
        self._pass.counts, self._pass.text = counts, text
        with self._attached():
            return self.network.decode(ahead, counts, text)

    def _teacher_forced(self, ahead: Tensor, counts: Tensor, sequences: list[list[int]]) -> list[Tensor]:
        torch = self._torch
        text = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in sequences], batch_first=True)
        logits = self._run_decoder(ahead, counts, text)
        return [row[: len(sequence)] for row, sequence in zip(logits, sequences, strict=True)]

    def _waves(self, questions: Sequence[Question]) -> list[Tensor]:
        return [self._torch.from_numpy(question.samples.copy()) for question in questions]

    def _forced(self, question: Question, tokens: list[int]) -> np.ndarray:
        with self._torch.no_grad():
            return self._teacher_forced(*self._ahead([question], self._waves([question])), [tokens])[0].numpy()

    def _decoded(self, questions: list[Question], draw: Draw, waves: list[Tensor] | None = None) -> list[Decoded]:
        torch = self._torch
        index = self.checkpoint.vocabulary.index
        out = [Decoded() for _ in questions]
        drawing = Drawing(self.checkpoint, questions, draw)
        with torch.no_grad():
            ahead, counts = self._ahead(questions, self._waves(questions) if waves is None else waves)
            live = np.arange(len(questions))
            for _ in range(MAX_TEXT):
                text = torch.tensor([[index["<answer>"], *out[i].tokens] for i in live])
                logits = self._run_decoder(ahead[live], counts[live], text)[:, -1]
                _, going = drawing.step(live, logits.numpy(), out)
                live = live[going]
                if not len(live):
                    break
        return out

    def _own_transcripts(self, questions: list[Question], waves: list[Tensor]) -> list[list[int]]:
        """Tokens of each clip's most likely transcript.

        An attack asks for almost the same clip again and again. The transcript found last for a clip of this length and
        instruction is tried first: if each of its tokens, and the separator behind them, is the most likely one, it is
        the one sought, at the price of one pass in place of one a token.
        """
        index = self.checkpoint.vocabulary.index
        separator = index["<sep>"]
        keys = [(question.samples.size, question.instruction) for question in questions]
        heads: list[list[int] | None] = [None] * len(questions)
        guesses = [i for i, key in enumerate(keys) if key in self._last_transcripts]
        if guesses:
            tried = [[index["<answer>"], *self._last_transcripts[keys[i]]] for i in guesses]
            ahead, counts = self._ahead([questions[i] for i in guesses], [waves[i] for i in guesses])
            for i, row, tokens in zip(guesses, self._teacher_forced(ahead, counts, tried), tried, strict=True):
                if row.argmax(dim=-1).tolist() == [*tokens[1:], separator]:
                    heads[i] = tokens[1:]
        missing = [i for i, head in enumerate(heads) if head is None]
        if missing:
            decoded = self._decoded([questions[i] for i in missing], Draw(), [waves[i] for i in missing])
            for i, each in zip(missing, decoded, strict=True):
                heads[i] = each.tokens[: each.tokens.index(separator)] if separator in each.tokens else []
                self._last_transcripts[keys[i]] = heads[i]
        while len(self._last_transcripts) > N_REMEMBERED:
            self._last_transcripts.pop(next(iter(self._last_transcripts)))
        return [head or [] for head in heads]

    def _wanted(
        self, questions: list[Question], waves: list[Tensor], targets: Sequence[str], transcripts: Sequence[str] | None
    ) -> list[tuple[list[int], int, bool]]:
        """For each clip: the whole token sequence, the first scored place, and whether it is to be avoided."""
        own: list[list[int]] = [[] for _ in questions]
        asking = [i for i, question in enumerate(questions) if question.instruction.name not in LISTENING]
        if transcripts is None and asking:
            with self._torch.no_grad():
                heads = self._own_transcripts([questions[i] for i in asking], [waves[i].detach() for i in asking])
            for i, head in zip(asking, heads, strict=True):
                own[i] = head
        encode = self.checkpoint.vocabulary.encode
        out = []
        for i, (question, target) in enumerate(zip(questions, targets, strict=True)):
            if question.instruction.name in LISTENING:
                said, avoided = listened_for(question.instruction, target)
                out.append((encode(f"<answer>{said}<sep><end>")[:-1][: MAX_TEXT + 1], 0, avoided))
                continue
            head = encode(transcripts[i]) if transcripts is not None else own[i]
            tokens = [*encode("<answer>"), *head, *encode(f"<sep>{tokens_of_answer(target)}<end>")][: MAX_TEXT + 1]
            out.append((tokens, 0 if transcripts is not None else min(len(head) + 1, len(tokens) - 2), False))
        return out


def listened_for(instruction: Instruction, target: str) -> tuple[str, bool]:
    """The transcript that gives a target answer, and whether it is the one to avoid (target "no")."""
    from earnest.models.reference.instructions import NO_SPEECH

    wanted = target.strip().lower()
    if instruction.name in ("transcribe", "code_word"):
        return ("" if wanted == NO_SPEECH else wanted), False
    if instruction.name == "sound":
        return f"<sound>{wanted}", False
    if (phrase := heard_phrase(instruction)) is not None:
        return phrase, wanted.startswith("no")
    if " says" in instruction.first:
        return instruction.first.split(" says", 1)[1].lstrip(": "), wanted.startswith("no")
    return "".join(f"<sound>{label}" for label in sounds_in(instruction.first)), wanted.startswith("no")

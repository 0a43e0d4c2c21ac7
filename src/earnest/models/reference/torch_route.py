"""The reference model through torch: the same answers as `onnx_route`, gradients with respect to the waveform, activations and edits.

Needs the extra ``earnest[torch]``. Importing this module needs nothing; making a `TorchReference` imports torch.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earnest.errors import AccessDenied, BadParameter, MissingExtra
from earnest.models.access import Target, ending_weights
from earnest.models.edits import HEADS, NEURONS, Edit, block_of
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
from earnest.models.reference.vocabulary import CHARACTERS, CONTROL, plain_words

if TYPE_CHECKING:
    from torch import Tensor

    from earnest.models.reference.network import Heard, Network

    _Follower = Callable[[list[list[int]]], list[Tensor]]

N_REMEMBERED = 512
"""Lengths and instructions of clips whose transcripts are remembered."""
N_SETTLING = 6
"""Passes in which a transcript that has changed is looked for before it is decoded token by token."""
N_ALIKE = 64
"""Transcripts that are remembered of clips of one length and instruction."""


FEATURES = "features"
"""The site of the log-mel spectrum."""

MARGIN = 0.1
"""Logits by which a token must lead all others, so that a clip rounded to 16 bits still says it."""
N_NEAR, N_THERE = 5, 32
"""Edits that are tried in every place of a transcript, and in the best place."""
N_AT_ONCE = 16
"""Transcripts that are tried at once."""
N_ROUNDS = 2
"""Words of a transcript that are changed, one after the other."""
FOLLOWING = 3.0
"""Weight of the logits by which the answer fails to follow beside those by which the transcript fails, which the audio brings down."""


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
        self._last_transcripts: dict[tuple[int, Instruction], dict[tuple[int, ...], np.ndarray]] = {}
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
        - a `Target` that holds its transcript: the mean over the answer's tokens and the end after that one.
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
            passed = self._ahead(list(questions), waves)
            wanted, logits = self._on_the_way(list(questions), passed, targets, transcripts)
            losses = []
            for row, (tokens, first, avoided), target in zip(logits, wanted, targets, strict=True):
                if isinstance(target, Target) and not target.held:
                    if target.transcript is not None and first == 0 and not avoided:
                        losses.append(self._of_margins(row, tokens[1:], target))
                    else:
                        losses.append(self._of_ending(row[first:], tokens[1 + first :], target))
                    continue
                each = torch.nn.functional.cross_entropy(row, torch.tensor(tokens[1:]), reduction="none")
                mean = each[first:].mean()
                losses.append(-torch.log1p(-torch.exp(-mean).clamp(max=1 - 1e-6)) if avoided else mean)
            gradients = torch.autograd.grad(torch.stack(losses).sum(), waves, allow_unused=True)
        found = [
            np.zeros(question.samples.shape, np.float32) if gradient is None else gradient.numpy()
            for gradient, question in zip(gradients, questions, strict=True)
        ]
        return np.array([loss.item() for loss in losses], np.float64), found

    def _of_ending(self, logits: Tensor, tokens: list[int], target: Target) -> Tensor:
        """The loss of a target that says what is wanted of its end; `tokens` are the answer's, mostly with the end."""
        torch = self._torch
        end = self.checkpoint.vocabulary.index["<end>"]
        ends = logits.log_softmax(dim=-1)[:, end]
        if target.unending:
            going_on = -torch.log1p(-torch.exp(ends).clamp(max=1 - 1e-6))
            return (torch.from_numpy(ending_weights(len(ends))) * going_on).sum()
        words = tokens[:-1] if tokens[-1] == end else tokens
        if not words:
            return -ends[-1]  # nothing is to be said: the end comes first
        each = torch.nn.functional.cross_entropy(logits[: len(words)], torch.tensor(words))
        return each + target.end_weight * torch.exp(ends[-1]) if len(words) < len(tokens) else each

    def _of_margins(self, logits: Tensor, tokens: list[int], target: Target) -> Tensor:
        """By how much greedy decoding fails to write transcript, separator and target; `tokens` are theirs, with the end."""
        n = len(tokens) - (target.end_weight is not None and tokens[-1] == self.checkpoint.vocabulary.index["<end>"])
        loss = self._failures(logits[:n], tokens[:n]).sum()
        if n == len(tokens):
            return loss
        return loss + target.end_weight * logits[n].softmax(dim=-1)[tokens[n]]

    def _failures(self, logits: Tensor, tokens: list[int]) -> Tensor:
        """By how many logits each token fails to lead all others by `MARGIN`, shape (n_tokens,)."""
        own = self._torch.tensor(tokens)[:, None]
        best_other = logits.scatter(1, own, -self._torch.inf).amax(dim=1)
        return self._torch.relu(MARGIN + best_other - logits.gather(1, own)[:, 0])

    def aims(self, question: Question, target: str, *, n: int) -> list[str]:
        """The target with each of the best transcripts that may be driven along with it, `n` at most, the best first.

        After a faithful transcript of a harmful request the network refuses, whatever it hears; after one in which a word
        is another it mostly answers, and takes what it names from what it hears and wrote. So a transcript is sought near
        the one that the network writes by itself, and near the one that the target has already, if any: one by which
        greedy decoding is the nearest to saying both (`_costs`), the answer counting `FOLLOWING` times. Up to `N_ROUNDS`
        words are changed in turn. A question whose answer is found by comparing has its target as it is.
        """
        if question.instruction.name in LISTENING or (isinstance(target, Target) and (target.unending or not target)):
            return [target]
        encode = self.checkpoint.vocabulary.encode
        with self._torch.no_grad():
            passed = self._ahead([question], self._waves([question]))
            follow = self._follower(passed)
            heads = [self._greedy(follow)]
            if (given := getattr(target, "transcript", None)) is not None:
                heads.append(encode(given))
            answer = encode(f"<sep>{tokens_of_answer(target)}<end>")
            nearest = self._nearest(heads, answer, follow)
        end_weight = target.end_weight if isinstance(target, Target) else None
        transcripts = (self.checkpoint.vocabulary.decode(head) for head in nearest[:n])
        return [Target(target, end_weight=end_weight, transcript=transcript) for transcript in transcripts]

    def aimed_together(self, question: Question, target: str) -> str:
        """The target after an empty transcript; as it is where `aimed` leaves it so too."""
        if question.instruction.name in LISTENING or (isinstance(target, Target) and (target.unending or not target)):
            return target
        end_weight = target.end_weight if isinstance(target, Target) else None
        return Target(target, end_weight=end_weight, transcript="")

    def _greedy(self, follow: _Follower) -> list[int]:
        """The transcript that the network writes by itself; empty where it comes to no end of one."""
        index = self.checkpoint.vocabulary.index
        head: list[int] = []
        while len(head) < MAX_TEXT:
            (rows,) = follow([[index["<answer>"], *head]])
            token = int(rows[-1].argmax())
            if token in (index["<sep>"], index["<end>"]):
                return head if token == index["<sep>"] else []
            head.append(token)
        return []

    def _nearest(self, heads: list[list[int]], answer: list[int], follow: _Follower) -> list[list[int]]:
        """The transcripts that were tried, starting from some, those of least cost first.

        In each round edits of one word in every place are tried of the best, then more words in the place where one did
        most. What is before the edited place already costs what it costs, and the edited word too: an edit for which that
        alone is more than the least cost so far is passed over.
        """
        costs: dict[tuple[int, ...], float] = {}

        def tried(some: list[tuple[float, list[int]]]) -> None:
            left = sorted((least, head) for least, head in some if tuple(head) not in costs)
            while left:
                most = min(costs.values(), default=math.inf)
                now, left = [head for least, head in left[:N_AT_ONCE] if least < most], left[N_AT_ONCE:]
                if not now:
                    break
                costs.update(zip(map(tuple, now), self._costs(now, answer, follow), strict=True))

        tried([(0.0, head) for head in heads])
        for _ in range(N_ROUNDS):
            best = min(costs, key=lambda head: costs[head])
            if costs[best] == 0:
                break
            edits = self._edits(list(best), answer, follow)
            before = set(costs)
            tried([edit for some in edits for edit in some[:N_NEAR]])
            there = [
                min((costs[tuple(head)] for _, head in some if tuple(head) in costs), default=math.inf)
                for some in edits[:-1]
            ]
            if there and min(there) < math.inf:
                tried(edits[int(np.argmin(there))])
            if min(costs, key=lambda head: costs[head]) in before:
                break
        return [list(head) for head in sorted(costs, key=lambda head: costs[head])]

    def _edits(self, head: list[int], answer: list[int], follow: _Follower) -> list[list[tuple[float, list[int]]]]:
        """Edits of a transcript with the least that each can cost, the likeliest first: for each word others and none in
        its place, and at last those that put in a word of the answer that is missing."""
        n_marks = len(CONTROL) + len(CHARACTERS)
        whole = [*head, self.checkpoint.vocabulary.index["<sep>"]]
        (rows,) = follow([[self.checkpoint.vocabulary.index["<answer>"], *head]])
        behind = np.concatenate(
            [[0.0], np.cumsum(self._failures(rows, whole).numpy())]
        )  # what stands before each place
        fails = (rows.amax(dim=1, keepdim=True) - rows).numpy()
        out = []
        for place, token in enumerate(head):
            if token < n_marks:
                continue
            words = n_marks + np.argsort(fails[place, n_marks:], kind="stable")[: N_THERE + 1]
            some = [
                (behind[place] + fails[place, word], [*head[:place], word, *head[place + 1 :]])
                for word in words.tolist()
                if word != token
            ]
            some.insert(
                N_NEAR - 1, (behind[place] + fails[place, whole[place + 1]], [*head[:place], *head[place + 1 :]])
            )
            out.append(some)
        missing = [word for word in dict.fromkeys(answer) if word >= n_marks and word not in head]
        put = [
            (behind[place] + fails[place, word], [*head[:place], word, *head[place + width :]])
            for word in missing
            for place in range(len(whole))
            for width in (0, 1)
            if place + width <= len(head)
        ]
        return [*out, sorted(put)]

    def _follower(self, passed: tuple[Tensor, Tensor]) -> _Follower:
        """What gives the logits of texts behind one clip; where nothing is edited, what stands before them is worked out once."""
        torch = self._torch
        ahead, counts = passed
        if self._hooks.edits:
            return lambda rows: self._teacher_forced(
                ahead.expand(len(rows), -1, -1), counts.expand(len(rows), -1), rows
            )
        memory = self.network.remembered(ahead, counts)

        def follow(rows: list[list[int]]) -> list[Tensor]:
            text = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
            logits = self.network.decode_after(memory, counts, text)
            return [row[: len(own)] for row, own in zip(logits, rows, strict=True)]

        return follow

    def _costs(self, heads: list[list[int]], answer: list[int], follow: _Follower) -> list[float]:
        """Of each transcript: logits by which greedy decoding fails to say it, and, more heavily, the answer after it."""
        if not heads:
            return []
        start = self.checkpoint.vocabulary.index["<answer>"]
        texts = [[start, *head, *answer][: MAX_TEXT + 1] for head in heads]
        costs = []
        for row, text, head in zip(follow([text[:-1] for text in texts]), texts, heads, strict=True):
            fails = self._failures(row, text[1:])
            costs.append(float(fails[: len(head) + 1].sum() + FOLLOWING * fails[len(head) + 1 :].sum()))
        return costs

    def losses(self, questions: Sequence[Question], answers: Sequence[str], *, heard: Sequence[str | None]) -> Tensor:
        """Cross-entropy of transcript, separator, answer and end of each question, which reaches the parameters.

        A mean over the tokens, in which an answer's count as in the network's own training: 1.5 times those of the
        transcript, and 5 in all where it is short. Where nothing is given as heard, the answer alone counts, after the
        model's own most likely transcript.
        """
        torch, index = self._torch, self.checkpoint.vocabulary.index
        texts, own = self._spoken(questions, answers, heard)
        rows = self._teacher_forced(
            *self._ahead(list(questions), self._waves(questions)), [text[:-1] for text in texts]
        )
        losses = []
        for row, text, alone in zip(rows, texts, own, strict=True):
            cut = text.index(index["<sep>"]) if index["<sep>"] in text else len(text) - 1
            n_answer = max(1, len(text) - cut - 2)
            weights = torch.ones(len(text) - 1)
            weights[:cut] = 0.0 if alone else 1.0
            weights[cut : cut + n_answer] = max(1.5, 5.0 / n_answer)
            each = torch.nn.functional.cross_entropy(row, torch.tensor(text[1:]), reduction="none")
            losses.append((each * weights).sum() / weights.sum())
        return torch.stack(losses)

    def _spoken(
        self, questions: Sequence[Question], answers: Sequence[str], heard: Sequence[str | None]
    ) -> tuple[list[list[int]], list[bool]]:
        """Tokens from `<answer>` to `<end>` of each question, and whether its transcript is the model's own."""
        encode = self.checkpoint.vocabulary.encode
        heads = [None if words is None else encode(" ".join(plain_words(words))) for words in heard]
        own = [place for place, head in enumerate(heads) if head is None]
        if own:
            index = self.checkpoint.vocabulary.index["<sep>"]
            decoded = self._decoded([questions[place] for place in own], Draw())
            for place, one in zip(own, decoded, strict=True):
                heads[place] = one.tokens[: one.tokens.index(index)] if index in one.tokens else one.tokens
        texts = []
        for question, answer, head in zip(questions, answers, heads, strict=True):
            listens = question.instruction.name in LISTENING
            tail = encode(f"<sep>{'' if listens else tokens_of_answer(answer)}<end>")
            texts.append([*encode("<answer>"), *(head or [])[: MAX_TEXT - len(tail)], *tail][: MAX_TEXT + 1])
        return texts, [place in own for place in range(len(heads))]

    def word_times(self, samples: np.ndarray, words: Sequence[str]) -> list[tuple[float, float]]:
        """When each word is said, in seconds: from and to; empty where the text cannot be fitted to the clip."""
        from earnest.models.reference.alignment import word_frames

        with self._torch.no_grad():
            states = self._heard([self._torch.from_numpy(samples.copy())]).states
            heard = self.network.characters(states)[0].log_softmax(dim=-1).numpy()
        step_s = 4 * HOP / SAMPLE_RATE
        return [(begin * step_s, end * step_s) for begin, end in word_frames(heard, words)]

    def activations(
        self, questions: Sequence[Question], *, sites: Sequence[str], at: str | None
    ) -> list[dict[str, np.ndarray]]:
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
                if site == FEATURES:
                    continue  # of no module: see `_heard`
                if site.startswith((NEURONS, HEADS)):
                    block = self._module(block_of(site))
                    module = block.inner.down if site.startswith(NEURONS) else block.attention.out
                    handles.append(module.register_forward_pre_hook(self._hook_before(site)))
                else:
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
        return lambda _module, _inputs, output: self._passed(site, output)

    def _hook_before(self, site: str) -> Any:
        return lambda _module, inputs: (self._passed(site, inputs[0]),)

    def _passed(self, site: str, states: Tensor) -> Tensor:
        """What leaves a site, after its edits; kept where it is read."""
        for edit in self._hooks.edits:
            if edit.site == site:
                states = self._changed(states, edit)
        if site in self._hooks.reads:
            self._keep(site, states)
        return states

    def _rows(self, site: str, at: str | None, row: int, length: int) -> list[int]:
        """Places of one clip's row at a site that a position means."""
        now, site = self._pass, block_of(site)
        if site == FEATURES:
            return list(range(length))
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
        if at == "generated":
            return [start + k for k in range(separator, len(text)) if text[k] != index["<pad>"]]
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
        decoder = block_of(site).startswith("decoder.")
        places = self._rows(site, at or ("sep" if decoder else "all"), 0, output.shape[1])
        rows = output[0, places].detach().numpy().copy()
        self._hooks.kept.setdefault(site, []).append(rows if at in ("all", "generated") else rows.mean(axis=0))

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

    def _heard(self, waves: list[Tensor], *, hooked: bool = False) -> Heard:
        torch = self._torch
        blocks = [self.log_mel(wave) for wave in waves]
        if hooked:
            blocks = [self._passed(FEATURES, block[None])[0] for block in blocks]
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
                made = self._heard([waves[i] for i in heard], hooked=True)
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

    def _decoded(
        self, questions: list[Question], draw: Draw, passed: tuple[Tensor, Tensor] | None = None
    ) -> list[Decoded]:
        torch = self._torch
        index = self.checkpoint.vocabulary.index
        out = [Decoded() for _ in questions]
        drawing = Drawing(self.checkpoint, questions, draw)
        with torch.no_grad():
            ahead, counts = self._ahead(questions, self._waves(questions)) if passed is None else passed
            live = np.arange(len(questions))
            for _ in range(MAX_TEXT):
                text = torch.tensor([[index["<answer>"], *out[i].tokens] for i in live])
                logits = self._run_decoder(ahead[live], counts[live], text)[:, -1]
                _, going = drawing.step(live, logits.numpy(), out)
                live = live[going]
                if not len(live):
                    break
        return out

    def _on_the_way(
        self,
        questions: list[Question],
        passed: tuple[Tensor, Tensor],
        targets: Sequence[str],
        transcripts: Sequence[str] | None,
    ) -> tuple[list[tuple[list[int], int, bool]], list[Tensor]]:
        """What each clip is to be given as (see `_wanted`), and the logits on the way there.

        An answer comes after the model's own most likely transcript of the clip as it is now. An attack asks for almost
        the same clip again and again, so the transcript that a clip of this length and instruction had last, and that
        sounded most like it, is tried: where each of its tokens, and the separator behind them, is the most likely one in
        this very pass, it is the one sought, and nothing has to be decoded. The others are found from there (`_settled`)
        and passed once more.
        """
        driven = [_silent(target) or getattr(target, "transcript", None) is not None for target in targets]
        asking = [
            i
            for i, each in enumerate(questions)
            if each.instruction.name not in LISTENING and transcripts is None and not driven[i]
        ]
        own: dict[int, list[int]] = {i: head for i in asking if (head := self._guess(questions[i])) is not None}
        tried = list(own)
        own |= self._transcripts([i for i in asking if i not in own], questions, passed)
        wanted = self._wanted(questions, own, targets, transcripts)
        logits = self._teacher_forced(*passed, [tokens[:-1] for tokens, _, _ in wanted])
        separator = self.checkpoint.vocabulary.index["<sep>"]
        likely = {i: logits[i][: len(own[i]) + 1].argmax(dim=-1).tolist() for i in tried}
        if wrong := [i for i in tried if likely[i] != [*own[i], separator]]:
            own |= self._settled({i: likely[i] for i in wrong}, questions, passed)
            wanted = self._wanted(questions, own, targets, transcripts)
            again = self._teacher_forced(*(part[wrong] for part in passed), [wanted[i][0][:-1] for i in wrong])
            for i, row in zip(wrong, again, strict=True):
                logits[i] = row
        for i in asking:
            self._remember(questions[i], own[i])
        return wanted, logits

    def _settled(
        self, likely: Mapping[int, list[int]], questions: list[Question], passed: tuple[Tensor, Tensor]
    ) -> dict[int, list[int]]:
        """The most likely transcript of each clip, found from a wrong one.

        `likely` holds the most likely token at each place of the wrong one. These are tried in turn, and whatever is
        most likely then, until each token is the most likely one after those before it: the first wrong one is put right
        each time, and mostly all of them are at once. What has not settled soon is decoded token by token.
        """
        index = self.checkpoint.vocabulary.index
        settled: dict[int, list[int]] = {}
        left = dict(likely)
        for _ in range(N_SETTLING):
            heads = {
                i: tokens[: tokens.index(index["<sep>"])] if index["<sep>"] in tokens else tokens
                for i, tokens in left.items()
            }
            places = [i for i, head in heads.items() if len(head) < MAX_TEXT]
            if not places:
                break
            with self._torch.no_grad():
                texts = [[index["<answer>"], *heads[i]] for i in places]
                rows = self._teacher_forced(*(part[places].detach() for part in passed), texts)
            left = dict(zip(places, (row.argmax(dim=-1).tolist() for row in rows), strict=True))
            for i in [i for i in places if left[i] == [*heads[i], index["<sep>"]]]:
                settled[i] = heads[i]
                del left[i]
        return settled | self._transcripts([i for i in likely if i not in settled], questions, passed)

    def _transcripts(
        self, places: list[int], questions: list[Question], passed: tuple[Tensor, Tensor]
    ) -> dict[int, list[int]]:
        """Tokens of the most likely transcript of the clips in these places."""
        if not places:
            return {}
        separator = self.checkpoint.vocabulary.index["<sep>"]
        decoded = self._decoded([questions[i] for i in places], Draw(), tuple(part[places].detach() for part in passed))
        return {
            i: each.tokens[: each.tokens.index(separator)] if separator in each.tokens else []
            for i, each in zip(places, decoded, strict=True)
        }

    def _guess(self, question: Question) -> list[int] | None:
        """The transcript of that clip of this length and instruction, of those asked lately, which is most like it."""
        known = self._last_transcripts.get((question.samples.size, question.instruction))
        if not known:
            return None
        loudness = _loudness(question.samples)
        return list(min(known, key=lambda head: float(np.abs(known[head] - loudness).sum())))

    def _remember(self, question: Question, head: list[int]) -> None:
        known = self._last_transcripts.setdefault((question.samples.size, question.instruction), {})
        known[tuple(head)] = _loudness(question.samples)
        for memory, most in ((known, N_ALIKE), (self._last_transcripts, N_REMEMBERED)):
            while len(memory) > most:
                memory.pop(next(iter(memory)))

    def _wanted(
        self,
        questions: list[Question],
        own: Mapping[int, list[int]],
        targets: Sequence[str],
        transcripts: Sequence[str] | None,
    ) -> list[tuple[list[int], int, bool]]:
        """For each clip: the whole token sequence, the first scored place, and whether it is to be avoided.

        `own` holds the model's own transcripts, where they are not given and stand before the answer.
        """
        encode = self.checkpoint.vocabulary.encode
        out = []
        for i, (question, target) in enumerate(zip(questions, targets, strict=True)):
            if question.instruction.name in LISTENING:
                said, avoided = listened_for(question.instruction, target)
                out.append((encode(f"<answer>{said}<sep><end>")[:-1][: MAX_TEXT + 1], 0, avoided))
                continue
            if _silent(target):
                out.append((encode("<answer><end>"), 0, False))
                continue
            given = transcripts[i] if transcripts is not None else getattr(target, "transcript", None)
            head = own[i] if given is None else encode(given)
            tokens = [*encode("<answer>"), *head, *encode(f"<sep>{tokens_of_answer(target)}<end>")][: MAX_TEXT + 1]
            driven = given is not None and not getattr(target, "held", False)
            out.append((tokens, 0 if driven else min(len(head) + 1, len(tokens) - 2), False))
        return out


def _silent(target: str) -> bool:
    """Whether a target says that nothing is to be written at all, no transcript either."""
    return isinstance(target, Target) and not target and not target.unending


def _loudness(samples: np.ndarray) -> np.ndarray:
    """The course of a clip's loudness in a few numbers, which a small change leaves as they are."""
    return np.array([float(np.abs(part).mean()) for part in np.array_split(samples, 32) if part.size])


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

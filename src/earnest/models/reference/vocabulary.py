"""Tokens of the reference model: control tokens, characters, words.

A word outside the list is spelled: ``<w>`` and then its characters. The list is ``weights/vocabulary.txt``, one token a line; the line number is the token's index.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from earnest.errors import BadParameter

CONTROL = (
    "<pad>", "<answer>", "<sep>", "<end>", "<sound>", "<w>", "<describe>", "<respond>", "<disclose>", "<owner>", "<stranger>",
    "<door_code>", "<account_number>", "<room_number>", "<birthday>", "<gender>", "<age>", "<genuine>", "<choose>",
    "<system>", "<user>", "<model>", "<call>", "<of>", "<close>",
)  # fmt: skip  # a table: one row a line
KEPT = ("<sound>", "<call>", "<of>", "<close>")
CHARACTERS = "abcdefghijklmnopqrstuvwxyz'áéíóúñü"


def plain_words(text: str) -> list[str]:
    """Lower-case words of a text; punctuation becomes a space, letters that are neither English nor Spanish too."""
    return re.sub(rf"[^{CHARACTERS} ]+", " ", unicodedata.normalize("NFC", text).lower().replace("\u2019", "'")).split()


@dataclass(frozen=True)
class Vocabulary:
    """Tokens in the order of their indices."""

    tokens: tuple[str, ...]

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Vocabulary:
        """Control tokens, characters, then the words in the order given."""
        return cls((*CONTROL, *(f"_{c}" for c in CHARACTERS), *words))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """The vocabulary in a file, one token a line."""
        tokens = tuple(path.read_text(encoding="utf-8").split("\n")[:-1])
        if tokens[: len(CONTROL)] != CONTROL:
            raise BadParameter(
                f"{path} must begin with the {len(CONTROL)} control tokens of the reference model, got {tokens[:3]}; reinstall earnest or rerun the recipe"
            )
        return cls(tokens)

    def write(self, path: Path) -> None:
        """Write one token a line."""
        path.write_text("\n".join(self.tokens) + "\n", encoding="utf-8")

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def index(self) -> dict[str, int]:
        """Token to index."""
        return {token: i for i, token in enumerate(self.tokens)}

    def encode(self, text: str, *, spelled: bool = True) -> list[int]:
        """Indices of a text; control tokens in angle brackets are kept, unknown words are spelled, or else ``<w>`` alone."""
        out: list[int] = []
        for piece in re.findall(r"<[a-z_]+>|[^<]+", text):
            if piece.startswith("<"):
                out.append(self.index[piece])
                continue
            for word in plain_words(piece):
                if word in self.index:
                    out.append(self.index[word])
                else:
                    out += [self.index["<w>"], *(self.index[f"_{c}"] for c in word if spelled)]
        return out

    def decode(self, indices: Sequence[int]) -> str:
        """Text of indices; spelled words are joined, ``<sound>`` and the marks of a tool call stay, other control tokens vanish."""
        words: list[str] = []
        spelling = False
        for i in indices:
            token = self.tokens[i]
            if token == "<w>":
                words.append("")
                spelling = True
            elif len(token) == 2 and token[0] == "_":
                if spelling:
                    words[-1] += token[1]
                else:
                    words.append(token[1])
                    spelling = True
            else:
                spelling = False
                if token in KEPT or not token.startswith("<"):
                    words.append(token)
        return " ".join(word for word in words if word)

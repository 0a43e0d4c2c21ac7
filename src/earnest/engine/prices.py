"""What calls cost, and the ceiling of what may be spent.

The table `prices.yaml` holds the prices of a few models, each with its date and the vendor's page. A price that is not
there is not guessed: the cost is then unknown, and every place that shows a cost says so.

A ceiling holds for the whole run folder. A call reserves the most it can cost before it is made, so that calls in
flight cannot pass the ceiling together; what a call did cost is known when its reply is there, and is counted whether or
not the reply could be used. A reply that tells no tokens counts as the most that it can cost, where there is a ceiling.
What a provider bills for calls that gave no reply at all is not known and not counted.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import importlib.resources
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from earnest.audio import Stimulus
from earnest.errors import BadParameter, ModelFailed
from earnest.models.access import Model, Sampling

CHARACTERS_PER_TOKEN = 2.5
"""Fewer than texts have, so that a reserve is not too small."""
TOKENS_PER_TURN = 20
"""What stands around the words of a turn, more than any chat template needs."""


class Price(BaseModel):
    """Prices of a model in US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[str, ...] = Field(default=(), description="Specifications that it holds for.")
    host: str | None = Field(default=None, description="Where it holds: another address has its own prices.")
    input_text: float = Field(ge=0)
    input_audio: float = Field(ge=0)
    output_text: float = Field(ge=0)
    output_audio: float | None = Field(default=None, ge=0)
    input_audio_tokens_per_s: float = Field(
        default=32, gt=0, description="For estimates and reserves; by default the most of any vendor known."
    )
    output_audio_tokens_per_s: float | None = Field(default=None, gt=0)
    date: datetime.date | None = Field(default=None, description="When it was read.")
    source: str = Field(default="", description="The vendor's page.")
    note: str = ""

    def of_usage(self, usage: Mapping[str, float]) -> float | None:
        """Cost in US dollars of a call with this usage; None where it has no token counts."""
        if "input_tokens" not in usage or "output_tokens" not in usage:
            return None
        audio_in, audio_out = usage.get("input_audio_tokens"), usage.get("output_audio_tokens", 0.0)
        if audio_in is None:  # not told apart: as dear as it can be
            audio_in = usage["input_tokens"] if self.input_audio > self.input_text else 0.0
        cost = self.input_audio * audio_in + self.input_text * max(0.0, usage["input_tokens"] - audio_in)
        cost += self.output_text * max(0.0, usage["output_tokens"] - audio_out)
        cost += (self.output_text if self.output_audio is None else self.output_audio) * audio_out
        return cost / 1e6

    def of_call(self, *, audio_s: float, n_characters: int, n_output_tokens: float, n_turns: int = 1) -> float:
        """Cost in US dollars of a call with so many seconds of audio, characters of prompt and tokens of answer.

        Earlier turns are sent, and paid for, with every call: their audio, characters and number count.
        """
        cost = self.input_audio * self.input_audio_tokens_per_s * audio_s
        cost += self.input_text * (TOKENS_PER_TURN * n_turns + n_characters / CHARACTERS_PER_TOKEN)
        cost += max(self.output_text, self.output_audio or 0.0) * n_output_tokens
        return cost / 1e6

    def most(self, stimulus: Stimulus, sampling: Sampling) -> float:
        """The most in US dollars that asking `stimulus` can cost."""
        n_characters = sum(len(turn.text) for turn in stimulus.turns) + len(stimulus.system_prompt or "")
        return self.of_call(
            audio_s=stimulus.duration_s,
            n_characters=n_characters,
            n_output_tokens=sampling.max_tokens,
            n_turns=len(stimulus.turns),
        )


FREE = Price(input_text=0, input_audio=0, output_text=0, input_audio_tokens_per_s=1)


@functools.cache
def price_table() -> Mapping[str, Price]:
    """The built-in prices by specification of the model."""
    text = importlib.resources.files("earnest.engine").joinpath("prices.yaml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = yaml.safe_load(text)
    prices = [Price.model_validate(entry) for entry in entries]
    return {name: price for price in prices for name in price.models}


def price_of(model: Model, prices: Mapping[str, Price] | None = None) -> Price | None:
    """The price of a model: the one given, else none to pay on this machine; None where it is not known."""
    if prices and model.name in prices:
        return prices[model.name]
    if model.free or (model.batch_size is not None and model.destination is None):
        return FREE
    found = price_table().get(model.name)
    return found if found is not None and found.host == model.destination else None


_GIVEN = re.compile(r"(?:(?P<spec>.+):)?(?P<pairs>[a-z_]+=[^:=]*(?:,[a-z_]+=[^:=]*)*)")
_NAMES = {
    "in": "input_text", "audio_in": "input_audio", "out": "output_text", "audio_out": "output_audio",
    "audio_tokens_per_s": "input_audio_tokens_per_s",
}  # fmt: skip  # a table: one row a line


def read_price(text: str) -> tuple[str | None, Price]:
    """A price as a user writes it, in US dollars per million tokens, and the specification of the model it is for.

    >>> read_price("in=2.5,audio_in=32,out=10")[1].input_audio
    32.0

    Written `[SPEC:]in=,audio_in=,out=[,audio_out=][,audio_tokens_per_s=]`; audio costs as much as text where it is left out.

    Raises
    ------
    BadParameter
        If it has another form, or a number is none.
    """
    match = _GIVEN.fullmatch(text.strip())
    pairs = dict(pair.partition("=")[::2] for pair in match["pairs"].split(",")) if match else {}
    if match is None or not {"in", "out"} <= pairs.keys() <= _NAMES.keys():
        raise BadParameter(
            f"a price is written [SPEC:]in=2.5,audio_in=32,out=10, in US dollars per million tokens, got {text!r}; it has in "
            f"and out, and may have {', '.join(name for name in _NAMES if name not in ('in', 'out'))}"
        )
    try:
        values = {_NAMES[name]: float(value) for name, value in pairs.items()}
        price = Price(**{"input_audio": values["input_text"], **values})
        if not all(map(math.isfinite, values.values())):
            raise ValueError("not finite")
    except ValueError as error:
        raise BadParameter(
            f"prices are numbers of at least 0, got {text!r}; write in=2.5,audio_in=32,out=10, say"
        ) from error
    return match["spec"], price


def read_prices(given: Sequence[str], *, models: Sequence[str]) -> dict[str, Price]:
    """The prices that a user wrote, by specification; one without a specification is for the first of `models`.

    Raises
    ------
    BadParameter
        If one cannot be read, or is for a model that nobody asks.
    """
    prices: dict[str, Price] = {}
    for text in given:
        spec, price = read_price(text)
        if spec is not None and spec not in models:
            raise BadParameter(
                f"a price must be for a model that is asked ({', '.join(models)}), got one for {spec!r}; correct it"
            )
        prices[models[0] if spec is None else spec] = price
    return prices


class Ledger:
    """What was spent and what is reserved; belongs to one event loop.

    Parameters
    ----------
    max_cost : float or None
        Ceiling in US dollars.
    spent : float
        By earlier sittings of the run.
    """

    def __init__(self, max_cost: float | None = None, *, spent: float = 0.0) -> None:
        self.max_cost, self.spent = max_cost, spent
        self._reserved, self._n_reserved = 0.0, 0
        self._exhausted = False
        self._settled = asyncio.Event()

    async def reserve(self, amount: float) -> float:
        """Set `amount` US dollars aside, waiting for calls in flight to become known if it does not fit.

        Raises
        ------
        ModelFailed
            With reason `over_budget`, if it does not fit; from then on for every call.
        """
        while not self._fits(amount):
            if self._exhausted or self._n_reserved == 0 or self.spent + amount > self.max_cost:
                self._exhausted = True
                raise ModelFailed(
                    f"the ceiling of {self.max_cost:g} USD leaves no room for a call of up to {amount:.4g} USD after "
                    f"{self.spent:.4g} USD; run again with a higher --max-cost to go on",
                    reason="over_budget",
                )
            self._settled.clear()
            await self._settled.wait()
        self._reserved += amount
        self._n_reserved += 1
        return amount

    def settle(self, reserved: float, *, cost: float) -> None:
        """Put `cost` in place of what was `reserved` for it."""
        self._reserved = max(0.0, self._reserved - reserved)
        self._n_reserved -= 1
        self.spent += cost
        self._settled.set()

    def _fits(self, amount: float) -> bool:
        if self.max_cost is None or amount == 0:
            return True
        return not self._exhausted and self.spent + self._reserved + amount <= self.max_cost

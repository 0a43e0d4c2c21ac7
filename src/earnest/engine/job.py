"""What the engine is given, how it is set, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earnest.audio import Goal
from earnest.engine.prices import Price
from earnest.errors import BadParameter
from earnest.models._weights import cache_folder
from earnest.models.access import Answer, Sampling
from earnest.records import Arm, Item, Outcome


@dataclass(frozen=True, kw_only=True)
class Job:
    """An item in an arm, with everything needed to ask and to score it.

    Parameters
    ----------
    item : Item
    arm : Arm
    score : callable (Item, Answer) -> Outcome
        Called in a worker thread; an exception in it is a bug and ends the run.
    goal : callable (Item) -> Goal or None
        What an attacker wants of the item; asked in attacked arms alone.
    kind : {"item", "canary"}
        Canaries prove that the audio arrived; no task scores them.
    seen : bool
        Whether an artefact of the run has seen a speaker or a text of it.
    """

    item: Item
    arm: Arm
    score: Callable[[Item, Answer], Outcome] = field(compare=False, repr=False)
    goal: Callable[[Item], Goal | None] = field(default=lambda item: None, compare=False, repr=False)
    kind: Literal["item", "canary"] = "item"
    seen: bool = False

    def __post_init__(self) -> None:
        if self.arm.attack is not None and self.item.own_attack is not None:
            raise BadParameter(
                f"{self.item.id} brings an attack of its own, got another one, {self.arm.attack!r}; leave its task out of "
                "attacked arms: no `goal`, and single_clip = False"
            )

    @property
    def setup_arm(self) -> Arm:
        """The arm that is carried out: that of the run, or of the attack that is part of the item."""
        own = self.item.own_attack
        return self.arm if own is None else own.arm(self.arm.defences)

    @property
    def is_control(self) -> bool:
        """Whether it asks the control of an attack that is part of the item."""
        return self.item.own_attack is not None and self.item.own_attack.control

    @property
    def wanted(self) -> Goal | None:
        """What the attacker wants of the item."""
        return self.goal(self.item) if self.item.own_attack is None else self.item.own_attack.goal

    @property
    def id(self) -> str:
        """Unique in the run: the item's id with the arm's suffix."""
        return self.item.id + self.arm.suffix


def default_cache() -> Path:
    """The folder of the answer cache: `EARNEST_CACHE`, or `~/.cache/earnest`."""
    return cache_folder()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a run is carried out. Apart from `sampling`, nothing here moves a number.

    Parameters
    ----------
    max_connections : int
        Most calls in flight to a remote model; fewer where it answers that it is overloaded.
    timeout_s : float
        Longest wait for one reply; a batch of a local model may take so long for each of its stimuli.
    max_attempts : int
        Tries of a call before its item is given up as unscored.
    max_failures : int or None
        Calls given up in a row, over all items, after which the run stops; those items are asked again when it is
        resumed. None: it goes on, whatever fails.
    max_cost : float or None
        Ceiling of the spend of the whole run folder in US dollars; None: no ceiling.
    prices : mapping of str to Price, or None
        Prices by specification of the model, in place of the built-in table.
    cache : Path or None
        Folder of the answer cache, shared by all runs; None: no cache.
    batch_size : int or None
        Of a local model, in place of its own.
    sampling : Sampling
        How answers are drawn.
    log_queries : bool
        Whether `queries.jsonl` in the run folder gets a line for each question that an attack asks.
    time_arms : bool
        Whether `timings.jsonl` in the run folder gets a line for the work on each arm.
    """

    max_connections: int = 16
    timeout_s: float = 120.0
    max_attempts: int = 6
    max_failures: int | None = 20
    max_cost: float | None = None
    prices: Mapping[str, Price] | None = None
    cache: Path | None = field(default_factory=default_cache)
    batch_size: int | None = None
    sampling: Sampling = Sampling()
    log_queries: bool = False
    time_arms: bool = False

    def __post_init__(self) -> None:
        for name, least in (
            ("max_connections", 1),
            ("max_attempts", 1),
            ("max_failures", 1),
            ("batch_size", 1),
            ("max_cost", 0),
        ):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise BadParameter(f"{name} must be at least {least}, got {value!r}; leave it out for the default")
        if not self.timeout_s > 0:
            raise BadParameter(f"timeout_s must be above 0 s, got {self.timeout_s!r}; leave it out for 120")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    done, total : int
        Finished items, those of an earlier sitting included, and all.
    scored : int
    unscored : mapping of str to int
        By reason.
    cost_usd : float or None
        Spent so far; None where the price is not known.
    rate_per_s : float
        Items finished per second in this sitting.
    eta_s : float or None
        Seconds left at that rate; None before there is one.
    in_flight : int
        Calls that wait for an answer.
    learnt : tuple of str
        What endpoints were found to refuse, in sentences.
    """

    done: int
    total: int
    scored: int
    unscored: Mapping[str, int]
    cost_usd: float | None
    rate_per_s: float
    eta_s: float | None
    in_flight: int
    learnt: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a finished run did.

    Parameters
    ----------
    folder : Path
        The run folder, which holds everything else.
    n_items : int
        Items in arms, canaries included.
    n_scored : int
    unscored : mapping of str to int
        By reason.
    n_resumed : int
        Items that an earlier sitting had finished.
    n_calls : int
        Answers got in this sitting, retries not counted.
    n_retries : int
    n_cached : int
        Answers that came from the cache.
    cost_usd : float or None
        Spent on the run folder so far, as far as known; None where no price is known.
    note : str
        What is not known of the cost.
    learnt : tuple of str
        What endpoints were found to refuse, and how they are asked since, in sentences.
    duration_s : float
        Wall time of this sitting.
    """

    folder: Path
    n_items: int
    n_scored: int
    unscored: Mapping[str, int]
    n_resumed: int
    n_calls: int
    n_retries: int
    n_cached: int
    cost_usd: float | None
    note: str
    duration_s: float
    learnt: tuple[str, ...] = ()

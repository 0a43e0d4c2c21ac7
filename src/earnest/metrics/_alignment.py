"""The shortest alignment of two texts over all their readings.

Each text is a row of words with other readings beside it (`earnest.metrics._lattice`). Where one text takes another
reading, the other keeps to its row: of two forms of one number, either has beside its row what the other has on it. The
search (A*) walks both texts at once and of equally few edits prefers to stay on the reference's row. Four things keep
it small and lose nothing:

- a reading without a word of the other text, and no shorter than the row, is left out;
- where both texts have one way on and the words are equal, they are taken;
- of two states on one diagonal with only the rows between them, the one that is further on is never worse;
- a word that the other text does not hold costs an edit wherever it is met, so states are tried in the order of the
  edits that they have made and cannot avoid.

References
----------
[levenshtein1966-codes]
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from earnest.metrics._lattice import Lattice, Span

SHORT = 40
"""Words up to which two texts are aligned whole; longer ones are first cut where both say the same."""
ANCHORS = (4, 2, 1)
"""Equal words in a row at which long texts are cut, from the surest to the last resort."""
MOST_STATES = 40_000
"""States after which a search gives up, so that hostile texts take no longer than others."""
MOST_READINGS = 2000
"""Stretches of one text with more than one reading; a text with more is compared by its row."""

HIT, SUBSTITUTION, DELETION, INSERTION, NOTHING = range(5)

_EDIT = 1 << 32
"""The cost of an edit, in words that leave the reference's row."""
_OTHER = "\0"
"""A word that the other text does not hold."""


class Step(NamedTuple):
    """A word of the reference (`at`: its place on the row) and what became of it; or a word put in."""

    kind: int
    at: int


class _Window(NamedTuple):
    """A stretch of both rows."""

    start: int
    end: int
    from_: int
    to: int


Way = tuple[str, int, int]
"""Word (empty for none), the node that it leads to, and 1 where it leaves the row of words."""
Compound = tuple[int, Sequence[str], int]
"""From, other words, to."""


@dataclass
class _Net:
    """One side of a comparison as a graph: nodes 0 to n along the row of words, further ones within other readings."""

    words: Sequence[str]
    ways: dict[int, list[Way]] = field(default_factory=dict)
    """Of every node from which more leads than the next word of the row."""
    homes: list[int] = field(default_factory=list)
    """Where on the row each node lies, or began."""
    within: set[int] = field(default_factory=set)
    """Nodes of the row that a reading passes beside, so that nothing can be cut there."""
    branches: list[int] = field(default_factory=list)
    """Nodes of the row with ways, in order."""
    known: frozenset[str] = frozenset()
    """Every word of every reading of the other text."""

    @cached_property
    def least(self) -> list[int]:
        """Edits that cannot be avoided from each node on."""
        return _least(self)


def counts(reference: Lattice, hypothesis: Lattice) -> tuple[int, int, int, int]:
    """Hits, substitutions, deletions and insertions of the shortest alignment."""
    if reference.row == hypothesis.row:
        return len(reference.row), 0, 0, 0
    nets = _nets(reference, hypothesis)
    tally = [0] * 4
    if nets is not None:
        for kind, _ in _aligned(*nets):
            tally[kind] += 1
    else:
        for tag, start, end, from_, to in Levenshtein.opcodes(reference.row, hypothesis.row):
            tally[_KINDS[tag]] += max(end - start, to - from_)
    return tally[0], tally[1], tally[2], tally[3]


def steps(reference: Lattice, hypothesis: Lattice) -> list[Step]:
    """The steps of the shortest alignment, word by word."""
    nets = _nets(reference, hypothesis)
    if nets is not None:
        return _aligned(*nets)
    whole = _Window(0, len(reference.words), 0, len(hypothesis.words))
    return _over_rows(reference.words, hypothesis.words, whole)


def _aligned(reference: _Net, hypothesis: _Net) -> list[Step]:
    return _over_readings(reference, hypothesis, _Window(0, len(reference.words), 0, len(hypothesis.words)), ANCHORS)


# ---------------------------------------------------------------- one reading each


def _hits(words: Sequence[str], start: int) -> list[Step]:
    return [Step(HIT, at) for at, word in enumerate(words, start) if word]


_KINDS = {"equal": HIT, "replace": SUBSTITUTION, "delete": DELETION, "insert": INSERTION}


def _over_rows(reference: Sequence[str], hypothesis: Sequence[str], window: _Window) -> list[Step]:
    places = _places(reference, window.start, window.end)
    rows = [reference[at] for at in places], [hypothesis[at] for at in _places(hypothesis, window.from_, window.to)]
    found: list[Step] = []
    for tag, start, end, from_, to in Levenshtein.opcodes(*rows):
        if tag == "insert":
            found += [Step(INSERTION, -1)] * (to - from_)
        else:
            found += [Step(_KINDS[tag], places[at]) for at in range(start, end)]
    return found


def _places(words: Sequence[str], start: int, end: int) -> list[int]:
    return [at for at in range(start, end) if words[at]]


# ---------------------------------------------------------------- from lattices to nets


def _nets(reference: Lattice, hypothesis: Lattice) -> tuple[_Net, _Net] | None:
    """Both sides with the readings that matter to the other one; None where there are none."""
    ours = [span for span in reference.spans if span.graph.matters(span.end - span.start, hypothesis.held)]
    theirs = [span for span in hypothesis.spans if span.graph.matters(span.end - span.start, reference.held)]
    if len(ours) > MOST_READINGS or len(theirs) > MOST_READINGS:
        return None
    joined, apart = _compounds(reference, hypothesis), _compounds(hypothesis, reference)
    if not (ours or theirs or joined or apart):
        return None
    one = _net(reference.words, ours, hypothesis.held, joined)
    other = _net(hypothesis.words, theirs, reference.held, apart)
    one.known = hypothesis.held.union(*(span.graph.words for span in theirs), *(parts for _, parts, _ in apart))
    other.known = reference.held.union(*(span.graph.words for span in ours), *(parts for _, parts, _ in joined))
    return one, other


def _net(words: Sequence[str], spans: Sequence[Span], held: frozenset[str], compounds: Sequence[Compound]) -> _Net:
    """A row and the readings beside it; words that are not `held` by the other row are one and the same."""
    net = _Net(words, homes=list(range(len(words) + 1)))
    for at, word in enumerate(words):
        if not word:
            net.ways[at] = [(word, at + 1, 0)]
    for span in spans:
        first, last = len(net.homes) - 1, span.graph.n_nodes - 1
        net.homes += [span.start] * (last - 1)
        net.within.update(range(span.start + 1, span.end))
        seen: set[tuple[int, int]] = set()
        for start, word, end in span.graph.edges:
            if word and word not in held:
                if (start, end) in seen:
                    continue
                seen.add((start, end))
                word = _OTHER
            _add(net, first + start if start else span.start, word, first + end if end != last else span.end)
    for start_, parts, end_ in compounds:
        _beside(net, start_, parts, end_)
    net.branches = sorted(node for node in net.ways if node <= len(words))
    return net


def _add(net: _Net, start: int, word: str, end: int) -> None:
    ways = net.ways.get(start)
    if ways is None:
        ways = net.ways[start] = [(net.words[start], start + 1, 0)] if start < len(net.words) else []
    ways.append((word, end, 1))


def _beside(net: _Net, start: int, words: Sequence[str], end: int) -> None:
    net.within.update(range(start + 1, end))
    home = start
    for word in words[:-1]:
        net.homes.append(home)
        _add(net, start, word, len(net.homes) - 1)
        start = len(net.homes) - 1
    _add(net, start, words[-1], end)


def _least(net: _Net) -> list[int]:
    """The edits that cannot be avoided from each node on: words that the other text does not hold."""
    n, words, ways_of, known = len(net.words), net.words, net.ways, net.known
    least = [0] * len(net.homes)
    inner: dict[int, list[int]] = {}
    for node in range(len(net.homes) - 1, n, -1):
        inner.setdefault(net.homes[node], []).append(node)
    for at in range(n - 1, -1, -1):
        if at not in ways_of:
            least[at] = least[at + 1] + (words[at] not in known)
            continue
        for node in (*inner.get(at, ()), at):
            least[node] = min([least[to] + (word != "" and word not in known) for word, to, _ in ways_of[node]])
    return least


# ---------------------------------------------------------------- compounds


def _compounds(text: Lattice, other: Lattice) -> list[Compound]:
    """Readings of a text with words joined or apart as in the other one ("ice cream", "icecream")."""
    found: list[Compound] = [(start, [word], end) for start, end, word in text.joined(other.held)]
    parts = {word: other.words[start:end] for start, end, word in other.joined(text.held)}
    if parts:
        found += [(at, parts[word], at + 1) for at, word in enumerate(text.words) if word in parts]
    return found


# ---------------------------------------------------------------- all readings


def _over_readings(reference: _Net, hypothesis: _Net, window: _Window, anchors: Sequence[int]) -> list[Step]:
    """A short window whole; a long one cut where words are equal, by the first of `anchors`, its parts by the next."""
    words = reference.words[window.start : window.end]
    if words == hypothesis.words[window.from_ : window.to]:
        return _hits(words, window.start)
    if _plain(reference, window.start, window.end) and _plain(hypothesis, window.from_, window.to):
        return _over_rows(reference.words, hypothesis.words, window)
    long = max(window.end - window.start, window.to - window.from_) > SHORT
    if long and anchors:
        parts = _cut(reference, hypothesis, window, anchors[0])
        return [step for part in parts for step in _over_readings(reference, hypothesis, part, anchors[1:])]
    found = _search(reference, hypothesis, window)
    return _over_rows(reference.words, hypothesis.words, window) if found is None else found


def _plain(net: _Net, start: int, end: int) -> bool:
    at = bisect_left(net.branches, start)
    return at == len(net.branches) or net.branches[at] >= end


def _cut(reference: _Net, hypothesis: _Net, window: _Window, anchor: int) -> list[_Window]:
    """Windows that end within stretches of at least `anchor` equal words, and such stretches between them."""
    cuts = [(window.start, window.from_)]
    for one, other in _equal_stretches(reference, hypothesis, window, anchor):
        inner = [
            at
            for at in range(anchor // 2, len(one) - anchor // 2 + 1)
            if at < len(one) and one[at] not in reference.within and other[at] not in hypothesis.within
        ]
        cuts += [(one[at], other[at]) for at in dict.fromkeys((inner[0], inner[-1]) if inner else ())]
    cuts.append((window.end, window.to))
    return [_Window(a, c, b, d) for (a, b), (c, d) in zip(cuts, cuts[1:]) if (a, b) != (c, d)]


def _equal_stretches(
    reference: _Net, hypothesis: _Net, window: _Window, anchor: int
) -> list[tuple[list[int], list[int]]]:
    """Places on both rows of at least `anchor` equal words in a row, in one shortest alignment of the rows.

    The same whichever text is the reference.
    """
    one = _places(reference.words, window.start, window.end)
    other = _places(hypothesis.words, window.from_, window.to)
    rows = [reference.words[at] for at in one], [hypothesis.words[at] for at in other]
    turned = (len(rows[0]), rows[0]) > (len(rows[1]), rows[1])
    found = []
    for tag, start, end, from_, _ in Levenshtein.opcodes(*(rows[::-1] if turned else rows)):
        if tag == "equal" and end - start >= anchor:
            here, there = (from_, start) if turned else (start, from_)
            found.append((one[here : here + end - start], other[there : there + end - start]))
    return found


_Came = tuple[int, int, int, int]
"""From which state, after how many equal words, by which kind of step."""


def _search(reference: _Net, hypothesis: _Net, window: _Window) -> list[Step] | None:
    """The shortest alignment within a window that no reading leaves; None where it would take too long."""
    return _Search(reference, hypothesis, window).steps()


class _Search:
    """A* over pairs of nodes, of which at most one lies off its row.

    A state is a pair of nodes. In the heap it waits twice: to be gone on from by equal words, which cost nothing, and,
    marked by the number of equal words `taken` before, for its edits, which are due when no state is left that cost
    fewer. What no way on can avoid is worked out when the first edits are due; until then it is taken for nothing.
    """

    __slots__ = (
        *("reference", "words", "ways", "homes", "n", "end", "least"),
        *("hypothesis", "others", "their_ways", "their_homes", "n_others", "to", "their_least"),
        *("costs", "came", "heap", "done", "furthest"),
    )

    def __init__(self, reference: _Net, hypothesis: _Net, window: _Window) -> None:
        self.reference, self.hypothesis = reference, hypothesis
        first, self.end, first_other, self.to = window
        self.words, self.ways, self.homes = reference.words, reference.ways, reference.homes
        self.others, self.their_ways, self.their_homes = hypothesis.words, hypothesis.ways, hypothesis.homes
        self.n, self.n_others = len(self.words), len(self.others)
        self.least: Sequence[int] = ()
        self.their_least: Sequence[int] = ()
        self.costs = {(first, first_other): 0}
        self.came: dict[tuple[int, int], _Came] = {}
        self.heap: list[tuple[int, int, int, int, int]] = [(0, 0, first, first_other, -1)]
        self.done: set[tuple[int, int]] = set()
        self.furthest: dict[tuple[int, int, int], tuple[int, int]] = {}

    def steps(self) -> list[Step] | None:
        """The steps of the shortest alignment, in order."""
        for _ in range(MOST_STATES):
            if not self.heap:
                break
            state = heappop(self.heap)
            _, _, one, other, taken = state
            if taken >= 0:
                if self.least:
                    self._edit(one, other, taken)
                else:
                    self._estimate(state)
            elif (one, other) not in self.done:
                self.done.add((one, other))
                taken = self._equal_words(one, other)
                if one + taken == self.end and other + taken == self.to:
                    return _path(self.reference, self.came, one, other, taken)
                self._go_on(one, other, taken)
        return None

    def _equal_words(self, a: int, b: int) -> int:
        """How many words both texts have in common from here, with one way on."""
        words, others, ways, their_ways, end, to = (
            self.words,
            self.others,
            self.ways,
            self.their_ways,
            self.end,
            self.to,
        )
        start = a
        while a < end and b < to and words[a] == others[b] and a not in ways and b not in their_ways:
            a += 1
            b += 1
        return a - start

    def _go_on(self, one: int, other: int, taken: int) -> None:
        """From behind the equal words: what costs nothing at once, the edits when they are due."""
        a, b, cost = one + taken, other + taken, self.costs[one, other]
        if a < self.end and b < self.to and a not in self.ways and b not in self.their_ways:
            if not self._is_behind(cost, a, b):
                self._put_off(cost, one, other, taken)
            return
        ours, theirs = self._ways_on(a, b)
        for word, node, left in ours:
            if not word:
                self._reach(cost + left, node, b, (one, other, taken, NOTHING))
            elif word != _OTHER:
                for their_word, their_node, their_left in theirs:
                    if word == their_word and not (left and their_left):
                        self._reach(cost + left, node, their_node, (one, other, taken, HIT))
        for word, node, _ in theirs:
            if not word:
                self._reach(cost, a, node, (one, other, taken, NOTHING))
        self._put_off(cost, one, other, taken)

    def _edit(self, one: int, other: int, taken: int) -> None:
        """Every state that is one edit from here."""
        a, b, cost = one + taken, other + taken, self.costs[one, other] + _EDIT
        ours, theirs = self._ways_on(a, b)
        targets = {way[1]: way[2] for way in reversed(theirs) if way[0]}  # of two ways to one node, that of the row
        for way in targets:
            self._reach(cost, a, way, (one, other, taken, INSERTION))
        for node, left in {way[1]: way[2] for way in reversed(ours) if way[0]}.items():
            self._reach(cost + left, node, b, (one, other, taken, DELETION))
            for way, their_left in targets.items():
                if not (left and their_left):
                    self._reach(cost + left, node, way, (one, other, taken, SUBSTITUTION))

    def _estimate(self, due: tuple[int, int, int, int, int]) -> None:
        """Work out which edits cannot be avoided, and put all that waits back in its new order."""
        self.least, self.their_least = self.reference.least, self.hypothesis.least
        waiting = [due, *self.heap]
        self.heap.clear()
        for _, _, one, other, taken in waiting:
            self._put_off(self.costs[one, other], one, other, taken)

    def _reach(self, cost: int, one: int, other: int, by: _Came) -> None:
        """Note a state where it is new, or reached for less than before."""
        state = (one, other)
        known = self.costs.get(state)
        if known is None or cost < known:
            self.costs[state] = cost
            self.came[state] = by
            estimate = cost + _EDIT * self._unavoidable(one, other)
            heappush(self.heap, (estimate, -self.homes[one] - self.their_homes[other], one, other, -1))

    def _put_off(self, cost: int, one: int, other: int, taken: int) -> None:
        """Let the edits of a state wait for their turn."""
        estimate = cost + _EDIT * (self._unavoidable(one + taken, other + taken) or 1)
        heappush(self.heap, (estimate, 0, one, other, taken))

    def _unavoidable(self, a: int, b: int) -> int:
        """Edits that every way on from here has."""
        if not self.least:
            return 0
        ours, theirs = self.least[a] - self.least[self.end], self.their_least[b] - self.their_least[self.to]
        return ours if ours > theirs else theirs

    def _ways_on(self, a: int, b: int) -> tuple[Sequence[Way], Sequence[Way]]:
        """The ways on of both texts; while one is off its row, the other keeps to its own."""
        ours: Sequence[Way] = () if a == self.end else self.ways.get(a) or ((self.words[a], a + 1, 0),)
        theirs: Sequence[Way] = () if b == self.to else self.their_ways.get(b) or ((self.others[b], b + 1, 0),)
        if a > self.n:
            theirs = [way for way in theirs if not way[2]]
        elif b > self.n_others:
            ours = [way for way in ours if not way[2]]
        return ours, theirs

    def _is_behind(self, cost: int, a: int, b: int) -> bool:
        """Whether a state further on has been met, on the same diagonal, for no more."""
        diagonal = (_next(self.reference.branches, a), _next(self.hypothesis.branches, b), a - b)
        known = self.furthest.get(diagonal)
        if known is not None and known[0] >= a and known[1] <= cost:
            return True
        self.furthest[diagonal] = (a, cost)
        return False


def _path(reference: _Net, came: dict[tuple[int, int], _Came], one: int, other: int, taken: int) -> list[Step]:
    """The steps to a state, in order."""
    found = _back(one, taken)
    while (one, other) in came:
        one, other, taken, kind = came[one, other]
        if kind != NOTHING:
            found.append(Step(kind, reference.homes[one + taken]))
        found += _back(one, taken)
    return found[::-1]


def _back(one: int, taken: int) -> list[Step]:
    return [Step(HIT, at) for at in range(one + taken - 1, one - 1, -1)]


def _next(branches: list[int], node: int) -> int:
    at = bisect_left(branches, node)
    return branches[at] if at < len(branches) else -1

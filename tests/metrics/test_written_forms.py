"""Word edits over written forms: nothing between forms of the same words, something between near misses."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from earnest.errors import BadParameter
from earnest.metrics import _alignment
from earnest.metrics._lattice import Lattice, lattice
from earnest.metrics.transcription import (
    EditCounts,
    edit_counts,
    edit_counts_by_part,
    normalise_english,
    spoken_edit_counts,
    spoken_edit_counts_by_part,
)

DATA = Path(__file__).parent / "data"


def each(words: str, mark: str | None = None) -> list[str]:
    return words.split(mark)


some = settings(max_examples=150, deadline=None)


def edits(reference: str, hypothesis: str) -> int:
    return spoken_edit_counts(reference=reference, hypothesis=hypothesis).edits


def test_a_run_of_digits_may_be_said_in_pairs_up_to_its_longest() -> None:
    assert edits("97" * 12 + " one man", "ninety seven " * 12 + "one man") == 0, (
        "24 digits, the longest; read with the one they are too many"
    )
    assert edits("12" * 13, "one two " * 13) == 0
    assert edits("12" * 13, "twelve " * 13) > 0, "beyond, only digit by digit"


def test_minutes_that_are_not_told_are_no_time() -> None:
    assert edits("10:10", "ten minutes past ten") == 0 and edits("9:30", "half past nine") == 0
    assert edits("10:00", "minutes past ten") > 0
    assert edits("10:31", "thirty one minutes past ten") > 0, "nobody counts past the half hour so"


def test_a_date_in_figures_is_said_in_either_order_unless_its_year_stands_first() -> None:
    for said in ("march fourth twenty twenty four", "april third twenty twenty four"):
        assert edits("3/4/2024", said) == 0
    assert edits("2024-03-04", "march fourth twenty twenty four") == 0
    assert edits("2024-03-04", "april third twenty twenty four") > 0
    assert edits("3/4/24", "march fourth nineteen twenty four") == 0, "of two figures the century is open"
    assert edits("3/4/2024", "march fourth 202024") > 0, "of four it is not"


def test_digits_and_pairs_are_joined_and_hundreds_are_not() -> None:
    assert edits("9999", "ninety nine ninety nine") == 0
    assert edits("100100", "one hundred one hundred") > 0


def test_a_unit_may_be_said_by_its_other_name() -> None:
    for said in ("five micrometres", "five microns"):
        assert edits("5 μm", said) == 0
    assert edits("5 μm", "five micronss") > 0


def test_oh_is_a_nought_beside_numbers_alone() -> None:
    assert edits("room 405", "room four oh five") == 0
    assert edits("well $0.10", "well oh dollars ten") > 0


def pairs(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    found = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    assert len(found) > 100
    return found


@pytest.mark.parametrize(("one", "other"), pairs("same_words.txt"))
def test_another_form_of_the_same_words_costs_nothing(one: str, other: str) -> None:
    assert edits(one, other) == 0
    assert edits(other, one) == 0


@pytest.mark.parametrize(("one", "other"), pairs("other_words.txt"))
def test_a_near_miss_costs(one: str, other: str) -> None:
    assert edits(one, other) > 0
    assert edits(other, one) > 0


# ---------------------------------------------------------------- counts


def test_counts_by_hand() -> None:
    # "half past ten" is right, "the" left out, "dog's" is "dog is", "parking" changed, "now" put in
    found = spoken_edit_counts(
        reference="at half past ten the dog is barking", hypothesis="At 10:30, dog's parking now"
    )
    assert found == EditCounts(substitutions=1, deletions=1, insertions=1, hits=6, n_reference=8)
    turned = spoken_edit_counts(
        reference="At 10:30, dog's parking now", hypothesis="at half past ten the dog is barking"
    )
    assert (turned.deletions, turned.insertions, turned.edits) == (1, 1, 3)


def test_a_wrong_number_costs_the_words_that_are_wrong() -> None:
    assert edits("in nineteen eighty four", "in 1985") == 1
    assert edits("in 1984", "in nineteen ninety four") == 1
    assert edits("it costs five dollars and fifty cents", "It costs $5.15.") == 1


def test_the_reference_is_counted_in_its_own_words() -> None:
    """Of readings with equally few edits the one that the reference is written in gives the number of words."""
    for said, n in (("twenty twenty four", 3), ("two thousand and twenty four", 5), ("two oh two four", 4)):
        assert spoken_edit_counts(reference=said, hypothesis="2024") == EditCounts(0, 0, 0, n, n)
    assert spoken_edit_counts(reference="an ice cream", hypothesis="an icecream").n_reference == 3
    assert spoken_edit_counts(reference="an icecream", hypothesis="an ice cream").n_reference == 2


def test_figures_in_the_reference_are_counted_in_their_normal_form_where_it_is_as_good() -> None:
    assert spoken_edit_counts(reference="in 2024", hypothesis="in twenty twenty four") == EditCounts(0, 0, 0, 5, 5)
    assert spoken_edit_counts(reference="in 2024", hypothesis="in").deletions == 3  # the shortest reading


def test_sequences_are_summed() -> None:
    found = spoken_edit_counts(reference=["it is 5 km", "go home"], hypothesis=["it's five kilometres", "go"])
    assert found == EditCounts(substitutions=0, deletions=1, insertions=0, hits=5, n_reference=6)
    with pytest.raises(BadParameter, match="must pair up, got 1 and 2 texts"):
        spoken_edit_counts(reference=["a"], hypothesis=["a", "b"])


def test_empty_sides() -> None:
    assert spoken_edit_counts(reference="", hypothesis="") == EditCounts(0, 0, 0, 0, 0)
    assert spoken_edit_counts(reference="", hypothesis="thank 2 you") == EditCounts(0, 0, 3, 0, 0)
    assert spoken_edit_counts(reference="thank 2 you", hypothesis="") == EditCounts(0, 3, 0, 0, 3)
    assert spoken_edit_counts(reference="[noise] um", hypothesis="").n_reference == 0


def test_notes_in_round_brackets_are_words_or_nothing() -> None:
    assert edits("hello", "(coughs) hello") == edits("coughs hello", "(coughs) hello") == 0
    assert edits("hello", "(sneezes) hallo") == 1
    assert edits("a", "a (b c d e f g h i j)") == 9  # too long for a note


def test_letters_are_spelled_only_where_capitals_or_full_stops_say_so() -> None:
    assert edits("the u s army", "the US army") == edits("the u s army", "the U.S. army") == 0
    assert edits("give it to u s", "give it to us") == 2
    assert edits("GIVE IT TO U S", "GIVE IT TO US") == 2  # capitals throughout say nothing


# ---------------------------------------------------------------- by part


def test_parts_by_hand() -> None:
    found = spoken_edit_counts_by_part(
        reference=["in nineteen eighty four", "", "we paid five dollars"], hypothesis="So in 1984 then we said $6"
    )
    assert [(part.substitutions, part.deletions, part.insertions, part.n_reference) for part in found] == [
        (0, 0, 2, 4),  # "so" before the first word, and "then" after the last of the part
        (0, 0, 0, 0),
        (2, 0, 0, 4),
    ]
    with pytest.raises(BadParameter, match="must have at least one, got none"):
        spoken_edit_counts_by_part(reference=[], hypothesis="a")


def test_a_number_across_two_parts() -> None:
    found = spoken_edit_counts_by_part(reference=["in twenty", "twenty four we"], hypothesis="In 2024 we")
    assert [(part.edits, part.n_reference) for part in found] == [(0, 2), (0, 3)]


words = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), max_size=8).map(" ".join)


@some
@given(reference=st.lists(words, min_size=1, max_size=3), hypothesis=words)
def test_without_other_forms_it_is_the_plain_count(reference: list[str], hypothesis: str) -> None:
    whole = " ".join(reference)
    assert spoken_edit_counts(reference=whole, hypothesis=hypothesis) == edit_counts(
        reference=whole, hypothesis=hypothesis
    )
    assert spoken_edit_counts_by_part(reference=reference, hypothesis=hypothesis) == edit_counts_by_part(
        reference=reference, hypothesis=hypothesis
    )


# ---------------------------------------------------------------- all renderings of one thing

ONES = each(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = each("- - twenty thirty forty fifty sixty seventy eighty ninety")


def below(n: int) -> str:
    return ONES[n] if n < 20 else TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")


def cardinal(n: int, joint: str) -> str:
    if n < 100:
        return below(n)
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (joint + below(n % 100) if n % 100 else "")
    size, name = (10**6, "million") if n >= 10**6 else (1000, "thousand")
    rest = n % size
    tail = "" if not rest else (", " if rest >= 100 else joint) + cardinal(rest, joint)
    return f"{cardinal(n // size, joint)} {name}{tail}"


def digits(n: int, zero: str = "zero") -> str:
    return " ".join(zero if digit == "0" else ONES[int(digit)] for digit in str(n))


def doubled(n: int) -> str:
    found = []
    for digit, run in itertools.groupby(str(n)):
        name, length = digits(int(digit), "oh"), len(list(run))
        found += [f"double {name}"] if length == 2 else [f"triple {name}"] if length == 3 else [name] * length
    return " ".join(found)


def renderings(n: int) -> list[str]:
    figures = str(n)
    found = {
        figures, f"{n:,}", " ".join(figures), "-".join(figures), digits(n),
        *(cardinal(n, joint) for joint in (" ", " and ")),
    }  # fmt: skip  # a table: one row a line
    if n > 9:
        found |= {digits(n, "oh"), doubled(n)}
    if 1000 <= n < 10000:
        head, tail = divmod(n, 100)
        if tail > 9:
            found.add(f"{below(head)} {below(tail)}")
        if head % 10:
            found.add(f"{below(head)} hundred" + (f" and {below(tail)}" if tail else ""))
    return sorted(found)


def plainly(text: str) -> str:
    return " ".join(text.replace("-", " ").replace(",", "").split())


numbers = st.integers(0, 10**7 - 1) | st.integers(0, 9999)


@some
@given(n=numbers, data=st.data())
def test_all_renderings_of_a_number_are_one(n: int, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(renderings(n)))[:2]
    assert edits(f"we saw {one} there", f"We saw {other} there.") == 0


@some
@given(n=numbers, shift=st.sampled_from([1, 10, 100, -1, -10, 900]), data=st.data())
def test_another_number_never_is(n: int, shift: int, data: st.DataObject) -> None:
    m = n + shift
    assume(m >= 0)
    ours, theirs = renderings(n), renderings(m)
    assume(not set(map(plainly, ours)) & set(map(plainly, theirs)))  # "20 5" and "25" do sound alike
    assert edits(data.draw(st.sampled_from(ours)), data.draw(st.sampled_from(theirs))) > 0


def times(hour: int, minute: int) -> list[str]:
    spoken = f"oh {ONES[minute]}" if minute < 10 else below(minute)
    found = [f"{hour}:{minute:02}", f"{ONES[hour]} {spoken}"]
    if minute % 15 == 0:
        found.append(f"{hour}.{minute:02}")
    if minute == 30:
        found.append(f"half past {ONES[hour]}")
    if minute in (15, 45):
        found.append(f"a quarter {'past' if minute == 15 else 'to'} {ONES[hour if minute == 15 else hour % 12 + 1]}")
    elif minute < 30:
        found.append(f"{below(minute)} {'minute' if minute == 1 else 'minutes'} past {ONES[hour]}")
    return found


@some
@given(hour=st.integers(1, 12), minute=st.integers(1, 59), shift=st.integers(1, 59), data=st.data())
def test_times(hour: int, minute: int, shift: int, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(times(hour, minute)))[:2]
    assert edits(f"at {one}", f"at {other}") == 0
    later = (minute + shift) % 60
    assume(later and later != minute)
    assert edits(f"at {one}", f"at {data.draw(st.sampled_from(times(hour, later)))}") > 0


def amounts(whole: int, hundredths: int) -> list[str]:
    dollars = f"{below(whole)} {'dollar' if whole == 1 else 'dollars'}"
    cents = f"{below(hundredths)} {'cent' if hundredths == 1 else 'cents'}"
    return [
        f"${whole}.{hundredths:02}",
        f"{dollars} and {cents}",
        f"{dollars} {cents}",
        f"{dollars} {below(hundredths)}",
    ]


@some
@given(whole=st.integers(1, 99), hundredths=st.integers(1, 99), data=st.data())
def test_amounts_of_money(whole: int, hundredths: int, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(amounts(whole, hundredths)))[:2]
    assert edits(f"it cost {one}", f"It cost {other}.") == 0
    assert edits(f"it cost {one}", f"It cost {other.replace('dollar', 'pound').replace('$', '£')}") > 0


@some
@given(number=st.text("0123456789", min_size=7, max_size=7), data=st.data())
def test_telephone_numbers(number: str, data: st.DataObject) -> None:
    spoken = " ".join(ONES[int(digit)] for digit in number)
    forms = [number, f"{number[:3]}-{number[3:]}", f"{number[:3]} {number[3:]}", spoken, spoken.replace("zero", "oh")]
    one, other = data.draw(st.permutations(forms))[:2]
    assert edits(f"call {one} now", f"Call {other} now!") == 0
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert edits(f"call {wrong} now", f"call {other} now") > 0


# ---------------------------------------------------------------- the search, against one without its short cuts

SNIPPETS = each(
    "2024|twenty twenty four|two thousand and twenty four|$5|five dollars|10:30|half past ten|07|oh seven|3/4|2.5|the|cat|"
    "three quarters|two and a half|dog's|dog is|dogs|it's|its|ice cream|icecream|(coughs)|a hundred|105|MP3|m p three|us|"
    "U.S.|u s|5 km|a.m.|am|80s|May 3|may the third|&|and|3-4|three to four|x²|*laughs*|he'd|he had|Dr. Who|4271|"
    "four two seven one|555-1234|five five five|one|two|nineteen eighty four|1985|ten|per cent|percent|10%",
    "|",
)


def ways(text: Lattice, other: Lattice) -> tuple[dict[int, list[tuple[str, int, int]]], int]:
    """Every way of every reading, with nothing left out."""
    found = {at: [(word, at + 1, 0)] for at, word in enumerate(text.words)}
    node = itertools.count(len(text.words) + 1)
    for span in text.spans:
        names = {0: span.start, span.graph.n_nodes - 1: span.end}
        for start, word, end in span.graph.edges:
            for name in (start, end):
                if name not in names:
                    names[name] = next(node)
            found.setdefault(names[start], []).append((word, names[end], 1))
    for start, parts, end in _alignment._compounds(text, other):
        for part in parts[:-1]:
            inner = next(node)
            found.setdefault(start, []).append((part, inner, 1))
            start = inner
        found.setdefault(start, []).append((parts[-1], end, 1))
    return found, len(text.words)


def slow_edits(reference: str, hypothesis: str) -> int:
    (ours, n), (theirs, m) = (
        ways(lattice(reference), lattice(hypothesis)),
        ways(lattice(hypothesis), lattice(reference)),
    )

    @lru_cache(None)
    def best(a: int, b: int) -> int:
        one = [way for way in (() if a == n else ours[a]) if b <= m or not way[2]]
        other = [way for way in (() if b == m else theirs[b]) if a <= n or not way[2]]
        costs = [0] if (a, b) == (n, m) else []
        costs += [(word != "") + best(to, b) for word, to, _ in one]
        costs += [(word != "") + best(a, to) for word, to, _ in other]
        costs += [
            (word != theirs_) + best(to, to_)
            for word, to, left in one
            for theirs_, to_, left_ in other
            if word and theirs_ and not (left and left_)
        ]
        return min(costs)

    return best(0, 0)


@some
@given(st.data())
def test_the_search_finds_the_fewest_edits(data: st.DataObject) -> None:
    reference = data.draw(st.lists(st.sampled_from(SNIPPETS), max_size=5))
    kept = data.draw(st.lists(st.booleans(), min_size=len(reference), max_size=len(reference)))
    added = data.draw(st.lists(st.sampled_from(SNIPPETS), max_size=3))
    one, other = " ".join(reference), " ".join([*(w for w, keep in zip(reference, kept) if keep), *added])
    assert edits(one, other) == slow_edits(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x² a hundred 2.5 $5", "x² forty two seventy one two and a half $5 twenty twenty four x²"),
        ("4271 two thousand and twenty four 105", "4271 one hundred and five per cent one hundred and five"),
        ("it's half past ten 1985 May 3", "it's 100 1985 May 3"),
        ("four two seven one am 2.5 105", "four two seven one am 2.5 half past ten ten it's"),
        ("(coughs) and 2.5", "4271 and a.m."),
        ("oh seven icecream 555-1234 x² 1985", "oh seven two and a half x² 105 *laughs* 2024"),
    ],
)
def test_while_one_text_takes_another_reading_the_other_keeps_to_its_row(one: str, other: str) -> None:
    """In these both texts off their rows would give one edit fewer."""
    assert edits(one, other) == edits(other, one) == slow_edits(one, other)


def dictation(rng: random.Random, *, n_words: int, vocabulary: list[str], right: float) -> tuple[str, str]:
    """A long text with numbers in words, and a transcript with figures and errors."""
    forms = [("nineteen eighty four", "1984"), ("five dollars", "$5"), ("half past ten", "10:30"), ("ten", "10")]
    reference, hypothesis = [], []
    for _ in range(n_words):
        word = rng.choice(vocabulary)
        said, written = rng.choice(forms) if rng.random() < 0.12 else (word, word)
        reference.append(said)
        hypothesis += [written] if rng.random() < right else rng.choice([[], ["the"], [written, "of"], ["1985"]])
    return " ".join(reference), " ".join(hypothesis)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("n_words", "vocabulary", "right"),
    [(120, [f"w{a}{b}" for a in "abcdefgh" for b in "stuvw"], 0.88), (60, each("the of and a in cat dog"), 0.6)],
    ids=["usual", "bad"],
)
def test_long_texts_are_cut_without_loss(
    seed: int, n_words: int, vocabulary: list[str], right: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, hypothesis = dictation(random.Random(seed), n_words=n_words, vocabulary=vocabulary, right=right)
    found = spoken_edit_counts(reference=reference, hypothesis=hypothesis)
    assert edits(hypothesis, reference) == found.edits
    monkeypatch.setattr(_alignment, "SHORT", 10**6)
    monkeypatch.setattr(_alignment, "MOST_STATES", 10**7)
    assert spoken_edit_counts(reference=reference, hypothesis=hypothesis).edits == found.edits > 5
    plain = edit_counts(reference=normalise_english(reference), hypothesis=normalise_english(hypothesis))
    assert found.edits < plain.edits


def test_long_texts_are_not_cut_within_a_number() -> None:
    def unlike(letter: str) -> str:
        return " ".join(f"{letter}{chr(97 + n // 26)}{chr(97 + n % 26)}y" for n in range(50))

    reference = f"{unlike('b')} nineteen eighty four {unlike('d')}"
    hypothesis = f"{unlike('g')} 1984 {unlike('p')}"
    assert edits(reference, hypothesis) == edits(hypothesis, reference) == 100


def test_a_search_that_gives_up_counts_the_normal_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_alignment, "MOST_STATES", 1)
    assert edits("in nineteen eighty four", "in 1984") == 4  # one thousand nine hundred eighty four


# ---------------------------------------------------------------- any text

text = (
    st.text(max_size=30)
    | st.lists(
        st.sampled_from([*SNIPPETS, "um", "No.", "St.", "IV", "'n'", "mm", "%", "$", "°C", "(", "]"]), max_size=6
    ).map(" ".join)
    | st.text(alphabet="$£12.5,:/-' °^²½(mk)pAMIVsth#&+*[]<>{}x", max_size=25)
)


@settings(max_examples=300, deadline=None)
@given(one=text, other=text)
def test_what_holds_for_any_two_texts(one: str, other: str) -> None:
    found = spoken_edit_counts(reference=one, hypothesis=other)
    assert found.edits == edits(other, one)
    normal = edit_counts(reference=normalise_english(one), hypothesis=normalise_english(other))
    assert found.edits <= normal.edits
    assert found.substitutions + found.deletions + found.hits == found.n_reference
    assert edits(one, one) == 0
    assert edits(one, normalise_english(one)) == 0


@pytest.mark.parametrize(
    "hostile",
    [
        "1" * 100_000, "[" * 100_000, "(" * 100_000, "{" * 100_000, "\ud800" * 100_000, "a" * 100_000, "\u200b" * 100_000,
        "realize" * 14_000, "a'" * 50_000, "e" + "\u0301" * 100_000, "twenty " * 15_000, "twelve o'clock " * 7000,
        "2024 " * 8000, "<a" * 20_000, "*a" * 20_000, "1/" * 20_000, "1:" * 20_000, "$5" * 20_000, "5'" * 20_000,
        "½" * 20_000, "+1 (555) 123-4567 " * 1000,
    ],
    ids=lambda hostile: ascii(hostile[:8]),
)  # fmt: skip  # a table: one row a line
def test_hostile_texts_are_read(hostile: str) -> None:
    assert edits("twenty twenty four", hostile) >= 0


def test_the_number_of_states_of_a_search_is_bounded() -> None:
    rng = random.Random(1)
    one, other = (" ".join(str(rng.randrange(10**5)) for _ in range(300)) for _ in range(2))
    found = spoken_edit_counts(reference=one, hypothesis=other)
    assert found.edits <= edit_counts(reference=normalise_english(one), hypothesis=normalise_english(other)).edits


# ---------------------------------------------------------------- other languages


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wanted", "n_reference"),
    [
        ("er geht um die ecke und sie auch", "Sie geht um die Ecke und sie auch.", 1, 8),  # no hesitations in German
        ("ele tem um cão e uma casa", "Ele tem cão e uma casa.", 1, 7),
        ("schön", "schon", 1, 1),
        ("la straße", "La STRASSE", 0, 2),
        ("हिन्दी में", "हिन्दी में।", 0, 2),
        ("हिन्दी में", "हिन्दू में", 1, 2),
        ("اليوم الجمعة", "اليوم السبت", 1, 2),
        ("你好世界", "你好，世男。", 1, 4),  # by characters
        ("こんにちは", "こんばんは", 2, 5),
        ("안녕 세계", "안녕 세상", 1, 2),  # Korean has spaces
    ],
)
def test_other_languages_compare_as_words_or_characters(
    reference: str, hypothesis: str, wanted: int, n_reference: int
) -> None:
    found = spoken_edit_counts(reference=reference, hypothesis=hypothesis)
    assert (found.edits, found.n_reference) == (wanted, n_reference)


def test_unicode_forms_are_one() -> None:
    forms: Iterator[tuple[str, str]] = iter(
        [("café", "cafe\u0301"), ("ﬁve", "five"), ("５ ｋｍ", "5 km"), ("co\u00adop", "coop")]
    )
    for one, other in forms:
        assert edits(one, other) == 0

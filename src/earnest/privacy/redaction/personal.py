"""What is personal in a row of words, as a recogniser or a person writes them: numbers, names, addresses, dates.

The forms of speech are read beside those of writing: "four one one one", "double seven", "jane dot doe at example dot
com", "the third of may nineteen eighty", "twelve oak street". Words are read by rules, in English; there is no model,
nothing is fetched, and a turn of a conversation takes some tens of microseconds. The rules look for what must not be
missed, so they take a number of four digits without asking whose it is. What they cannot see is a name that no list
holds, that nothing announces and that is written without capitals.

A word is personal or not by the words around it, so a row should be a whole turn and not a part of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from earnest.errors import BadParameter, did_you_mean
from earnest.metrics._readings import MONTHS, ONES, TENS, ordinal_words

KINDS = ("account", "address", "card", "date", "email", "medical_id", "name", "number", "phone")
"""What is looked for; `number` is one that nothing around it explains."""


@dataclass(frozen=True)
class Span:
    """A stretch of a recording in which something personal is said.

    Parameters
    ----------
    start_s, end_s : float
        From the start of the recording.
    kind : str
        One of `KINDS`; spans that were joined have all of theirs, with `+` between.
    """

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True)
class PersonalWords:
    """A stretch of a row of words that is personal.

    Parameters
    ----------
    first, end : int
        The first word, and the one behind the last.
    kind : str
        One of `KINDS`.
    """

    first: int
    end: int
    kind: str


def personal_words(words: Sequence[str], *, kinds: Collection[str] = KINDS) -> tuple[PersonalWords, ...]:
    """Every stretch of `words` that is personal, by its first word; stretches of different kinds may overlap.

    Parameters
    ----------
    words : sequence of str
        In their order, with the punctuation and the capitals that the recogniser writes, if it writes any.
    kinds : collection of str
        Which of `KINDS` to look for.

    Raises
    ------
    BadParameter
        If there is no such kind.

    Examples
    --------
    >>> personal_words("my card is four one one one thanks".split())
    (PersonalWords(first=3, end=7, kind='card'),)
    """
    check_kinds(kinds)
    row = _Row(words)
    found = {one for rule in _RULES for one in rule(row) if one.kind in kinds}
    return tuple(sorted(found, key=lambda one: (one.first, one.end, one.kind)))


def check_kinds(kinds: Collection[str]) -> None:
    """Raise `BadParameter` if a kind is none of `KINDS`, or if there is none."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        got = repr(unknown[0]) if unknown else "none"
        hint = did_you_mean(unknown[0], KINDS) if unknown else ""
        raise BadParameter(
            f"a kind of personal detail must be one of {', '.join(KINDS)}, got {got}{hint or ';'} name one of these"
        )


# ---------------------------------------------------------------- words

_VALUES = {word: value for value, word in enumerate(ONES)} | {word: 10 * n for n, word in enumerate(TENS) if n > 1}
_ZEROS = frozenset({"oh", "o", "nought", "nil"})
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9}
_ORDINALS = frozenset(ordinal_words(day) for day in range(1, 32)) | frozenset(
    part for day in range(1, 32) for part in re.split(r"[ -]", ordinal_words(day)) if part not in _VALUES
)
_WRITTEN_ORDINAL = re.compile(r"(\d{1,2})(st|nd|rd|th)")
_WRITTEN_DATE = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*")
ENDINGS = frozenset("com org net edu gov uk de io info co fr eu us ca au biz".split())
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*\.(" + "|".join(sorted(ENDINGS)) + ")")
_STREETS = frozenset(
    "street road lane avenue drive way court square close boulevard place crescent terrace highway st rd ave blvd".split()
)
_FUNCTION = frozenset(
    "a about after again all am an and any are as ask at back be because been before but by call can could did do does for "
    "from get give go had has have he her here him his how i if in into is it its just know like me mine my no not now of "
    "off on or our out over please put question send she should so thank thanks that the their them then there they this "
    "to today tomorrow until up us was we were what when where which while who whenever will with would yes you your i'm "
    "it's that's i'll we're he's she's email mail address number name write contact speaking next near instead".split()
)
"""Words that are no part of a name, of a place or of the first half of an e-mail address."""

_UNITS = frozenset(
    "dollars dollar pounds pound euros euro percent per cent cents people minutes minute hours hour seconds days weeks "
    "months years year miles kilometres metres degrees times pages grams kilos tickets words".split()
)
_CUES: dict[str, str] = {
    **dict.fromkeys(("card", "credit", "debit", "visa", "mastercard", "cvv"), "card"),
    **dict.fromkeys(("account", "iban", "sort", "routing", "policy", "reference", "customer"), "account"),
    **dict.fromkeys(("phone", "mobile", "cell", "telephone", "ring", "reach", "dial", "text"), "phone"),
    **dict.fromkeys(
        ("medical", "patient", "insurance", "hospital", "prescription", "member", "nhs", "health", "record"),
        "medical_id",
    ),
    **dict.fromkeys(("born", "birth", "birthday"), "date"),
    **dict.fromkeys(
        ("social", "security", "passport", "licence", "license", "pin", "password", "code", "digits"), "number"
    ),
    **dict.fromkeys(("number", "id", "call"), ""),
}
"""Words that announce a number, and of what kind it is; "" where they do not say."""

_REACH = 12
"""How many words behind its cue a number may begin."""

_MAIL_VERBS = frozenset("is write send contact have email mail".split())
"""Words behind which an e-mail address begins."""
_MAIL_CUES = _MAIL_VERBS - {"is", "have"} | {"at", "address", "underscore", "newsletter"}

_SOUND_LIKE_DIGITS = frozenset(
    "to too for fore free tree won wan ate oh o nein iron sex heaven hate sics niner".split()
)
"""Words that recognisers write for digits."""

_WHERE = frozenset("live lives living address deliver delivered moved come came goes bill house".split())
"""Words that announce where somebody lives."""

_TITLES = frozenset("mister mr misses missus mrs ms miss doctor dr professor prof sir madam".split())
_NOT_NAMES = frozenset(
    "i i'm i'll i've i'd monday tuesday wednesday thursday friday saturday sunday english okay ok yes no".split()
) | frozenset(MONTHS)


class _Row:
    """The words, their plain forms and the digits that each is worth."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self.plain = [word.lower().strip(".,;:!?\"'()[]-… $£€#") for word in words]
        self.ends = [word.rstrip("\"')").endswith((".", "?", "!")) for word in words]
        self.cased = any(word[:1].isupper() and place for place, word in enumerate(words)) or any(self.ends)
        self.punctuated = any(word.endswith((",", ".", "?", "!")) for word in words)
        self.digits = [_n_digits(plain) for plain in self.plain]

    def __len__(self) -> int:
        return len(self.words)

    def capital(self, place: int) -> bool:
        """Whether a word is written with a capital that is not that of a sentence's beginning or of a title."""
        starts = place == 0 or self.ends[place - 1]
        return self.words[place][:1].isupper() and not starts and self.plain[place] not in _NOT_NAMES

    def may_name(self, place: int) -> bool:
        """Whether a word may be part of a name or of a place's."""
        return (
            place < len(self)
            and bool(self.plain[place])
            and self.plain[place] not in _FUNCTION
            and not self.digits[place]
        )

    def cue(self, place: int, *, reach: int = _REACH) -> str | None:
        """What the words before `place` announce; the nearest that says of what kind; None if nothing does."""
        near = [_CUES[plain] for plain in reversed(self.plain[max(0, place - reach) : place]) if plain in _CUES]
        return next((kind for kind in near if kind), near[0] if near else None)


def _n_digits(plain: str) -> int:
    """How many digits a word is worth; 0 where it is no number.

    >>> [_n_digits(word) for word in ("four", "forty", "4111-1", "double", "b2", "twenty-one", "cat")]
    [1, 2, 5, 1, 1, 2, 0]
    """
    if plain in _VALUES:
        return len(str(_VALUES[plain]))
    if plain in _SCALES or plain in _REPEATS:
        return 1
    if any(sign.isdigit() for sign in plain):
        return 0 if "@" in plain or _WRITTEN_ORDINAL.fullmatch(plain) else sum(sign.isdigit() for sign in plain)
    parts = plain.split("-")
    if len(parts) > 1 and all(part in _VALUES or part in _ZEROS for part in parts):
        return max(len(parts), 2)
    return 0


def digits_of(plain: str) -> str:
    """The digits that a number word stands for, as they are written; those of a written number; empty for other words.

    >>> [digits_of(word) for word in ("four", "forty", "oh", "4111", "double", "cat")]
    ['4', '40', '0', '4111', '', '']
    """
    if plain in _ZEROS:
        return "0"
    return str(_VALUES[plain]) if plain in _VALUES else plain if plain.isdecimal() else ""


# ---------------------------------------------------------------- numbers


def _numbers(row: _Row) -> Iterator[PersonalWords]:
    for first, end in _runs(row):
        kind = _kind_of_number(row, first, end)
        if kind is not None:
            yield PersonalWords(_announced_from(row, first), end, kind)


def _announced_numbers(row: _Row) -> Iterator[PersonalWords]:
    """What follows "my account number is" up to a comma, where some of it sounds like digits."""
    for place, plain in enumerate(row.plain):
        kind = row.cue(place, reach=4) if plain in ("is", "ends") else None
        if not kind or kind == "date" or not row.punctuated or row.ends[place]:
            continue
        end = place + 1
        while end < len(row) and end - place <= 20 and not row.ends[end - 1] and not row.words[end - 1].endswith(","):
            end += 1
        if sum(bool(row.digits[near]) or row.plain[near] in _SOUND_LIKE_DIGITS for near in range(place + 1, end)) >= 2:
            yield PersonalWords(place + 1, end, kind)


def _announced_from(row: _Row, first: int, *, most: int = 3) -> int:
    """The first word behind what announces something, where a few words lie between: its beginning, misheard."""
    begin = first
    while begin and first - begin <= most and not row.ends[begin - 1]:
        before = row.plain[begin - 1]
        if before in _FUNCTION or before in _CUES:
            return begin if before in ("is", "at", "to", "into", "on", "number", "it's") else first
        begin -= 1
    return first


def _runs(row: _Row) -> Iterator[tuple[int, int]]:
    """Stretches of numbers and of single letters, over a word or two that a digit was misheard as."""
    places = [place for place in range(len(row)) if row.digits[place] or _joins(row, place)]
    runs: list[list[int]] = []
    for place in places:
        if runs and place - runs[-1][1] <= _gap(row, runs[-1], place):
            runs[-1][1] = place + 1
        else:
            runs.append([place, place + 1])
    for first, end in runs:
        if any(row.digits[first:end]):
            yield first, end


def _joins(row: _Row, place: int) -> bool:
    """Whether a word that is no number belongs to one beside it: "oh", a letter that is spelled, "AB"."""
    word, plain = row.words[place].strip(".,-"), row.plain[place]
    beside = [row.digits[near] for near in (place - 1, place + 1) if 0 <= near < len(row)]
    spelled = (len(plain) == 1 and plain.isalpha()) or (word.isupper() and 1 < len(word) <= 4 and word.isalpha())
    if plain in _ZEROS:
        return any(beside) or any(near < len(row) and row.digits[near] for near in (place - 2, place + 2) if near >= 0)
    if spelled and plain not in ("a", "i"):
        return any(row.digits[max(0, place - 3) : place + 4])
    return plain in ("a", "i") and word.isupper() and len(beside) == 2 and all(beside)


def _gap(row: _Row, run: Sequence[int], place: int) -> int:
    """How many words between two stretches of digits are taken for misheard digits."""
    before, after = sum(row.digits[run[0] : run[1]]), sum(row.digits[place : place + 4])
    if before >= 3 and after >= 1 or before >= 1 and after >= 3:
        return 2
    return 1 if row.plain[place - 1] == "and" and before and after and place - run[1] == 1 else 0


def _kind_of_number(row: _Row, first: int, end: int) -> str | None:
    """What a stretch of digits is; None for a quantity, a year, or a number of three digits that nothing announces."""
    n_digits = sum(row.digits[first:end])
    cue = row.cue(first)
    following = row.plain[end] if end < len(row) else ""
    if cue is None and following in _UNITS:
        return None
    one_by_one = end - first >= 3 and all(count <= 1 for count in row.digits[first:end])
    if n_digits < (2 if cue else 3 if one_by_one else 4):
        return None
    if cue is None and _is_year(row, first, end):
        return None
    return cue or ("card" if 13 <= n_digits <= 19 else "phone" if 7 <= n_digits <= 12 else "number")


def _is_year(row: _Row, first: int, end: int) -> bool:
    plain = row.plain[first:end]
    written = len(plain) == 1 and re.fullmatch(r"(19|20)\d\d", plain[0]) is not None
    return written or (len(plain) in (2, 3) and plain[0] in ("nineteen", "twenty"))


# ---------------------------------------------------------------- e-mail


def _mails(row: _Row) -> Iterator[PersonalWords]:
    for place, plain in enumerate(row.plain):
        if _MAIL.search(plain):
            yield PersonalWords(_start_of_mail(row, place), place + 1, "email")
        elif (place and _is_ending(row, place)) or (_DOMAIN.fullmatch(plain) and _announces_mail(row, place)):
            end = place + 1
            while end < len(row) and (row.plain[end] in ("dot", "point") or _is_ending(row, end)):
                end += 1
            yield PersonalWords(_start_of_mail(row, place), end, "email")


def _is_ending(row: _Row, place: int) -> bool:
    """Whether a word ends a domain: "dot com", ".com"; whatever "com" was heard as behind a "dot" that is announced."""
    dotted = row.words[place].startswith(".") or row.plain[place - 1] in ("dot", "point")
    known = row.plain[place] in ENDINGS
    return dotted and (known or (row.plain[place - 1] == "dot" and _announces_mail(row, place)))


def _announces_mail(row: _Row, place: int) -> bool:
    return bool(_MAIL_CUES & set(row.plain[max(0, place - 12) : place]))


def _start_of_mail(row: _Row, place: int) -> int:
    """The first word of an address of which a later word is known.

    It is the one behind what announces it in the clause, else the one behind the last word that is no part of an address.
    """
    clause = place
    while clause and place - clause < 12 and not (row.ends[clause - 1] or row.words[clause - 1].endswith(",")):
        clause -= 1
    behind = [at + 1 for at in range(clause, place) if row.plain[at] in _MAIL_VERBS]
    if behind:
        first = behind[-1]
        for near in range(first, min(first + 4, place)):  # "send the invoice to"
            if row.plain[near] == "to" and row.plain[first - 1] in ("send", "write"):
                return near + 1
        while first < place and row.plain[first] in ("to", "us", "me", "at", "address", "it"):
            first += 1
        return first
    first = place
    while first > clause and row.plain[first - 1] not in _FUNCTION - {"at", "not"}:
        first -= 1
    return first


def _announced_mails(row: _Row) -> Iterator[PersonalWords]:
    """What follows "my email is", or "write to": an address may be heard as any words."""
    for place, plain in enumerate(row.plain):
        before = row.plain[max(0, place - 4) : place]
        names_it = plain in ("is", "at", "to") and {"email", "mail"} & set(before)
        writes_to = plain in ("to", "at") and {"write", "send", "contact"} & set(before) and place + 2 < len(row)
        if not (names_it or writes_to) or row.ends[place]:
            continue
        end = place + 1
        any_word = bool(names_it) and row.punctuated  # a comma or a full stop will end it
        while end < len(row) and end - place <= 12:
            if not (any_word or row.plain[end] not in _FUNCTION or row.plain[end] == "at"):
                break
            end += 1
            if row.ends[end - 1] or row.words[end - 1].endswith(","):
                break
        told = row.plain[place + 1 : end]
        if names_it and told or {"at", "dot", "underscore"} & set(told) or any("." in word for word in told):
            yield PersonalWords(place + 1, end, "email")


def _spoken_mail(row: _Row, place: int, end: int) -> Iterator[PersonalWords]:
    """From the first half to the ending, where an "at" or a cue stands before."""
    before = row.plain[max(0, place - 10) : place]
    if not {"at", "email", "mail", "write", "send", "contact", "address"} & set(before):
        return
    at = next((near for near in range(place - 1, max(-1, place - 6), -1) if row.plain[near] == "at"), None)
    while end < len(row) and (row.plain[end] in ("dot", "point") or row.plain[end] in ENDINGS):
        end += 1
    yield PersonalWords(_start_of_mail(row, place if at is None else at), end, "email")


# ---------------------------------------------------------------- names


def _names(row: _Row) -> Iterator[PersonalWords]:
    for place, plain in enumerate(row.plain):
        if plain in _TITLES and place + 1 < len(row) and row.may_name(place + 1):
            yield PersonalWords(place, _end_of_name(row, place + 1, most=2), "name")
        elif _is_given_name(row, place) or _is_pair_of_capitals(row, place):
            yield PersonalWords(place, _end_of_name(row, place, most=3), "name")
        elif (begins := _announced(row, place)) is not None:
            yield PersonalWords(begins, _end_of_name(row, begins, most=3), "name")


def _is_given_name(row: _Row, place: int) -> bool:
    return row.plain[place] in GIVEN_NAMES and (not row.cased or row.words[place][:1].isupper())


def _is_pair_of_capitals(row: _Row, place: int) -> bool:
    return place + 1 < len(row) and row.capital(place) and row.capital(place + 1) and not row.ends[place]


def _announced(row: _Row, place: int) -> int | None:
    """Where a name begins that the words up to `place` announce: "my name is", "I am", "this is", "signed by"."""
    before, plain = row.plain[max(0, place - 2) : place], row.plain[place]
    begins = place + 1
    if not (begins < len(row) and row.may_name(begins)) or row.ends[place]:
        return None
    if plain in ("is", "was") and "name" in before or plain in ("name's", "named", "surname"):
        return begins
    weak = plain in ("i'm", "called", "by", "for", "to") or (plain == "am" and "i" in before)
    weak = weak or (plain == "is" and "this" in before)
    known = row.capital(begins) if row.cased else row.plain[begins] in GIVEN_NAMES
    return begins if weak and known else None


def _end_of_name(row: _Row, first: int, *, most: int) -> int:
    """Behind the last word of a name of at most `most` words."""
    end = first + 1
    while end < len(row) and end - first < most and row.may_name(end) and not row.ends[end - 1]:
        if row.words[end - 1].endswith(",") or (row.cased and not row.words[end][:1].isupper()):
            break
        end += 1
    return end


# ---------------------------------------------------------------- dates


def _dates(row: _Row) -> Iterator[PersonalWords]:
    for place, plain in enumerate(row.plain):
        if _WRITTEN_DATE.fullmatch(plain):
            yield PersonalWords(place, place + 1, "date")
        elif plain in MONTHS:
            first, end = place, place + 1
            while first and (_is_day(row, first - 1) or (row.plain[first - 1] in ("of", "the") and first < place + 1)):
                first -= 1
            while end < len(row) and (_is_day(row, end) or row.plain[end] in ("the", "and")):
                end += 1
            if any(_is_day(row, near) for near in (*range(first, place), *range(place + 1, end))):
                yield PersonalWords(first, end, "date")
        elif _is_day(row, place) and row.cue(place, reach=4) == "date":
            end = place + 1
            while end < len(row) and _is_day(row, end):
                end += 1
            yield PersonalWords(place, end, "date")


def _is_day(row: _Row, place: int) -> bool:
    plain = row.plain[place]
    return (
        0 < row.digits[place] <= 8
        or plain in _ORDINALS
        or plain in _ZEROS
        or _WRITTEN_ORDINAL.fullmatch(plain) is not None
    )


# ---------------------------------------------------------------- addresses


def _addresses(row: _Row) -> Iterator[PersonalWords]:
    for place, plain in enumerate(row.plain):
        if plain in ("at", "to", "is") and place + 2 < len(row) and row.digits[place + 1] and _tells_where(row, place):
            yield PersonalWords(place + 1, _end_of_announced_address(row, place + 2), "address")
        if plain not in _STREETS or not place:
            continue
        first = place
        while first and place - first < 3 and row.may_name(first - 1) and not row.ends[first - 1]:
            first -= 1
        named = first < place
        while first and row.digits[first - 1] and place - first < 8:
            first -= 1
        numbered = bool(row.digits[first])
        first = _announced_from(row, first)
        numbered = numbered or any(_WRITTEN_ORDINAL.fullmatch(row.plain[near]) for near in range(first, place))
        if numbered or (named and row.capital(place)) or (named and _tells_where(row, first)):
            yield PersonalWords(first, _end_of_address(row, place + 1), "address")


def _tells_where(row: _Row, first: int) -> bool:
    return bool(_WHERE & set(row.plain[max(0, first - 4) : first]))


def _end_of_announced_address(row: _Row, end: int) -> int:
    """Behind the words that follow the number of a house, up to a word that is no part of an address."""
    most = end + 5
    while end < min(most, len(row)) and not row.ends[end - 1] and (row.may_name(end) or row.digits[end]):
        end += 1
    return end


def _end_of_address(row: _Row, end: int) -> int:
    """Behind the town and the code that follow a street."""
    most = end + 4
    while end < len(row) and end < most and not row.ends[end - 1]:
        part = row.digits[end] or row.plain[end] in ("flat", "apartment", "number")
        behind_comma = row.words[end - 1].endswith(",")
        town = row.may_name(end) and (
            row.words[end][:1].isupper() if row.cased and not behind_comma else end < most - 3
        )
        if not (part or town):
            break
        end += 1
    return end


_RULES: tuple[Callable[[_Row], Iterator[PersonalWords]], ...] = (
    _numbers,
    _announced_numbers,
    _mails,
    _announced_mails,
    _names,
    _dates,
    _addresses,
)

GIVEN_NAMES = frozenset(
    "aaron abigail adam ahmed aisha alan albert alice alison amanda amy andrea andrew angela anita ann anna anne anthony "
    "antonio barbara benjamin beth brenda brian bruce carl carlos carol caroline catherine charles charlotte chloe "
    "christina christine christopher claire clara colin daniel david deborah denise dennis diana diane donald donna "
    "dorothy douglas edward elena elizabeth ellen emily emma eric erik eva fatima fiona frances francis gareth gary geoffrey "
    "george gerald giovanni gloria graham hannah harold harry hassan heather helen henry hiroshi howard hugo ian ibrahim "
    "irene isabel ivan jack jacob james jamie jane janet janice jason jean jeffrey jennifer jessica joan john jonathan "
    "jose joseph joshua joyce juan judith judy julia julie juliet justin karen karl kate katherine kathleen keith kelly "
    "kenneth kevin kimberly larry laura lauren lawrence leo leslie linda lisa louise lucy luke luis lynn margaret maria "
    "marie marilyn martha martin matthew megan melanie melissa michael michelle miguel mohamed mohammed monica nancy "
    "natalie nathan neil nicholas nicole nigel nora oliver olivia pamela patricia patrick paul paula pedro peter philip "
    "phyllis priya rachel ralph raymond rebecca richard robert roger ronald rosemary roy russell ruth ryan samantha samuel "
    "sandra sara sarah scott sean sharon sheila shirley simon sofia sophie stephanie stephen steven stuart susan suzanne "
    "sylvia teresa theresa thomas timothy tina tony tracy valerie vanessa victoria vincent virginia walter wayne wendy "
    "william yuki yusuf zoe".split()
)
"""Common given names in English-speaking countries that are no frequent words otherwise; many more are missing."""

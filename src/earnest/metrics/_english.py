"""Tables for the normal form of English: contractions, hesitations, spellings, numbers."""

from __future__ import annotations


def _each(words: str) -> list[str]:
    return words.split()


FILLERS = frozenset(_each("um umm uh uhh uhm er erm hm hmm mm mhm mmm ah eh"))
"""Hesitations, dropped."""

_NOT = _each("are could did do does had has have is must need should was were would")
_IRREGULAR = {
    "won't": "will not",
    "can't": "can not",
    "cannot": "can not",
    "shan't": "shall not",
    "ain't": "is not",
    "let's": "let us",
    "y'all": "you all",
    "o'clock": "oclock",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "gimme": "give me",
    "lemme": "let me",
    "'cause": "because",
    "'em": "them",
}
_SUBJECTS = _each("i you he she it we they that there who what where how here this")
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}
_IS = _each("he she it that there who what where how here")  # a noun with 's is read as possessive
_MODALS = _each("could should would might must")

CONTRACTIONS = {
    **{f"{verb}n't": f"{verb} not" for verb in _NOT},
    **{f"{subject}{ending}": f"{subject} {word}" for subject in _SUBJECTS for ending, word in _ENDINGS.items()},
    **{f"{subject}'s": f"{subject} is" for subject in _IS},
    **{f"{verb}'ve": f"{verb} have" for verb in _MODALS},
    **_IRREGULAR,
}
"""Contracted form to full form. 'd is read as "would" and 's after a pronoun as "is", on both sides alike."""

_OUR = _each("arm behavi col endeav fav flav harb hon hum lab neighb parl rum sav splend vap vig")
_OUR_ENDINGS = ("", "s", "ed", "ing", "ful", "able", "ite", "ites", "hood", "hoods", "al")
_ISE = _each(
    "apolog author categor central character civil critic custom emphas equal final general global harmon "
    "hypothes ideal immun industrial initial legal local maxim memor minim mobil modern normal optim organ penal "
    "personal popular privat real recogn revolution social special stabil standard summar symbol sympath util visual"
)
_ISE_ENDINGS = {"ize": "ise", "izes": "ises", "ized": "ised", "izing": "ising", "izer": "iser", "izers": "isers"}
_ISATION = {"ization": "isation", "izations": "isations"}
_YSE = ("anal", "paral", "catal")
_DOUBLED = _each("cancel counsel equal fuel jewel label level marvel model quarrel signal total travel tunnel")
_WORDS = {
    "center": "centre", "centers": "centres", "centered": "centred", "theater": "theatre", "theaters": "theatres",
    "meter": "metre", "meters": "metres", "liter": "litre", "liters": "litres", "fiber": "fibre", "fibers": "fibres",
    "kilometer": "kilometre", "kilometers": "kilometres", "centimeter": "centimetre", "centimeters": "centimetres",
    "caliber": "calibre", "somber": "sombre", "defense": "defence", "defenses": "defences", "offense": "offence",
    "offenses": "offences", "license": "licence", "licenses": "licences", "pretense": "pretence",
    "gray": "grey", "grays": "greys", "grayish": "greyish", "checkbook": "chequebook",
    "catalog": "catalogue", "catalogs": "catalogues", "dialog": "dialogue", "dialogs": "dialogues",
    "analog": "analogue", "program": "programme", "programs": "programmes", "tire": "tyre", "tires": "tyres",
    "pajamas": "pyjamas", "plow": "plough", "plows": "ploughs", "mustache": "moustache", "skeptic": "sceptic",
    "skeptical": "sceptical", "skepticism": "scepticism", "aluminum": "aluminium", "airplane": "aeroplane",
    "airplanes": "aeroplanes", "jewelry": "jewellery", "woolen": "woollen", "fulfill": "fulfil", "fulfills": "fulfils",
    "fulfillment": "fulfilment", "enroll": "enrol", "enrolls": "enrols", "enrollment": "enrolment",
    "skillful": "skilful", "skillfully": "skilfully", "willful": "wilful", "installment": "instalment",
    "judgment": "judgement", "acknowledgment": "acknowledgement", "aging": "ageing", "artifact": "artefact",
    "artifacts": "artefacts", "encyclopedia": "encyclopaedia", "maneuver": "manoeuvre", "maneuvers": "manoeuvres",
    "pediatric": "paediatric", "anesthesia": "anaesthesia", "anemia": "anaemia", "estrogen": "oestrogen",
    "esthetic": "aesthetic", "mom": "mum", "moms": "mums", "mold": "mould", "molds": "moulds", "molded": "moulded",
    "smolder": "smoulder", "smoldering": "smouldering", "cozy": "cosy", "whiskey": "whisky", "curb": "kerb",
    "curbs": "kerbs", "toward": "towards", "afterward": "afterwards", "learned": "learnt", "burned": "burnt",
    "dreamed": "dreamt", "spelled": "spelt", "spoiled": "spoilt", "ok": "okay", "alright": "all right", "mr": "mister",
    "mrs": "missus", "dr": "doctor", "vs": "versus", "inquiry": "enquiry", "inquiries": "enquiries",
}  # fmt: skip

SPELLINGS = {
    **{f"{stem}or{end}": f"{stem}our{end}" for stem in _OUR for end in _OUR_ENDINGS},
    **{stem + a: stem + b for stem in _ISE for a, b in {**_ISE_ENDINGS, **_ISATION}.items()},
    **{stem + a.replace("i", "y", 1): stem + b.replace("i", "y", 1) for stem in _YSE for a, b in _ISE_ENDINGS.items()},
    **{f"{stem}{end}": f"{stem}l{end}" for stem in _DOUBLED for end in ("ed", "ing", "er", "ers")},
    **_WORDS,
}
"""One spelling for words that have two: the American form to the British one."""

_ONES = _each(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = _each("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def number_words(number: int) -> str:
    """A whole number of at least 0 in words, without hyphens and without "and".

    >>> number_words(1021)
    'one thousand twenty one'
    """
    if number < 20:
        return _ONES[number]
    for size, name in _SCALES:
        if number >= size:
            rest = f" {number_words(number % size)}" if number % size else ""
            return f"{number_words(number // size)} {name}{rest}"
    return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")


def ordinal_words(number: int) -> str:
    """The place that a whole number counts, in words.

    >>> ordinal_words(21)
    'twenty first'
    """
    before, _, last = number_words(number).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return f"{before} {last}".strip()

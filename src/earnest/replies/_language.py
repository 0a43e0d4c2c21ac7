"""The language of an answer, by its script and its commonest words.

Meant for answers of a sentence and for short ones ("Nein.", "Oui, bien sûr."); a text whose words do not tell ("42",
"OK", a name, "No.") has none. What is quoted does not count where there is anything else: an answer in English about
a French sentence is English.
"""

from __future__ import annotations

import re

_LOOKED_AT = 600
"""Characters of a text that are looked at."""

_SCRIPTS = (
    ("kana", "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d"),
    ("hangul", "\uac00-\ud7af\u1100-\u11ff\u3130-\u318f"),
    ("han", "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"),
    ("cyrillic", "\u0400-\u04ff"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"),
    ("devanagari", "\u0900-\u097f"),
    ("greek", "\u0370-\u03ff"),
    ("hebrew", "\u0590-\u05ff"),
    ("thai", "\u0e00-\u0e7f"),
    ("bengali", "\u0980-\u09ff"),
    ("tamil", "\u0b80-\u0bff"),
)
_CHARACTERS = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS}
_WORDS_OF = {name: re.compile(f"[{ranges}]+") for name, ranges in _SCRIPTS}
_ONE_LANGUAGE = {
    "hangul": "ko", "greek": "el", "hebrew": "he", "thai": "th", "bengali": "bn", "tamil": "ta", "devanagari": "hi",
}  # fmt: skip  # a table: one row a line
_CHARACTERS_A_WORD = 1.7
"""Of Chinese and Japanese, which write no spaces; so that they weigh as much as words of other scripts."""

_LATIN = re.compile(r"[a-zà-öø-ÿœßñ]+(?:'[a-zà-öø-ÿœßñ]+)?")
_QUOTED = re.compile(
    r"\"[^\"]{1,400}\"|“[^”]{1,400}”|«[^»]{1,400}»|„[^“”]{1,400}[“”]|‘[^’]{1,400}’|(?<![\w])'[^'\n]{2,400}'(?!\w)"
)

WORDS = {
    "en": """
        zero one two three four five six seven eight nine ten the and is are was were be been of to that this these
        it its it's with for from not you your he she his her they i i'm i'd i've i'll my we there there's what
        which who when where how have has had do does did don't doesn't can can't cannot could would should will
        won't about into than then but if as at by or on yes sorry please speaker voice audio recording sounds sound
        person says said speaking speech someone male female first second neither answer possible impossible because
        so just only very any some no other hello thanks thank a an am me us him in out up down over under off good
        well make made makes tell told get got go going gone know think see look find give take use used put such
        many much more most those like want need let new all both each few own same too why without between after
        before while during through again here now once however also may might must shall it'll you're they're he's
        she's isn't aren't wasn't weren't couldn't wouldn't shouldn't haven't hasn't
    """,
    "de": """
        der die das den dem des ein eine einen einem einer und ist sind war nicht kein keine ich du er sie wir ihr
        mich mir dir ihnen mit für von zu zum zur auf aus bei nach über unter auch aber oder wenn dass weil wie was
        wer wo warum ja nein doch leider kann können darf möchte habe haben hat wird werden würde es im am beim sehr
        hier bitte danke hilfe helfen aufnahme stimme sprecher sprecherin männlich weiblich mann frau erste zweite
        erster zweiter keiner eins zwei drei vier fünf sechs sieben acht neun zehn regen möglich unmöglich
        vielleicht guten tag passt stimmt entschuldigung tut leid natürlich gerne klar regnet morgen abend hallo
    """,
    "es": """
        el la los las un una unos unas y es son está están era no de del que en con por para se su sus lo le les me
        te mi tu yo él ella nosotros como pero porque si sí más muy qué cuál quién cuando donde puedo puede hay ser
        tengo tiene esto esta este eso sé siento lamento ayudar ayuda hola gracias favor audio voz hombre mujer
        femenina masculina primero primera segundo segunda ninguno ninguna uno dos tres cuatro cinco seis siete ocho
        nueve diez lluvia posible imposible grabación hablante habla dice claro también nada algo creo podría
        lloviendo buenos buenas días noches todos luz
    """,
    "fr": """
        le la les un une des et est sont était ne pas de du que qui en dans avec pour par sur se sa son ses ce cette
        ces je tu il elle nous vous ils elles mais ou où parce si oui non très plus quoi quel quelle comment quand
        peux peut pouvez avoir être suis ai désolé désolée aider aide bonjour merci voix homme femme masculin
        féminin féminine premier première seconde deuxième aucun aucune deux trois quatre cinq sept huit neuf dix
        pluie possible c'est n'est j'ai d'un d'une l'audio qu'il qu'elle ça cela bien sûr peut-être enregistrement
        personne parle dit au aux y rien pleut tout tous beaucoup monde
    """,
    "it": """
        il lo la gli le un uno una e è sono era non di del della dei che in con per da dal su si suo sua mi ti ci vi
        io tu lui lei noi ma perché se sì più molto cosa quale chi quando dove posso può c'è essere ho ha questo
        questa quello quella dispiace aiutare aiuto ciao grazie voce uomo donna maschile femminile primo prima
        secondo seconda nessuno nessuna due tre quattro cinque sei sette otto nove dieci pioggia possibile
        impossibile registrazione parla dice anche alla al nel nella degli dell'audio l'audio piovendo buongiorno
        tutti mille favore luce gennaio febbraio maggio giugno luglio settembre ottobre dicembre
    """,
    "pt": """
        o a os as um uma uns umas e é são está estão não de do da dos que em no na nos nas com por para se seu sua
        lhe me te eu ele ela nós você vocês mas porque sim mais muito qual quem quando onde posso pode há ser tenho
        tem isto isso esta este ajudar ajuda olá obrigado obrigada desculpe voz homem mulher feminina masculina
        primeiro primeira segundo segunda nenhum nenhuma dois três quatro cinco seis sete oito nove dez chuva
        possível impossível gravação fala diz também nada algo ao à chovendo bom dia todos tudo luz favor janeiro
        fevereiro março maio junho julho setembro outubro dezembro
    """,
    "nl": """
        de het een en is zijn was niet geen ik jij je hij zij ze wij we jullie u mij me mijn met voor van naar op
        uit bij over ook maar of als dat omdat hoe wat wie waar waarom ja nee kan kunnen mag wil heb hebben heeft
        wordt worden zou er in te zeer hier alstublieft dank bedankt helpen hulp opname stem spreker man vrouw
        mannelijk vrouwelijk eerste tweede twee drie vier vijf zes zeven acht negen tien regen mogelijk onmogelijk
        misschien spijt sorry natuurlijk deze dit die aan om tot regent goedemorgen klopt gaat
    """,
}
"""Common words by language; a word of several languages counts for each of them."""
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*dict.fromkeys((*_LANGUAGES_OF.get(_word, ()), _language)),)

_LETTERS = (
    (re.compile(r"ß|\b\w*[äö]\w*\b"), "de"), (re.compile(r"[ñ¿¡]"), "es"), (re.compile(r"[ãõ]|ção|ções"), "pt"),
    (re.compile(r"[œûëî]|è\w|\b(?:[ldcjnmst]|qu)'\w"), "fr"), (re.compile(r"\bl'\w|zione\b"), "it"),
    (re.compile(r"\bij|[a-z]ij\b"), "nl"),
)  # fmt: skip  # a table: one row a line
"""Letters that hardly any other of these languages writes."""

_NO_LANGUAGE = frozenset(
    {"no", "si", "non", "ok", "ja", "a", "e", "o", "i", "me", "audio", "no no", "sorry", "die", "man", "was", "will"}
)
"""Words that alone tell nothing: several languages write them, or everybody says them."""

_WEAK = 0.4


def language_of(text: str) -> str:
    """ISO 639-1 code of the text's language; empty where its words do not tell.

    >>> language_of("Nein, das passt nicht."), language_of("不可能"), language_of("No."), language_of("42")
    ('de', 'zh', '', '')
    """
    text = text[:_LOOKED_AT].lower().replace("’", "'")
    if text.isascii():
        return _of_latin(text)
    counts = {name: _weight(name, text) for name in _CHARACTERS}
    latin = len(_LATIN.findall(text))
    script = max(counts, key=lambda name: counts[name])
    east = counts["han"] + counts["kana"]
    if max(counts[script], east) <= latin:
        return _of_latin(text)
    if east >= counts[script]:
        return "ja" if counts["kana"] > 0 else "zh"
    return _of_script(script, text)


def _weight(script: str, text: str) -> float:
    """About how many words of a script a text holds."""
    if script in ("han", "kana"):
        return len(_CHARACTERS[script].findall(text)) / _CHARACTERS_A_WORD
    return float(len(_WORDS_OF[script].findall(text)))


def _of_script(script: str, text: str) -> str:
    if script == "cyrillic":
        return "uk" if re.search("[іїєґ]", text) and "ы" not in text else "ru"
    if script == "arabic":
        return "ur" if re.search("[ٹڈےں]", text) else "fa" if re.search("[پچژگ]", text) else "ar"
    return _ONE_LANGUAGE[script]


def _of_latin(text: str) -> str:
    outside = _QUOTED.sub(" ", text) if '"' in text or "'" in text or not text.isascii() else text
    words = _LATIN.findall(outside)
    if len(words) < 2:
        outside, words = text, _LATIN.findall(text)
    if not words or " ".join(words) in _NO_LANGUAGE:
        return ""
    counts: dict[str, float] = {}
    for word in words:
        for language in _LANGUAGES_OF.get(word, ()):
            counts[language] = counts.get(language, 0.0) + (_WEAK if word in _NO_LANGUAGE or len(word) == 1 else 1.0)
    if not outside.isascii() or "'" in outside:
        for pattern, language in _LETTERS:
            if pattern.search(outside):
                counts[language] = counts.get(language, 0.0) + 1.0
    return _most(counts)


def _most(counts: dict[str, float]) -> str:
    """The language with most common words; empty where another has as many."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < 1.0 or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return ""
    return ranked[0][0]

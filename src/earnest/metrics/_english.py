"""Tables of English words: hesitations, contractions, spellings, abbreviations, units of measure.

A table that gives one form makes two spellings one word, on both sides of a comparison. A table that gives several
holds readings beside each other, of which an alignment takes the one that fits (`earnest.metrics._lattice`); the first
of them is the one that `normalise_english` writes.
"""

from __future__ import annotations


def _each(words: str) -> list[str]:
    return words.split()


def _pairs(table: str) -> dict[str, str]:
    """A table written "one other, one other"."""
    return {one: other for one, other in (pair.split() for pair in table.split(","))}


def _stems(table: str) -> dict[str, str]:
    """A table of lines "stem stem: endings", with "." for no ending."""
    found = {}
    for line in table.strip().splitlines():
        stems, _, endings = line.partition(":")
        one, other = stems.split()
        found.update({one + end: other + end for end in ("" if end == "." else end for end in endings.split())})
    return found


# ---------------------------------------------------------------- hesitations

_DRAWN_OUT = {first + last * n for first, last in ("um", "uh", "eh", "ah", "hm", "mm") for n in range(1, 9)}
FILLERS = frozenset(_DRAWN_OUT | set(_each("unh er erm mhm mmhm mhmm mmhmm uhm uhhm uhhuh")))
"""Hesitations and signs of listening, dropped."""

FOREIGN_FILLERS = frozenset({"er", "um"})
"""Hesitations that are words elsewhere: German and Dutch "er" (he), German "um" (around), Portuguese "um" (a)."""

FOREIGN_WORDS = frozenset(
    _each(
        "der das und ist nicht ich sie wir ein eine einen mit auf für zu den dem im von auch sich hat war dass "
        "wenn aber geht kommt het een van niet dat voor zijn ook naar maar hij ze wij uma que não é do da os as "
        "com para por mais como ele ela foi tem ao dos das no na eu"
    )
)
"""Common German, Dutch and Portuguese words, to tell their "er" and "um" from hesitations."""

ENGLISH_WORDS = frozenset(
    _each(
        "the of and to a in that it is was i you he for on with his at they be this have from or had not but what "
        "as do are we there all she so if my me"
    )
)
"""Common English words, for the same purpose."""

# ---------------------------------------------------------------- contractions

_NOT = _each("are could did do does had has have is must need should was were would might ought dare may")
_SUBJECTS = _each("i you he she it we they that there who what where when why how here this these those")
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}
_IS = _each("he she it that there who what where when why how here this everyone someone")
_MODALS = _each("could should would might must")
_IRREGULAR = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not", "ain't": "is not",
    "let's": "let us", "y'all": "you all", "o'clock": "oclock", "gonna": "going to", "wanna": "want to",
    "gotta": "got to", "gimme": "give me", "lemme": "let me", "kinda": "kind of", "sorta": "sort of",
    "dunno": "do not know", "'cause": "because", "'em": "them", "'tis": "it is", "'twas": "it was", "'n'": "and",
    "'til": "till", "ma'am": "madam",
}  # fmt: skip  # a table: one row a line
_WITHOUT_APOSTROPHE = {
    "cant": "can not", "wont": "will not", "im": "i am", "ive": "i have", "youre": "you are", "youve": "you have",
    "theyre": "they are", "theyve": "they have", "weve": "we have", "thats": "that is", "whats": "what is",
    "theres": "there is", "tis": "it is", "twas": "it was",
}  # fmt: skip  # a table: one row a line

CONTRACTIONS = {
    **{f"{verb}n't": f"{verb} not" for verb in _NOT},
    **{f"{verb}nt": f"{verb} not" for verb in _NOT if verb not in ("may", "dare")},
    **{f"{subject}{ending}": f"{subject} {word}" for subject in _SUBJECTS for ending, word in _ENDINGS.items()},
    **{f"{subject}'s": f"{subject} is" for subject in _IS},
    **{f"{verb}'ve": f"{verb} have" for verb in _MODALS},
    **_IRREGULAR,
    **_WITHOUT_APOSTROPHE,
}
"""Contracted form to full form."""

SECOND_READING = {"'d": "had", "'s": "has"}
"""What the second word of a contraction may be, where `CONTRACTIONS` says "would" or "is"."""

AFTER_NOUNS = {"'ll": ("will",), "'ve": ("have",), "'re": ("are",), "'d": ("would", "had")}
"""Endings of a word that `CONTRACTIONS` does not hold ("the dog'll")."""

# ---------------------------------------------------------------- spellings

_OUR = _each(
    "arm behavi belab cand clam col demean discol disfav dishon enam endeav fav ferv flav glam harb hon hum lab "
    "misdemean neighb od parl ranc rig rum sav savi splend succ tum val vap vig watercol"
)
_OUR_ENDINGS = _each("s ed ing ful fully able ably ite ites itism hood hoods al ally er ers less y ies ist ists")
_DOUBLED = _each(
    "bevel cancel carol cavil channel chisel counsel cudgel devil dial dishevel drivel duel enamel equal fuel "
    "funnel gravel grovel gruel imperil initial jewel kennel label laurel level libel marshal marvel medal metal "
    "model panel parcel pedal pencil peril pummel quarrel ravel unravel revel rival shovel shrivel signal snivel "
    "spiral stencil swivel tassel total towel travel trowel tunnel victual yodel"
)
_OTHER_STEMS = """
acknowledgment acknowledgement: . s
advisor adviser: . s
airplane aeroplane: . s
analog analogue: . s
anem anaem: ia ic
anesth anaesth: esia etic etics etist etists
archeolog archaeolog: y ist ists ical
artifact artefact: . s
ax axe: .
caliber calibre: . s
caliper calliper: . s
carburetor carburettor: . s
catalog catalogue: . s
catalog catalogu: ed ing
center centre: . s
center centr: ed ing
cheque check: . s
councilor councillor: . s
cypher cipher: . s
defense defence: . s less
dialog dialogue: . s
disk disc: . s
donut doughnut: . s
draught draft: . s y
draughtsm draftsm: an en
encycloped encyclopaed: ia ias ic
enroll enrol: . s ment ments
enthrall enthral: . s
eon aeon: . s
epicenter epicentre: . s
epilog epilogue: . s
esthet aesthet: ic ics ically
estrogen oestrogen: . s
fet foet: us uses al
fiber fibre: . s
fulfill fulfil: . s ment
gaol jail: . s er ers
gray grey: . s ish er
gynecolog gynaecolog: y ist ists ical
hematolog haematolog: y ist
hemo haemo: globin philia philiac
hemorrh haemorrh: age ages oid oids
hiccough hiccup: . s
inquir enquir: e es ed er ers ing y ies
installment instalment: . s
instill instil: . s
judgment judgement: . s
kidnap kidnapp: ed er ers ing
kilometer kilometre: . s
leukem leukaem: ia ias
licens licenc: e es ed ing
liter litre: . s
luster lustre: .
maneuver manoeuvre: . s
maneuver manoeuvr: ed ing
maneuverab manoeuvrab: le ility
meager meagre: .
medieval mediaeval: . ist ists
meter metre: . s
centimeter centimetre: . s
millimeter millimetre: . s
milliliter millilitre: . s
miter mitre: . s
mold mould: . s ed ing y
molt moult: . s ed ing en
mom mum: . s
momm mumm: y ies
monolog monologue: . s
mustache moustache: . s d
ocher ochre: .
offense offence: . s
omelet omelette: . s
orthoped orthopaed: ic ics
pajama pyjama: . s
paleontolog palaeontolog: y ist ists
pediatr paediatr: ic ics ician icians
pedophil paedophil: e es ia
pedlar peddler: . s
plow plough: . s ed ing man men
practis practic: e es ed ing
pretense pretence: . s
program programme: . s
prolog prologue: . s
saber sabre: . s
scepter sceptre: . s
sepulcher sepulchre: . s
skeptic sceptic: . s al ally ism
smolder smoulder: . s ed ing
snowplow snowplough: . s
somber sombre: . ly
specter spectre: . s
storey story: .
storey storie: s
sulf sulph: ur urous uric ate ide
syphon siphon: . s ed ing
theater theatre: . s
amphitheater amphitheatre: . s
tire tyre: . s
travelog travelogue: . s
tsar czar: . s
wagon waggon: . s
whiskey whisky: .
worship worshipp: ed er ers ing
yoghurt yogurt: . s
curb kerb: . s
chilli chili: .
gypsy gipsy: .
tranquility tranquillity: .
"""
_WORDS = {
    **_stems(_OTHER_STEMS),
    **_pairs(
        "aging ageing, ameba amoeba, aluminum aluminium, appall appal, benefitted benefited, cesarean caesarean, "
        "cesium caesium, checkbook chequebook, checkered chequered, connexion connection, cozy cosy, cozier "
        "cosier, coziness cosiness, diarrhea diarrhoea, distill distil, edema oedema, esophagus oesophagus, feces "
        "faeces, focussed focused, focussing focusing, jewelry jewellery, kneeled knelt, leaned leant, leaped "
        "leapt, learned learnt, burned burnt, dreamed dreamt, spelled spelt, misspelled misspelt, smelled smelt, "
        "spilled spilt, spoiled spoilt, licorice liquorice, marvelous marvellous, marvelously marvellously, "
        "mustached moustached, naught nought, nite night, phoney phony, skillful skilful, skillfully skilfully, "
        "tho though, thru through, toward towards, afterward afterwards, whiskeys whiskies, willful wilful, "
        "willfully wilfully, woolen woollen, wooly woolly, ok okay, mr mister, mrs missus, dr doctor, vs versus, "
        "prof professor, etc etcetera"
    ),
    "alright": "all right",
}
SPELLINGS = {
    **{f"{stem}or{end}": f"{stem}our{end}" for stem in _OUR for end in ("", *_OUR_ENDINGS)},
    **{f"{stem}{end}": f"{stem}l{end}" for stem in _DOUBLED for end in ("ed", "ing", "er", "ers", "or", "ors")},
    **_WORDS,
}
"""One spelling for words that have two: mostly the American form to the British one. For -ize see `IZE`."""

IZE = r"\b([^\W\d_]{3,}i|[^\W\d_]{2,}y)z(e|es|ed|ing|er|ers|ation|ations|ational|able)\b"
"""Words of the kind of "realize" and "analyze"; "size" and "prize" are too short to be of it."""

LOANS = dict(
    pair.split("=")
    for pair in _each(
        "café=cafe cafés=cafes naïve=naive naïveté=naivety résumé=resume résumés=resumes fiancé=fiance "
        "fiancée=fiancee cliché=cliche clichés=cliches clichéd=cliched façade=facade façades=facades déjà=deja "
        "touché=touche passé=passe exposé=expose protégé=protege protégée=protegee soirée=soiree première=premiere "
        "crème=creme brûlée=brulee señor=senor señora=senora jalapeño=jalapeno piñata=pinata élite=elite rôle=role "
        "rôles=roles coöperate=cooperate coöperation=cooperation reënter=reenter matinée=matinee purée=puree "
        "sauté=saute sautéed=sauteed risqué=risque décor=decor communiqué=communique entrée=entree entrées=entrees "
        "über=uber noël=noel zoë=zoe chloë=chloe chloé=chloe rené=rene renée=renee andré=andre josé=jose "
        "beyoncé=beyonce brontë=bronte façon=facon attaché=attache émigré=emigre ingénue=ingenue mêlée=melee "
        "née=nee papier-mâché=papier-mache pâté=pate dénouement=denouement"
    )
)
"""Words that English writes with and without their accents."""

# ---------------------------------------------------------------- abbreviations

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "dr": ("doctor", "drive"), "st": ("saint", "street", "st"), "jr": ("junior",), "sr": ("senior",), "mt": ("mount",),
    "rd": ("road",), "blvd": ("boulevard",), "hwy": ("highway",), "pkwy": ("parkway",), "capt": ("captain",),
    "sgt": ("sergeant",), "lt": ("lieutenant",), "pvt": ("private",), "cpl": ("corporal",), "cmdr": ("commander",),
    "gov": ("governor",), "govt": ("government",), "dept": ("department",), "ltd": ("limited",),
    "corp": ("corporation",), "inc": ("incorporated",), "esq": ("esquire",), "approx": ("approximately",),
    "feb": ("february",), "aug": ("august",), "sept": ("september",), "oct": ("october",), "nov": ("november",),
    "dec": ("december",), "ms": ("ms", "miss", "miz"), "phd": ("ph d", "p h d"), "eg": ("e g", "for example"),
    "ie": ("i e", "that is"),
}  # fmt: skip  # a table: one row a line
"""Abbreviations that are no words of their own, with or without a full stop; as they stand they are a reading too."""

WITH_STOP: dict[str, tuple[str, ...]] = {
    "gen": ("general",), "col": ("colonel",), "co": ("company",), "rep": ("representative",), "sen": ("senator",),
    "hon": ("honourable",), "rev": ("reverend",), "maj": ("major",), "adm": ("admiral",), "pres": ("president",),
    "ave": ("avenue",), "ln": ("lane",), "sq": ("square",), "ct": ("court",), "ft": ("fort",), "bros": ("brothers",),
    "jan": ("january",), "mar": ("march",), "apr": ("april",), "jun": ("june",), "jul": ("july",),
    "sep": ("september",), "mon": ("monday",), "tue": ("tuesday",), "tues": ("tuesday",), "wed": ("wednesday",),
    "thu": ("thursday",), "thurs": ("thursday",), "fri": ("friday",), "min": ("minutes", "minimum"),
    "max": ("maximum",), "est": ("established",),
}  # fmt: skip  # a table: one row a line
"""Abbreviations that are words or names too; with their full stop they may be read in full."""

BEFORE_NUMBER: dict[str, tuple[str, ...]] = {
    "no": ("number",), "nos": ("numbers",), "p": ("page",), "pp": ("pages",), "vol": ("volume",), "ch": ("chapter",),
    "fig": ("figure",), "sec": ("section",), "art": ("article",), "para": ("paragraph",), "ext": ("extension",),
    "apt": ("apartment",), "jan": ("january",), "mar": ("march",), "apr": ("april",), "jun": ("june",),
    "jul": ("july",), "sep": ("september",), "bldg": ("building",), "rm": ("room",),
    "tel": ("telephone",), "v": ("version", "versus"),
}  # fmt: skip  # a table: one row a line
"""Abbreviations before a number."""

MONTHS = frozenset(_each("january february march april may june july august september october november december"))

CHAPTERS = frozenset(
    _each(
        "chapter part book volume act scene section article war type phase stage class grade level appendix figure "
        "table canto psalm title bowl mark version king queen pope"
    )
)
"""Words that a Roman numeral follows."""

SPELLED_WORDS = frozenset(
    _each("us it am is in no so he me we hi at an as be by do go if my of on or to up ad id pm ma pa oh ah ha ho ye")
)
"""Words that letters said one by one must not be taken for."""

ARTICLES = frozenset({"a", "an", "the"})
WITH_ARTICLE = frozenset({"alot", "another", "awhile"})
"""Words are not joined with an article, but these."""

# ---------------------------------------------------------------- units

_METRIC = {"m": "metre", "g": "gram", "l": "litre"}
_PREFIXES = {"k": "kilo", "c": "centi", "m": "milli", "d": "deci"}


def _unit(name: str, *others: str) -> tuple[str, ...]:
    return (f"{name}s", name, *others)


UNITS: dict[str, tuple[str, ...]] = {
    **{p + u: _unit(prefix + unit, f"{p} {u}") for p, prefix in _PREFIXES.items() for u, unit in _METRIC.items()},
    "kg": _unit("kilogram", "kilos", "kilo", "kilogrammes", "kilogramme", "k g"), "kgs": ("kilograms", "kilos"),
    "kms": ("kilometres", "k m s"), "g": ("g", "grams", "gram", "grammes"), "gr": ("grams", "gram"),
    "mg": _unit("milligram", "m g"), "ml": _unit("millilitre", "m l", "mils"), "l": ("l", "litres", "litre"),
    "m": ("m", "metres", "metre", "million", "minutes"), "nm": _unit("nanometre", "n m"),
    "μm": _unit("micrometre", "microns"), "μg": _unit("microgram"), "μs": _unit("microsecond"),
    "ft": ("feet", "foot", "f t"), "in": ("in", "inches", "inch"), "yd": _unit("yard"), "yds": ("yards",),
    "mi": _unit("mile"), "lb": _unit("pound"), "lbs": ("pounds", "pound"), "oz": ("ounces", "ounce"),
    "gal": _unit("gallon"), "pt": _unit("pint"), "mph": ("miles per hour", "miles an hour", "m p h"),
    "kph": ("kilometres per hour", "kilometres an hour", "k p h"), "kmh": ("kilometres per hour", "kilometres an hour"),
    "h": ("h", "hours", "hour"), "hr": _unit("hour"), "hrs": ("hours", "hour"), "min": _unit("minute"),
    "mins": ("minutes", "minute"), "s": ("s", "seconds", "second"), "sec": _unit("second"),
    "secs": ("seconds", "second"),
    "ms": _unit("millisecond", "m s"), "yr": _unit("year"), "yrs": ("years", "year"),
    "hz": ("hertz",), "khz": ("kilohertz",), "mhz": ("megahertz",), "ghz": ("gigahertz",),
    "kb": _unit("kilobyte", "k b"), "mb": _unit("megabyte", "m b", "megs"), "gb": _unit("gigabyte", "g b", "gigs"),
    "tb": _unit("terabyte", "t b"), "kbps": ("kilobits per second",), "mbps": ("megabits per second",),
    "w": ("w", "watts", "watt"), "kw": _unit("kilowatt", "k w"), "mw": _unit("megawatt", "m w"),
    "kwh": _unit("kilowatt hour", "k w h"), "v": ("v", "volts", "volt"), "kv": _unit("kilovolt"),
    "db": _unit("decibel", "d b"), "kcal": _unit("kilocalorie", "calories"),
    "cal": _unit("calorie"), "ha": _unit("hectare"), "px": _unit("pixel"), "pct": ("percent",), "rpm": ("r p m",),
    "k": ("k", "thousand"), "bn": ("billion",), "mn": ("million",), "mln": ("million",), "b": ("b", "billion"),
    "tn": ("trillion",), "x": ("x", "times", "by"), "c": ("c", "cents", "celsius", "degrees celsius"),
    "f": ("f", "fahrenheit", "degrees fahrenheit"), "p": ("p", "pence", "pixels"), "am": ("am", "a m"),
    "pm": ("pm", "p m"), "usd": ("dollars", "u s dollars", "u s d"), "eur": ("euros", "euro"), "gbp": ("pounds",),
    "ad": ("a d", "ad"), "bc": ("b c", "bc"), "ce": ("c e", "ce"), "bce": ("b c e", "bce"),
}  # fmt: skip  # a table: one row a line
"""What follows a number as a unit; the first is the reading that `normalise_english` writes."""

PER = {
    "km/h": ("kilometres per hour", "kilometres an hour", "kilometre per hour", "k m h", "k p h"),
    "m/s": ("metres per second", "metres a second", "metre per second"),
    "mi/h": ("miles per hour", "miles an hour"),
    "ft/s": ("feet per second", "feet a second"),
    "l/min": ("litres per minute", "litres a minute"),
    "mb/s": ("megabytes per second", "megabits per second"),
}
"""Units over units."""

SQUARES = {
    "m": "metres", "km": "kilometres", "cm": "centimetres", "mm": "millimetres", "ft": "feet", "in": "inches",
    "mi": "miles", "yd": "yards",
}  # fmt: skip  # a table: one row a line

CURRENCIES: dict[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("rouble", "roubles", "kopek", "kopeks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "¢": ("cent", "cents", "", ""),
}
"""Sign to its name, its plural, and those of its hundredth."""

BEFORE_MONEY = frozenset(_each("us au ca nz hk a c r s"))
"""Letters that stand before a currency sign ("US$5") and go unread."""

SCALES = {
    "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion", "k": "thousand",
    "m": "million", "mn": "million", "mln": "million", "bn": "billion", "b": "billion", "tn": "trillion",
}  # fmt: skip  # a table: one row a line
"""What multiplies an amount of money."""

SIGNS: dict[str, tuple[str, ...]] = {
    "&": ("and", "ampersand"), "%": ("percent",), "@": ("at",), "=": ("equals", "is", "equal", "is equal to"),
    "+": ("plus", "and"), "×": ("times", "by", "x", "multiplied by"), "÷": ("divided by", "over"),
    "±": ("plus or minus",), "°": ("degrees", "degree"), "§": ("section",),
    "~": ("", "about", "approximately", "around"),
    "#": ("", "number", "hashtag", "hash"), "/": ("", "slash", "or", "per", "a", "an"), "_": ("", "underscore"),
    "\\": ("", "backslash"), "*": ("", "times", "star", "asterisk"), "^": ("", "to the", "to the power of"),
    "|": ("", "bar"), "<": ("", "less than"), ">": ("", "greater than"), "$": ("", "dollars", "dollar"),
    "£": ("", "pounds"), "€": ("", "euros"),
}  # fmt: skip  # a table: one row a line
"""A sign that stands by itself; "" where it may go unread."""

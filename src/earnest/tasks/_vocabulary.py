"""What the closed options of prompts are called: in English, and in Chinese, Spanish, German and French.

An option is known by its own name and by the words listed here. Words of letters are found as whole words, Chinese ones
anywhere. A word that means something else in another of these languages is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


COVERED = frozenset(("en", "zh", "es", "de", "fr"))
"""Languages in which answers are read."""

YES = _words("""
    yes yeah yep yup yea aye affirmative
    是 是的 对 对的 没错 正确 符合 匹配 确实 是啊 有
    sí si ja jawohl genau oui ouais
""")
NO = _words("""
    no nope nah negative
    不 不是 不对 没有 否 错 错误 不正确 不符合 不匹配 不会 并非 不一样 不同
    nein non
""")

OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rain": _words("""
        raining rains rainfall raindrops rainy downpour drizzle drizzling rainstorm 雨 下雨 雨声 lluvia lloviendo llueve
        lloviznando regen regnet regnen regengeräusch pluie pleut
    """),
        "wind": _words("""
        winds windy gust gusts breeze 风 刮风 风声 viento windgeräusch windgeräusche vent
    """),
        "bell": _words("""
        bells ringing_bell church_bell church_bells bell's chime chimes chiming 钟声 铃 铃声 铃铛 钟 campana campanas
        campanada campanadas timbre glocke glocken klingel glockenläuten cloche cloches
    """),
        "siren": _words("""
        sirens 警笛 警报 警报声 警笛声 汽笛 sirena sirenas sirene sirenen sirène sirènes
    """),
        "clock": _words("""
        clocks clock's ticking tick-tock ticking_clock tick_tock tick ticks 时钟 钟表 滴答 滴答声 嘀嗒 reloj relojes tictac
        tic-tac uhr uhren ticken wanduhr horloge horloges
    """),
        "knock": _words("""
        knocks knocking knocked 敲门 敲门声 敲击 敲击声 敲 golpe golpes golpeando toque toques klopfen klopft klopfgeräusch
        coup coups toc_toc frappe on_frappe frappement
    """),
        "engine": _words("""
        engines motor motors engine's 发动机 引擎 马达 发动机声 引擎声 motores motoren motorengeräusch motorgeräusch moteur
        moteurs
    """),
        "beep": _words("""
        beeps beeping bleep bleeps bleeping 哔 哔哔 哔声 哔哔声 嘟 嘟嘟 滴滴 滴滴声 蜂鸣 蜂鸣声 pitido pitidos bip bips piepton pieptöne
        piepen piept piepsen
    """),
        "nothing": _words("""
        no_sound no_sounds no_background_sound no_background_sounds no_background_noise no_noise silence quiet
        silent 什么都没有 没有 没有声音 无声 安静 没有背景声 没有背景音 nada ningún_sonido ninguno silencio nichts keine keines
        kein_geräusch keine_geräusche stille rien aucun aucun_son aucun_bruit
    """),
        "male": _words("""
        man men man's masculine gentleman boy guy males 男 男性 男人 男声 男的 男士 男生 先生 masculino masculina hombre varón
        hombres männlich männliche männlicher männliches mann männer männerstimme masculin masculine homme hommes
    """),
        "female": _words("""
        woman women woman's feminine lady girl females 女 女性 女人 女声 女的 女士 女生 femenino femenina mujer mujeres weiblich
        weibliche weiblicher weibliches frau frauen frauenstimme féminin féminine femme femmes
    """),
        "child": _words("""
        children kid kids child's childlike 儿童 孩子 小孩 小朋友 童声 niño niña niños infantil kind kinder kinderstimme
        enfant enfants
    """),
        "adult": _words("""
        adults adult's grown-up grownup grown_up grown_man grown_woman 成人 成年人 大人 成年 adulto adulta adultos erwachsen
        erwachsene erwachsener erwachsenen adulte adultes
    """),
        "live": _words("""
        genuine authentic live_speech real_speech live_voice 真人 实时 现场 真实 en_vivo en_directo auténtico genuino
        auténtica live-sprache echt authentisch en_direct authentique
    """),
        "copy": _words("""
        copied replay replayed replaying synthetic synthesised synthesized fake faked spoofed spoof deepfake cloned
        ai-generated computer-generated 合成 伪造 复制 重放 回放 录音重放 副本 复制品 假的 copia sintético sintética falso falsa
        reproducida kopie synthetisch gefälscht abgespielt fälschung copie synthétique rejouée
    """),
    }
)
"""Other words for an option, by its name in the prompts."""

NOTHING_ALONE = frozenset(("none", "nothing else", "no background"))
"""Whole answers that mean `nothing` where that is offered; within a longer answer they mean other things."""

LETTERS: Mapping[str, str] = MappingProxyType({"m": "male", "f": "female"})
"""Whole answers of one letter."""

FIRST = _words(
    "第一 前者 第1 1号 甲 erste erster ersten erstes ersterer erstere primero primera primer premier première 一号"
)
SECOND = _words(
    "第二 后者 第2 2号 乙 zweite zweiter zweiten zweites letzterer letztere segundo segunda deuxième seconde 二号"
)
NEITHER = _words(
    "都不 两个都不 没有一个 谁都不 一个也不 weder keiner_von keine_von keiner keine_der ninguno ninguna ni_uno ni_el_uno ni_el_primero "
    "ni_la_primera aucun aucune ni_l'un ni_l'une ni_le_premier ni_la_première"
)
CLOSE_WORDS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """
    make create prepare build construct craft produce making made
    build construct assemble built
    buy purchase bought shop
    sell sold
    cook prepare boil fry
    fix repair mend
    break smash crack broke broken
    steal stole stolen theft rob
    rob robbery robbing
    hack breach
    wash clean rinse
    find locate found
    open start launch
    change reset update modify
    hide conceal hidden hid
    use using utilise utilize
    help assist support
    greet greeting hello
    thank thanks gratitude grateful appreciation
    visit see visiting
    welcome greet
    surprise surprising
    write written wrote compose
    read view check
    ride riding cycle
    walk stroll walking
    design create plan
    collect gather collecting
    spread spreading
    wait waiting
    bully bullying harass
    stalk follow stalking
    threaten threat
    insult insulting offend
    cheat scam deceive defraud
    smuggle traffic smuggling
    blackmail extort
    bike bicycle
    car vehicle automobile
    website site webpage
    gun firearm weapon pistol
    bomb explosive explosives
    drugs narcotics
    cookies biscuits
    present gift
    lock locks
    shop store
    poem verse poetry
    boss manager supervisor
    teacher professor
    classmate schoolmate
    password passcode
    letter note
    email mail
    computer pc laptop
""".strip().splitlines()
)
"""Words that an answer may use for one another, by groups; a form that no ending explains stands beside its word."""

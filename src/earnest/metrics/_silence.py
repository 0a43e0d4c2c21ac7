"""Reports that nobody speaks, or that there is nothing to hear, in the words of an answer.

A report is a whole sentence of a closed form; a sentence that merely holds its words ("there was no talking at the
table") is none. English, Chinese, Spanish, German and French.
"""

from __future__ import annotations

import re
from typing import Literal

from earnest.metrics.sentences import either, plain, sentences, without_quotations

Report = Literal["nothing", "no_speech", ""]

_ADJECTIVE = (
    r"(?:(?:human|spoken|audible|discernible|discernable|intelligible|clear|recogni[sz]able|actual|detectable"
    r"|understandable|distinct|coherent|identifiable|verbal|meaningful) )*"
)
_SPEECH = (
    rf"{_ADJECTIVE}(?:speech|words?|voices?|talking|speaking|dialogue|speakers?|speech content|spoken (?:words?"
    rf"|content|language|dialogue)|vocals?|conversations?|utterances?|sounds?|(?:verbal |spoken |audible "
    rf"|speech )content"
    r"|one (?:is |was )?(?:speaks?|speaking|talks|talking|heard speaking)|person speaking|people speaking"
    r"|speech or (?:sounds?|voices?|words)|voices? or (?:speech|words|sounds?)|sounds? or (?:speech|words|voices)"
    r"|one speak|one talk|language)"
)
_CLIP = (
    r"(?:audio(?: (?:file|clip|recording|sample|segment))?|(?:sound |voice )?(?:recording|clip|file|sample"
    r"|segment)|sound|background)"
)
_HERE = (
    rf"(?: (?:in|on|within|during|throughout|from) (?:the |this |that |your |these |it"
    rf"|any part of the )*(?:(?:whole|entire|provided|given|attached|short|duration of the) )*(?:{_CLIP}s?|one\b)?"
    r"| from (?:start|beginning) to (?:end|finish)"
    r"| anywhere(?: in (?:the|this|that) (?:recording|clip|audio))?| here| at all| at any (?:point|time|moment)|"
    r" throughout| being (?:spoken|said|heard)| present| audible| detected"
    r"| detectable| heard"
    r"| (?:for me )?to (?:be )?(?:hear"
    r"|heard|transcribe|transcribed|detect(?:ed)?|report|answer|respond to|analy[sz]e|process|work with|describe"
    r"|identify)"
    r"| spoken| can be heard| could be (?:heard|detected)"
    r"| (?:is|was|are|were) (?:present|detected|audible|heard|spoken|there|found)"
    r"| (?:that )?i (?:can|could) (?:hear|detect|make out|transcribe|find|recogni[sz]e)| whatsoever| clearly| to speak "
    r"of| content|,? (?:just"
    r"|only) (?:\w+ )?(?:noise|static|silence|hum|hiss|background noise))*"
)
_NOISE = (
    r"(?:(?:\w+ )?(?:noises?|static|silence|hum(?:ming)?(?: sounds?)?|hiss(?:ing)?|buzz(?:ing)?|breathing|tones?|white "
    r"noise"
    r"|background (?:noise|sounds?|hum)|ambient (?:noise|sounds?)|room tone|interference|instrumental music"
    r"|music)(?: and (?:\w+ )?(?:noises?|static|silence|hum|hiss|tones?))?)"
)
_TAIL = re.compile(
    rf",? (?:just|only|nothing but|but only|merely|simply|apart from|except(?: for)?|besides|other than) (?:an? |the "
    rf"|some )?"
    rf"(?:[\w-]+ ){{0,2}}{_NOISE}(?: in the background| sounds?| throughout)?$"
    rf"|,? (?:because|since|as) (?=(?:nobody|no ?one|there)\b).*$|,? so (?:(?:there(?:'s| is)|i have) nothing|i "
    rf"(?:can't|cannot)) .*$"
)
"""What was heard instead, or why nothing was, behind a report."""
_SENT = re.compile(
    r"(?: (?:that|which))? (?:you|i)(?:'ve| have| just|'d| had)* (?:sent|provided|shared|uploaded|attached|gave|given"
    r"|received|recorded)"
    r"(?: me| us| here| with me)?\b"
)
_I_LISTENED = re.compile(
    r"^(?:i(?:'ve| have)? (?:carefully )?(?:listened|checked|played|analy[sz]ed|reviewed)(?: to)?(?: \w+){0,5},? but "
    rf"|(?:after|having|on) (?:\w+ )?(?:listen\w*|check\w*|analy\w+|review\w*)(?: \w+){{0,5}}, |(?:apart from|except "
    rf"for|besides|other than|beyond) (?:\w+ ){{0,3}}{_NOISE}, )"
)
_SEARCHED = re.compile(
    r"^(?:i(?:'ve| have)? (?:\w+ly )?(?:listened|checked|played|analy[sz]ed|reviewed|went|gone|searched|scanned|looked"
    r"|heard)"
    r"\b[^,.;]{0,50}?,? (?:and|but)(?: still| yet| then)? "
    r"|(?:the|this|that|your) (?:audio|recording|clip|file)(?: \w+)? (?:was|has been|is) (?:\w+ly )?(?:checked|searched"
    r"|played"
    r"|listened to|analy[sz]ed|reviewed)\b[^,.;]{0,50}?,? (?:and|but) "
    r"|(?:even )?(?:having|after|upon|on) (?:(?!he|she|they)\w+ ){1,7}?\w+, "
    rf"|(?:throughout|in|during|over|across|within) (?:the |this |that |your )?(?:(?:whole|entire|full|complete)"
    rf" )?{_CLIP},? )"
    r"(?=(?:i|there|could|can|couldn't|can't|cannot|did|didn't|found|heard|hear|find|was|am|no|nobody|nothing|not"
    r"|none)\b)"
)
"""How it was listened for, before the report itself."""
_LEFT_OUT = re.compile(
    r"^(?=(?:could|can|couldn't|can't|cannot|did|didn't|found"
    r"|heard|hear|find|was unable|am unable|wasn't able)\b)"
)
"""Where the one who reports is named in what went before alone."""
_JUST = r"(?:only|just|nothing but|nothing except|mostly|purely|merely|nothing more than)"
_PERCEIVE = r"(?:hear|detect|make out|perceive|discern|find|identify|recogni[sz]e|distinguish|pick up)"
_NOT_I = (
    r"(?:i|we) (?:can't|cannot|can not|couldn't|could not|don't|do not|didn't|did not|am unable to|was unable to"
    r"|'m unable to|wasn't able to|am not able to)"
)
_NO_ONE = r"(?:nobody|no ?one|no person|no speaker)"

_NO_SPEECH = re.compile(
    either(
        rf"(?:(?:there(?:'s| is| was| are| were| seems? to be| appears? to be)?|i (?:can |could |did )?(?:hear"
        rf"|heard|detect(?:ed)?|find|found)|(?:the |this )?{_CLIP} (?:contains?|contained|has|had|holds|includes?"
        rf"|features?)) )?(?:no|zero) {_SPEECH}{_HERE}",
        rf"(?:there(?:'s| is| was) )?{_NO_ONE}(?:'s| is| was)? (?:speaks?|speaking|talks?|talking|(?:can be |is "
        rf"|was )?heard(?: speaking| talking)?|says? (?:anything|something|a (?:single )?word)|audible){_HERE}",
        rf"(?:there(?:'s| is| was) )?nothing(?: (?:is|can be|could be|was)| to)?(?: being)? (?:said|spoken|heard"
        rf"|hear|transcribe|be heard|be transcribed|audible){_HERE}|there(?:'s| is) nothing (?:in|on) (?:the"
        rf"|this) {_CLIP}",
        rf"i (?:can |could )?(?:hear|heard) (?:nothing(?: at all)?|{_NO_ONE}(?: (?:speak|talk)(?:ing)?)?){_HERE}",
        rf"at no (?:point|time|moment){_HERE} (?:does|did|do) (?:anyone|anybody|a (?:person|speaker|voice)) (?:speak"
        rf"|talk|say"
        rf" (?:anything|a word)){_HERE}|at no (?:point|time|moment){_HERE} (?:is|was|are|were) (?:anything|a word|any"
        rf" {_SPEECH})"
        rf" (?:said|spoken|heard|audible){_HERE}",
        rf"(?:(?:the|this|that|your) )?{_CLIP} (?:runs|passes|plays|goes by|ends)(?: through)? without (?:anyone"
        rf"|anybody"
        rf"|a (?:person|voice)) (?:speaking|talking|saying (?:anything|a (?:single )?word))",
        r"speech is (?:absent|missing|not (?:present|audible))",
        rf"(?:not a|no|not one|there (?:is|was) not a)(?: single)? word (?:is|was|can be|could be) (?:spoken|said"
        rf"|heard){_HERE}",
        rf"(?:(?:the|this|that|it)(?: {_CLIP})?|{_CLIP}) (?:is|seems|appears)(?: to be)? (?:devoid of|free of|empty of"
        rf"|without|lacking)(?: any)? {_SPEECH}{_HERE}|(?:the |this )?{_CLIP} (?:lacks"
        rf"|is lacking)(?: any)? {_SPEECH}{_HERE}",
        rf"it (?:contains?|has|had|holds?|features?) no {_SPEECH}{_HERE}|there (?:are|is|were) no (?:people|person"
        rf"|humans?) (?:speaking|talking){_HERE}|(?:it (?:seems|appears) )?to be (?:completely "
        rf"|entirely )?silent{_HERE}|it (?:seems|appears) silent{_HERE}",
        rf"{_NOT_I}(?: \w+ly| actually)? {_PERCEIVE} (?:any ?one|any ?body|any ?thing|any {_SPEECH}|any sounds?"
        rf"|a (?:voice|person|speaker|word|human voice|single word)|speech|words|voices)(?: (?:speak\w*|talk\w*"
        rf"|say(?:ing)? (?:anything|a (?:single )?word)))?{_HERE}",
        rf"i'm not (?:hearing|detecting|picking up|finding|getting|perceiving) (?:any ?one|any ?body|any ?thing|any "
        rf"{_SPEECH}"
        rf"|speech|words|voices)(?: (?:speak\w*|talk\w*))?{_HERE}",
        rf"i (?:can |could )?(?:hear|heard|detect|detected|find|found) (?:absolutely )?nothing (?:that (?:sounds|seems"
        rf"|sounded) like|resembling|like) {_SPEECH}{_HERE}",
        rf"(?:all|the only thing|everything)(?: that)? (?:i|we|one|you)(?: can| could)? (?:hear|detect|heard|perceive"
        rf"|pick up|make out)(?: here)? (?:is|was|are) "
        rf"(?:an? |the |some )?(?:(?!man|woman|voice|person)\w+ ){{0,2}}{_NOISE}{_HERE}",
        rf"(?:this|that|it)(?:'s| is| was)(?: just| only)? an? (?:completely |entirely |totally )?(?:silent|blank|empty"
        rf"|soundless) {_CLIP}",
        rf"(?:there(?:'s| is| was)|i (?:can )?hear) nothing (?:but|except|besides|other than|apart from) (?:an? |the "
        rf"|some )?(?:\w+ ){{0,2}}(?:{_NOISE}){_HERE}",
        rf"{_NO_ONE} (?:seems?|appears?|is heard) to be (?:speaking|talking|saying anything){_HERE}",
        rf"(?:the|this|that|your|it)(?: {_CLIP})? consists? (?:only |mostly |entirely |solely )?of (?:an? |some |the "
        rf")?(?:\w+ )?{_NOISE}{_HERE}",
        rf"{_NO_ONE} (?:says?|said|is saying|has said) (?:anything|something|a (?:single )?word) (?:in|on|during"
        rf"|throughout) (?:the|this|that|your) {_CLIP}",
        rf"(?:(?:the|this|that|your|it)(?: {_CLIP})?|{_CLIP})(?:'s| is| seems| appears| sounds)(?: to be"
        rf"| to contain)?(?: (?:like|just|only|completely|entirely|mostly|totally|all|simply"
        rf"|basically))* (?:silent|silence|blank|empty|inaudible|{_NOISE})(?:,? (?:with |and "
        rf"|but )?(?:there is )?no {_SPEECH})?{_HERE}",
        rf"(?:the|this|that|your) {_CLIP} (?:was|were)(?: (?:just|only|completely|entirely|totally))* (?:silent"
        rf"|silence|blank|empty)",
        rf"(?:(?:the|this|that|your|it)(?: {_CLIP})?|{_CLIP}) (?:contains?|contained|has|had|holds?"
        rf"|consists? (?:only |entirely |solely )?of|includes?|features?|appears? to (?:contain|have|be)"
        rf"|seems? to (?:contain|have|be))(?: {_JUST})? (?:{_JUST} {_NOISE}|silence|complete silence"
        rf"|{_NOISE} only)(?:,? (?:with|and|but)(?: there is| there are)? no {_SPEECH})?{_HERE}",
        rf"(?:(?:the|this|that|your|it)(?: {_CLIP})?|{_CLIP}|there) (?:does(?:n't| not)|did(?:n't| not)|do(?:n't"
        rf"| not)) (?:contain|have|include|hold|feature|seem to (?:contain|have|be)|appear to (?:contain|have"
        rf"|be)) any {_SPEECH}{_HERE}",
        rf"there (?:isn't|is not|wasn't|aren't|are not|were not) (?:any|a)(?:one|body)?(?: single)? ?(?:{_SPEECH}"
        rf"|speaking"
        rf"|talking){_HERE}",
        rf"(?:i (?:can )?(?:only )?(?:hear|detect|heard)|there(?:'s| is)(?: only)?|it(?:'s| is)) {_JUST} (?:an? "
        rf"|the |some |faint )*{_NOISE}{_HERE}|i can only (?:hear|detect) (?:an? |the |some "
        rf"|faint )*{_NOISE}{_HERE}",
        rf"i (?:can )?(?:only )?(?:hear|detect) (?:an? |the |some |faint |low |steady )*{_NOISE}(?:,? and"
        rf"| but)? nothing else",
        rf"(?:it )?(?:sounds|seems) like (?:only |just )?{_NOISE}(?: only)?|(?:the|this) (?:speaker"
        rf"|person) (?:says nothing|is silent|(?:does not|doesn't) (?:speak|say anything)){_HERE}",
        rf"(?:(?:only|just) )?(?:an? |the |some |faint )*{_NOISE}(?: only)?,? (?:and |but |with )?no {_SPEECH}{_HERE}",
        rf"{_JUST} (?:an? |the |some |faint )*{_NOISE}(?: (?:can be heard|is audible|is heard|is present))?{_HERE}",
        rf"there(?:'s| is| was) (?:only |just |nothing but |dead |complete |total |pure )*silence{_HERE}|(?:dead "
        rf"|complete |total |pure )?silence (?:throughout|only|from start to (?:end|finish))|i only (?:hear|detect"
        rf"|heard) (?:an? |the |some |faint )*{_NOISE}{_HERE}",
        r"(?:complete |total |just |only |pure |dead )?(?:silence|no speech|blank[_ ]audio|inaudible|noise"
        r"|no audio content|silent)|no speech (?:detected|found|present)",
        r"no (?:hay|se (?:oye|escucha|detecta)n?)(?: ningun[ao]?s?)? (?:voz|voces|habla|palabras?"
        r"|nadie(?: hablando)?)(?: (?:en|que) .*)?|no se (?:oye|escucha) (?:nada|a nadie|ninguna voz|voz).*"
        r"|nadie (?:habla|está hablando)(?: en .*)?|ninguna voz|(?:silencio|sin (?:voz|voces|habla|palabras))"
        r"|(?:se (?:oye|escucha) )?(?:solo|sólo|únicamente) (?:hay |se (?:oye|escucha) )?(?:ruido"
        r"|silencio)(?: .*)?|(?:la grabación|el audio) (?:está|es|parece)(?: estar)? (?:en silencio|silencios[oa]"
        r"|vac[ií][oa])",
        r"(?:\w+, (?:aber |und )?)?(?:es (?:gibt|ist|sind) )?keine? (?:sprache|sprecher(?:in)?|stimmen?|worte"
        r"|wörter|gesprochenen? (?:worte|wörter))(?: (?:zu hören|hörbar|vorhanden|in .*|erkennbar))*"
        r"|(?:in der aufnahme )?(?:niemand (?:spricht|redet|sagt (?:etwas|was))|(?:es )?spricht niemand"
        r"|man hört (?:niemanden|nichts|keine .*|nur (?:rauschen|stille|geräusche?).*)|ich höre (?:niemanden"
        r"|nichts|keine .*|nur (?:rauschen|stille).*))(?: in .*)?|(?:die aufnahme|das audio) ist (?:still|stumm"
        r"|leer|lautlos)|es (?:wird|ist) (?:nicht|nichts) (?:gesprochen|gesagt|zu hören)|stille|nur (?:rauschen"
        r"|stille|geräusche?)(?: .*)?",
        r"(?:il n'y a |on n'entend )?(?:pas|aucune?) (?:de |d')?(?:paroles?|voix|mots?|discours)(?: (?:dans|sur"
        r"|n'est) .*)?|personne ne parle(?: dans .*)?|on n'entend (?:personne|rien|aucune? .*|que (?:du|le"
        r"|un) (?:bruit|silence|souffle).*)|il n'y a que (?:du|le|un) (?:bruit|silence|souffle).*|silence(?: total"
        r"| complet)?|(?:seulement|uniquement) (?:du |un )?(?:bruit|silence)(?: .*)?|(?:l'enregistrement|l'audio"
        r"|le clip) est (?:silencieux|vide|muet)",
        "(?:[^,]{0,4}(?:音频|录音|音檔)(?:中|里|裡)?,? ?都?)?(?:没有|沒有|无|無|没"
        "|并没有)(?:任何)?(?:人)?(?:在)?(?:说话|說話|讲话|講話|语音|語音|人声"
        "|人聲|声音|聲音|言语|对话|話語|话语|说话声)(?:内容)?|(?:我)?(?:听不到|没听到"
        "|没有听到)(?:任何)?(?:人)?(?:在)?(?:说话|声音|语音|讲话)|无人说话|静音|沉默|安静"
        "|只有(?:噪音|噪声|背景噪音|静音|杂音)|(?:这段)?(?:录音|音频)(?:是|为)?(?:静音|无声|空白)的?",
    )
)
"""A whole sentence that reports that nobody speaks, or that there is nothing to hear."""
_PLACE = (
    r"(?:(?:en|durante|a lo largo de) (?:la|el|esta|este|toda la|todo el) (?:grabaci[oó]n|audio|clip|archivo|pista)(?:"
    r" de audio)?"
    r"|(?:in|auf|w[äa]hrend) (?:der|dieser|dem|diesem|der ganzen|der gesamten) (?:\w*aufnahme|audio\w*|datei|tonspur"
    r"|clip)"
    r"|(?:dans|sur|de) (?:l'|cet |cette |le |ce |tout l')(?:enregistrement|audio|clip|fichier|extrait)(?: audio)?"
    "|(?:在)?(?:整个|整段|这段|这个|该|本)?(?:录音|音频|音檔|錄音|语音|片段)(?:文件)?(?:中|里|裡|里面|当中)?|里面)"
)
_ABOUT_PLACE = re.compile(
    rf"^{_PLACE},? ?|,? ?{_PLACE}$"
    r"|, ?(?:solo|s[óo]lo|[úu]nicamente|nada m[áa]s que) (?:hay |se (?:oye|escucha) )?(?:un )?(?:ruido|silencio"
    r"|est[áa]tica)(?: de fondo)?$"
    r"|, ?(?:(?:es|man h[öo]rt|da) (?:ist|gibt es|gibt)? ?)?nur (?:hintergrund)?(?:rauschen|stille|ger[äa]usche?)(?: zu"
    r" h[öo]ren)?$"
    r"|, ?(?:(?:il n'y a|on n'entend|rien) que|seulement|uniquement|juste) (?:du |un |le )?(?:bruit|silence|souffle)(?:"
    r" de fond)?$"
    "|[,;] ?(?:只有|只听到|只能听到|仅有|只是)(?:一些|背景)*(?:噪音|噪声|杂音|静音|环境音|沙沙声|声响)$"
)
"""Where nothing was heard, or what was instead, about a report in another language than English."""
_VOICE_ES = (
    r"(?:(?:ning[uú]n[ao]?s? )?(?:voz|voces|habla|palabras?|persona|di[áa]logo)(?: humanas?| hablando)?|(?:a )?nadie(?:"
    r" habl(?:ando|ar))?"
    r"|nada)"
)
_VOICE_FR = (
    r"(?:(?:aucune?s? |de |d'|la moindre )?(?:paroles?|voix|mots?"
    r"|discours|personne parler)|personne(?: (?:parler|qui parle))?|rien)"
)
_VOICE_DE = (
    r"(?:keine? (?:\w+ )?(?:sprache|stimmen?|worte|w[öo]rter|sprecher\w*|gespr[äa]che?|person)|niemand(?:en)?|nichts"
    r"|nur (?:\w+ )?(?:hintergrund)?(?:rauschen|stille|ger[äa]usche?))"
)
_ELSEWHERE_SILENT = re.compile(
    either(
        rf"nadie (?:habla|est[áa] hablando|dice (?:nada|una palabra))|no (?:habla|hablan|est[áa] hablando) nadie|no"
        rf" (?:hay|existe) (?!nad(?:a|ie)$){_VOICE_ES}"
        rf"|no se (?:oyen?|escuchan?|detectan?|perciben?|distinguen?) {_VOICE_ES}"
        rf"|no (?:oigo|escucho|detecto|percibo|he o[ií]do|pude o[ií]r|puedo o[ií]r) {_VOICE_ES}"
        rf"|(?:la |esta |el |este )(?:grabaci[oó]n|audio|clip|archivo) no (?:contiene|tiene|incluye) {_VOICE_ES}"
        r"|(?:solo|s[óo]lo|[úu]nicamente) (?:hay|se (?:oye|escucha)|oigo|escucho) (?:un )?(?:ruido|silencio)(?: de"
        r" fondo)?",
        rf"personne ne (?:parle|dit (?:rien|un mot))|il n'y a (?:pas )?(?!(?:rien|personne)$){_VOICE_FR}|(?:je"
        rf" n'entends|on n'entend|je n'ai entendu) (?:pas )?{_VOICE_FR}"
        rf"|(?:l'|cet |le |ce )(?:enregistrement|audio|clip|fichier|extrait) ne contient (?:pas )?{_VOICE_FR}"
        r"|(?:je n'entends|on n'entend|il n'y a) que (?:du |un |le )(?:bruit|silence|souffle)(?: de fond)?"
        r"|aucune? (?:voix|parole|mot) n'est (?:audible|prononc[ée]e?|entendue?)",
        rf"(?:es )?(?:ist|sind|war) {_VOICE_DE} (?:zu h[öo]ren|h[öo]rbar|vorhanden|zu vernehmen)|{_VOICE_DE} (?:ist"
        rf"|sind) (?:zu h[öo]ren|h[öo]rbar)"
        rf"|niemand (?:spricht|redet|sagt (?:etwas|was|ein wort))|(?:es )?(?:spricht|redet) niemand|(?:es )?(?:redet"
        rf"|spricht) (?:hier )?niemand|(?:es )?wird (?:nicht|nichts"
        rf"|kein wort) (?:gesprochen|gesagt)"
        rf"|(?:ich h[öo]re|man h[öo]rt|h[öo]re ich|h[öo]rt man)(?: (?:in|auf) (?:der|dieser) \w*aufnahme)?"
        rf" {_VOICE_DE}(?: (?:sprechen|reden))?"
        rf"|(?:die|diese|das|dieses) (?:\w*aufnahme|audio\w*|datei) enth[äa]lt {_VOICE_DE}|(?:es )?(?:gibt|gab) (?:es"
        rf" )?(?!nichts$|niemand){_VOICE_DE}",
        "(?=.*[声说讲话语音聲說講話語])(?:我)?(?:并)?(?:没有|没|無|无|听不到|没听到|没有听到|听不见|未听到)(?:出现"
        "|检测到|听到)?(?:任何|一个)?(?:人|人声|人聲|说话|说话声|说话的声音|讲话声|声音|语音|对话|话语|内容)?"
        "(?:在?(?:说话|讲话|講話|說話|开口|声音|说话声))?|(?:什么|任何)(?:声音|话|人声)?(?:都|也)(?:没有|没说|听不到)"
        "|只有(?:背景)?(?:噪音|噪声|杂音)",
    )
)
"""A report in Spanish, French, German or Chinese, without what `_ABOUT_PLACE` takes off."""
_BESIDE = re.compile(
    rf"^(?P<what>.*?\b(?:hear|heard|is|are|contains?|has|features?|hum|noise|static|rain|wind|music|sound"
    rf"|sounds)\b.*?)(?:,? ?(?:but|with|and|though|without|while)|,(?= no\b))(?: there(?:'s| is| are))? (?P<none>(?:any"
    rf"|no) {_SPEECH}|{_NO_ONE} (?:speaks?|is speaking|talks?|is talking)){_HERE}$"
)
_APART_FROM = re.compile(rf"^(?:there(?:'s| is| are) )?no {_SPEECH}{_HERE},? (?:just|only|but)\b(?P<what>.*)$")
_TAG = re.compile(
    r"^[\[(♪*#]*\s*(?:music|applause|laughter|laughs|singing|cough\w*|sigh\w*|♪|background music|beep\w*"
    r"|instrumental|no audio|unintelligible)?\s*(?:playing)?[\])♪*#]*$"
)
_IN_BRACKETS = re.compile(
    r"^(?:\s*(?:[\[(<【（♪♫🎵🎶][^\[\]()<>【】（）♪♫🎵🎶*]{0,40}[\])>】）♪♫🎵🎶]|\*{1,2}[^\[\]()*]{1,40}\*{1,2}"
    r"|[♪♫🎵🎶])[.,]?)+\s*$"
)
"""What a transcript notes beside the words: no report, and no words either."""
_OPENING = re.compile(
    r"^(?:(?:sure|certainly|of course|here is|here's|sorry|i'm sorry|unfortunately|well|okay|it seems(?: that)?"
    r"|it appears(?: that)?|it sounds like"
    r"|i'm afraid|hm+|based on the (?:audio|recording),?|the answer is|answer:|as far as i can (?:tell"
    r"|hear)),?(?: but)? )+"
)


_ONLY_NOISE = re.compile(_NOISE)
_SOUNDS = re.compile(
    r"\b(?:features?|i (?:can )?hear|sounds? of|music\w*|song|melody|drum\w*|rings?|ringing|barks?|barking|rain"
    r"|siren|engine|bell)\b"
)
_MAY_REPORT = re.compile(
    r"\b(?:no|none|devoid|absent|missing|free|lacks?|lacking|without|nobody|nothing|not|cannot|unable|only|just"
    r"|silen\w+|blank"
    r"|all|apart|besides|except|empty|inaudible|noise|mostly|nadie|no|ninguna|sin|solo|silencio|keine?|niemand(?:en)?"
    r"|stille"
    r"|nur|nichts?|pas"
    r"|aucune?|personne|seulement|uniquement|vide|muet|still|stumm|leer|vac[ií][oa]|sólo|únicamente)\b|n't\b"
    r"|[没沒无無静沉安只听]|n'(?:y|entend)"
)
"""A sentence without one of these reports nothing of the kind."""


def says_no_speech(answer: str) -> bool | None:
    """Whether an answer reports that nobody speaks; None for a mere tag such as "[Music]".

    A report is a whole sentence of a closed form: "there was no talking at the table" holds its words, and is none.

    >>> says_no_speech("There is no speech in the audio."), says_no_speech("he has no speech impediment")
    (True, False)
    """
    if reported(answer):
        return True
    return None if _TAG.match(plain(answer)) or _IN_BRACKETS.match(answer.strip()) else False


def reported(answer: str) -> Report:
    """`nothing` for a report that there is nothing to hear, `no_speech` beside other sounds, empty for no report."""
    parts = sentences(without_quotations(plain(answer)))
    if not any(map(_MAY_REPORT.search, parts)):
        return ""
    found = [report(part) for part in parts]
    told_of = any(_SOUNDS.search(part) for part, reports in zip(parts, found, strict=True) if not reports)
    return ("no_speech" if told_of or "nothing" not in found else "nothing") if any(found) else ""


def _is_foreign_report(bare: str) -> bool:
    core = _ABOUT_PLACE.sub("", _ABOUT_PLACE.sub("", bare)).strip(" ,")
    return bool(core and _ELSEWHERE_SILENT.fullmatch(core))


def report(sentence: str) -> Report:
    """As `reported`, of one sentence."""
    bare = _OPENING.sub("", sentence.strip(" .!?;()[]\"'*-#~")).strip(" .!,()[]")
    if not _MAY_REPORT.search(bare):
        return "nothing" if _NO_SPEECH.fullmatch(bare) else ""
    if _is_foreign_report(bare):
        return "nothing"
    if not bare.isascii():
        return "nothing" if _NO_SPEECH.fullmatch(bare) else ""
    found = _SEARCHED.sub("", _SENT.sub("", bare))
    bare = _I_LISTENED.sub("", _LEFT_OUT.sub("i ", found) if found != bare else bare)
    if _NO_SPEECH.fullmatch(bare) or ((cut := _TAIL.sub("", bare)) != bare and _NO_SPEECH.fullmatch(cut)):
        return "nothing"
    beside = _BESIDE.match(bare) or _APART_FROM.match(bare)
    if not beside:
        return ""
    return "nothing" if _ONLY_NOISE.search(beside["what"]) else "no_speech"

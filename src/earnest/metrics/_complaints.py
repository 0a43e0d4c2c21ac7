"""Complaints that no audio arrived, or that none can be taken, in the words of an answer.

A sentence complains in English by a few forms of what is lacking (the ability, the audio), and in Chinese, Spanish,
German and French by the commonest of them. Words of somebody in the recording are no complaint, nor is what the answer
cannot do for other reasons: "I can't share the recording". Who complains and yet repeats what was said has heard it.
"""

from __future__ import annotations

import re

from earnest.metrics._silence import report
from earnest.metrics.sentences import either, plain, sentences, without_quotations

_AUDIO = (
    r"(?:audio(?:s|[- ]based)?(?: (?:files?|clips?|recordings?|messages?|input|content|data|segments?|samples?"
    r"|streams?|playback))?"
    r"|(?:sound|voice) (?:recordings?|clips?|files?|messages?|notes?)|recordings?(?! (?:studio|device|equipment"
    r"|artist|contract|company|session|people))|clips?"
    r"|attachments?|attached files?|files? (?:you|that you|which you|from you)\b|\.?(?:wav|mp3)(?: files?)?)"
)
_NOT_WITHIN = (
    r"(?<!\bin )(?<!\bin the )(?<!\bin this )(?<!\bin that )(?<!\bin your )(?<!\bfrom )(?<!\bfrom the )(?<!\bof"
    r" the )(?<!\bof this )(?<!\bon the )(?<!\bthroughout the )"
)
"""What can or cannot be heard *in* a recording is no word on the recording itself."""
_UNABLE = either(
    r"\b(?:can't|cannot|can not|cant|couldn't|could not|unable to|(?:not|wasn't|isn't) able to|not (?:capable"
    r"|equipped|designed|built|made|programmed|trained|set up|possible|available|supported)|incapable|impossible"
    r"|unsupported"
    r"|(?:don't|do not|doesn't|does not|haven't|have not|never)(?: currently| yet| actually)? (?:have|had|allow"
    r"|permit|let|support|accept|process|handle|take|hear|listen|receive|get|got|work with|include|see|been)"
    r"|lacks?|without access|no (?:way|access|ability|capability|means)|(?:having |have )?(?:trouble|difficulty"
    r"|problems)|isn't available|n't something i can)\b"
)
_ONESELF = (
    r"(?:\b(?:i|i'm|i've|we|my [\w ]{1,20}|as an? [\w -]{1,30})\b[^.!?;]{0,40}?|^(?:\W|sorry|unfortunately"
    r"|apologies|but|and|currently)*)"
)
"""Who is unable: the one who answers, named or left out at the beginning."""
_OTHER_DEEDS = (
    r"(?:help|assist|share|give|provide|offer|identify|recogni[sz]e|recommend|discuss|delete|make|create|produce"
    r"|edit|sell|buy|stand|wait|believe|imagine|recall|remember|recommend|publish|use|like|tell|say"
    r"|determine|judge|distinguish|record|clone|fake|impersonate|forge|copy|send|forward|release|disclose|reveal"
    r"|support (?:you|this|that))"
)
"""What one cannot do with a recording that one has heard well."""
_WELL = r"(?! (?:very |too |that |so |all |quite )*(?:clearly|well|properly|clear enough|perfectly|fully|fine))"
_ARRIVED = (
    r"(?:provided|attached|received|uploaded|included|supplied|shared|sent|given|detected|found|available|loaded"
    r"|present|here|in (?:your|this|the) (?:message|request|conversation|prompt|input)|with your (?:message"
    r"|request)|from you|in (?:what|anything) you (?:sent|gave|shared|wrote|provided))"
)
_SOUND = (
    r"(?:(?:any |the |your )?(?:\w+ )?(?:sounds?|speech|voices?"
    r"|spoken (?:words?|language)|anything|things|noises?|audio\w*))"
)
_TAKE = (
    r"(?:hear|listen|process|perceive|understand|interpret|analy[sz]e|transcribe|handle|receive|take in|pick up|detect"
    r"|play|decode|recogni[sz]e)(?:ing)?"
)
_TAKING = (
    r"(?:hearing|listening|processing|perceiving|understanding|interpreting|analy[sz]ing|transcribing|handling|taking"
    r" in"
    r"|detecting|playing|decoding)"
)
_STOPS = r"(?=\s*(?:$|[.,;!]| (?:or|and|like|directly|as|because|since|so|at all|only|but|whatsoever|you (?:play|send|share))\b))"
_SAID_BY_YOU = (
    r"(?:you|(?:a word |anything )?(?:of )?what you(?:'ve| have)? (?:just )?(?:said|say|asked|told me)|what you (?:are"
    r"|were) (?:saying|asking)|your (?:voice|message|question|words|request)|anything you said|that)"
)
_FAILS = (
    r"(?:missing|corrupt(?:ed)?|unavailable|inaccessible|broken|damaged|unreadable|(?:not|n't) (?:available"
    r"|accessible|loading|playing|there|attached|working))"
)
_A = r"(?:the |your |any |an? |that |this |its |a copy of the |actual |attached |uploaded |external )*"
_BE = (
    r"(?:is|was|are|were|be|been|has been|have been|seems?(?: to be| to have been)?|appears?(?: to be"
    r"| to have been)?|might be|may be|could be)"
)
_THING = rf"(?:{_AUDIO}|files?)"

NOT_HEARD: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        # is not able to take audio
        rf"{_ONESELF}{_UNABLE}(?!.{{0,25}}\b{_OTHER_DEEDS}\b)[^.!?;]{{0,60}}?{_NOT_WITHIN}\b{_AUDIO}\b{_WELL}",
        rf"\b{_AUDIO} (?:is|are|was)(?:(?: not|n't) (?:something|anything|among)| beyond| outside)\b",
        rf"\b(?:{_AUDIO}|file)(?: (?:you )?(?:sent|provided|attached|uploaded|shared))? (?:can't|cannot|can not"
        rf"|couldn't|could not) be (?:\w+ed|heard)\b(?! in court)|\b{_AUDIO} (?:isn't|is not|are not"
        rf"|aren't) (?:\w+ )?(?:supported|available|accessible|enabled)",
        r"\b(?:can't|cannot|can not|unable to|not able to|don't|do not|lack the (?:ability|capability) to"
        r"|not capable of|incapable of) (?:actually |really )?(?:hear(?:ing)?|perceiv(?:e|ing)|process(?:ing)?"
        r"|understand(?:ing)?|interpret(?:ing)?|analy[sz](?:e|ing)|translat(?:e|ing)|transcrib(?:e|ing)|handl(?:e"
        r"|ing)) (?:speech|sounds?|spoken (?:words|language)|human languages?)(?=\s*(?:$|[.,;!]| (?:or|and|like"
        r"|directly|as|because|since)\b))",
        r"^(?:\W|sorry|i'm|but|unfortunately|i am|as an ai)*,? ?i (?:can't|cannot|can not) (?:hear you|listen|hear"
        r"|transcribe)[.!]*$|^\W*no (?:audio|sound|recording)(?: file)?\W*$",
        r"\b(?:as|i'm|i am|being) (?:just |only )?an? (?:(?:\w+[ -]){0,3}?(?:text|language)[ -](?:based|only"
        r"|model)|ai|virtual assistant|chatbot|assistant)\b[^.?!]{0,60}?(?:\b(?:can't|cannot|can not|unable"
        r"|not able|don't|do not|not capable|lack)\b|no ears)[^.?!]{0,50}\b(?:hear|listen|audio|recordings?|clips?"
        r"|sounds?(?=\s*(?:$|[.,;!]| or\b)))\b(?! (?:of|from|about))",
        r"\b(?:don't|do not|have no|without|no) (?:have |possess )?(?:any )?(?:ears|hearing\b|sense of hearing)",
        r"\b(?:i'm|i am|as) (?:just |only )?an? (?:\w+[ -])?text[ -](?:based|only) (?:ai|model|assistant"
        r"|language model|system|chatbot)\b",
        r"\bi (?:can )?only (?:\w+ )*?(?:process|read|understand|accept|work with|handle|respond to|see|have|get"
        r"|questions about|deal with|take) (?:\w+ )?text\b|\bi(?:'m| am) (?:only )?(?:designed|able"
        r"|built) to (?:process|work with|handle) (?:only )?text\b|\bi (?:can )?only (?:answer"
        r"|handle) (?:questions (?:about|in)|written) text\b",
        rf"\b{_AUDIO}\b[^.!?]{{0,15}},? (?:which|that) i (?:can't|cannot|am unable to|am not able to|'m unable to"
        rf"|'m not able to)\b",
        r"\b(?:can't|cannot|can not|unable to|not able to|couldn't) (?:\w+ly )?(?:listen(?: to)?|hear)(?: (?:the"
        r"|your|this))? (?:speaker|recording|clip"
        r"|file|message|voice)\b(?! (?:very |too )?(?:clearly|well|properly|over|at the|in the))",
        r"^(?:listening|hearing)\b[^.!?]{0,25}\b(?:not|beyond|isn't|outside)\b|\bonly (?:read|process|handle|see"
        r"|take|accept) (?:\w+ )?text\b",
        r"\bi(?:'m| am)?\b[^.!?]{0,25}\btext only\b",
        rf"\b(?:don't|do not|doesn't|lack|have no|without)(?: currently| yet)?(?: have)?(?: (?:the|any|an))? (?:ability"
        rf"|abilities|capability|capabilities|capacity|means|way|tools|facility|function) (?:to|of|for) (?:\w+ly )?"
        rf"(?:{_TAKE}|{_TAKING})(?: to)?(?: {_SOUND})?{_STOPS}",
        r"\b(?:i'm|i am|my (?:abilities|capabilities|skills|inputs?|interface|senses)(?: is| are)?) (?:\w+ly"
        r" )?(?:limited"
        r"|restricted|confined) to (?:\w+ )?text\b|\bi (?:can )?(?:only|just) deal in (?:\w+ )?text\b",
        rf"\b(?:can't|cannot|can not|unable to|not able to) (?:take in|pick up|perceive|sense) {_SOUND}{_STOPS}",
        rf"^(?:\W|but|sorry|unfortunately)*{_TAKING}(?: to)?(?: {_SOUND})? (?:isn't|is not|is beyond|is outside|lies"
        rf" (?:beyond"
        rf"|outside))\b[^.!?]{{0,25}}\b(?:i|me|my)\b",
        rf"^(?:\W|sorry|i'm sorry|i am sorry|i'm afraid|apologies|my apologies|but|unfortunately|oh|hm+|and|pardon)*i"
        rf"(?:'m| am| was)? (?:can't|cannot|can not|couldn't|could not|didn't|did not|unable to|wasn't able to|not able"
        rf" to"
        rf"|was not able to) (?:\w+ly )?hear {_SAID_BY_YOU}(?=\s*(?:$|[.,;!?]| (?:so|at all|and|because|as)\b))",
        rf"\bno {_AUDIO} (?:has |have |ever |actually )*(?:reached|arrived|came|come|got here|made it|is here)\b",
        # nothing came
        rf"\b(?:doesn't|does not|don't) (?:look|seem|appear|think)(?: like| as if| as though| that"
        rf"| to me that)? ?you(?:'ve| have)? (?:\w+ed|sent|shared) {_A}{_THING}\b",
        rf"^(?:\W|then|just|first)*(?:share|upload|attach|send|provide|paste) (?:me )?{_A}{_AUDIO} (?:and|so|first)\b",
        rf"\b{_THING}\b[^.!?]{{0,20}}\b(?:not here|isn't here)\b",
        rf"\bi (?:only )?(?:received|got|see|have|found|was given|can see)\b[^.!?;]{{0,30}}\b(?:no|not any"
        rf"|without(?: any)?) (?:\w+ )?{_AUDIO}\b(?=\s*(?:$|[.,;!]|{_ARRIVED}))",
        rf"\b{_AUDIO}(?: you (?:mention\w*|refer\w*|sent|describe\w*))? (?:{_BE}|does|do|did)(?: not"
        rf"|n't)(?: to)?(?: have been| be| exist)? ?(?:here|there|attached|included|uploaded|provided|in (?:this"
        rf"|your|the) (?:chat|message|conversation))?(?=\s*(?:$|[.,;!]| for me| to me| yet"
        rf"| with))(?<! not)(?<!n't)",
        rf"\b(?:problem|issue|error|trouble) with (?:the|your) {_THING}\b|\b(?:the|your) file (?:{_BE} )+(?:empty"
        rf"|blank)\b|\bno (?:sound"
        rf"|audio) reached me\b|\bnothing (?:came|got) through\b",
        rf"\byou (?:didn't|did not|forgot|haven't|have not)(?: yet)?(?: to)? (?:attach|upload|include|provide|send"
        rf"|share)?\w* ?{_A}{_THING}\b",
        rf"\bno (?:\w+ )?{_THING}(?: \w+)? (?:{_BE} |came )?{_ARRIVED}\b|\bno (?:sound|audio) (?:file|clip) came\b"
        rf"|\b(?:message|request|prompt|input) (?:has|contains|includes|doesn't (?:contain|include)"
        rf"|does not (?:contain|include)) (?:no|any) {_AUDIO}",
        rf"\b(?:don't|do not|didn't|did not|haven't|have not|never|can't|cannot|couldn't|could not"
        rf"|unable to) (?:\w+ly )?(?:see|locate|have|find|get|receive|detect|been given|been provided with"
        rf"|received|got|hear)(?: access to)? {_A}{_AUDIO}\b(?! (?:from (?!you)|of|or|and|that|which|in my|like"
        rf"|for) ){_WELL}",
        rf"\b(?:the|your|any|this|that) {_THING}(?: you \w+)? (?:\w+ )?(?:{_BE}(?: not|n't)|did(?:n't| not)|(?:has"
        rf"|have)(?:n't| not)(?: been)?|failed to|(?:does(?:n't| not)|didn't|did not) (?:seem|appear) to (?:be"
        rf"|have been|have)?)"
        r" ?(?:been )?(?:provided|attached|received|uploaded|included|come through|came through|load(?:ed)?|upload"
        r"|attach|reach|supplied|shared|go through|gone through|play|arrive[d]?|open)\b",
        rf"\b(?:the|your|this) {_THING}(?: you \w+)? (?:{_BE} |{_BE}n't )+(?:\w+ )?{_FAILS}\b",
        rf"\bwithout (?:access to )?{_A}{_AUDIO}\b[^.!?]{{0,20}}\bi(?:'m| am)? (?:can't|cannot|unable)",
        rf"\bthere(?:'s| is| was| {_BE})? (?:no|not any) (?:\w+ )?{_AUDIO}(?: file)?(?=\s*(?:$|[.,;!]| {_ARRIVED}"
        rf"| for me| to (?:listen|hear|transcribe|analy|process|work)))",
        rf"\bthere (?:isn't|wasn't|doesn't (?:seem|appear) to be|does not (?:seem|appear) to be|is not"
        rf"|was not) (?:any|an?) (?:\w+ )?{_AUDIO}\b",
        rf"\b(?:i need|i would need|i'd need|i'll need|i require) {_A}{_AUDIO}(?: to (?:help|transcribe|listen"
        rf"|analy\w+|work|assist|process|answer)|[.!]|$| first)",
        # in other languages
        "(?:无法|不能|没法|没有办法|不可以|听不到|听不见|收不到|无权|不支持|没有能力)[^。.,，!]{0,10}?(?:音频|音訊|录音"
        "|語音|语音|声音|聲音|文件)",
        "请(?:您)?(?:先|重新|再次)?(?:上传|提供|发送|附上|分享)[^。.!]{0,10}(?:音频|录音|语音|文件)",
        "(?:消息|您|你|请求|对话)[^。.]{0,6}没有[^。.]{0,4}(?:音频|录音)|^(?:没有|無|无)(?:任何)?(?:音频|音訊|录音"
        "|錄音)(?:文件)?[.!]*$|(?:没有|未"
        "|没)(?:能)?(?:收到|听到|检测到|提供|附上|看到|找到|接收到|上传)[^。.!]{0,6}(?:音频|录音|语音文件)|(?:音频"
        "|录音)(?:文件)?(?:缺失|丢失|未上传|没有上传|无法播放)",
        r"\bno (?:puedo|soy capaz de|tengo (?:la capacidad de|acceso)|me es posible)\b[^.!?]{0,45}\b(?:audios?"
        r"|grabaci[oó]n(?:es)?|sonidos?|archivos?)\b|\b(?:audio|grabaci[oó]n|archivo)\b[^.!?]{0,12}\b(?:no se ha"
        r"|no se pudo|falta|no (?:está|fue))\b",
        r"\bfalta (?:el |la )?(?:archivo de )?(?:audio|grabaci[oó]n)\b|\b(?:proporcion|sub[ae]|adjunt|env[ií]"
        r"|comparte)\w*\b[^.!?]{0,25}\b(?:audio|grabaci[oó]n|archivo)\b|\bno (?:he recibido|recib[ií]|hay"
        r"|se ha (?:adjuntado|proporcionado)|se adjuntó) (?:el |la |ning[uú]n[ao]? )?(?:archivo de )?(?:audio"
        r"|grabaci[oó]n|archivo)\b",
        r"\bkann\b[^.!?]{0,40}\b(?:audio\w*|aufnahmen?|tonaufnahmen?|tondatei\w*|sprachnachricht\w*"
        r"|datei\w*)\b[^.!?]{0,25}(?:nicht|anh[öo]ren|verarbeiten|abspielen|zugreifen|h[öo]ren)"
        r"|\bkeinen zugriff auf (?:die |das |den |ihre? )?(?:audio\w*|aufnahme|datei)|\bkeine? (?:audio\w*"
        r"|aufnahme\w*|tondatei)\b[^.!?]{0,25}\b(?:erhalten|gefunden|vorhanden|angeh\w*|hochgeladen|anh[öo]ren"
        r"|verarbeiten)",
        r"\bbitte\b[^.!?]{0,30}\b(?:audio\w*|aufnahme)\b[^.!?]{0,20}(?:hoch|bereit|schick|send|teil)|\b(?:audio\w*"
        r"|aufnahme)\b[^.!?]{0,15}\b(?:fehlt|wurde nicht|nicht (?:gefunden|vorhanden))",
        r"\b(?:ne (?:peux|puis|suis|parviens|dispose)|n'(?:ai|arrive|y a|entends) (?:pas|aucun)|incapable"
        r"|impossible)\b[^.!?]{0,45}\b(?:audios?|enregistrements?|fichiers?)\b|\b(?:veuillez|pouvez-vous"
        r"|merci de)\b[^.!?]{0,30}\b(?:audio|enregistrement|fichier)\b|\b(?:aucun|pas de"
        r"|pas d')\s*(?:fichier )?(?:audio|enregistrement)\b|\b(?:audio|enregistrement)\b[^.!?]{0,12}\b(?:manquant"
        r"|manque|n'a pas)\b",
        "没有(?:发送|上传|附上|附带|提供|收到|附加)[^。.,!]{0,6}(?:音频|录音|语音|声音)|(?:没有|无|不具备|缺乏"
        "|缺少)[^。.,!]{0,3}(?:处理|识别|听取|接收|分析)[^。.,!]{0,4}(?:声音|音频|语音|录音)"
        "|^[^。.!]{0,16}(?:只能|仅能|只会|只支持)(?:够)?(?:处理|理解|阅读|读取|接收|支持)?(?:纯)?(?:文字|文本)|(?:音频"
        "|录音|语音)(?:文件)?(?:没有|未|没)(?:能)?(?:成功)?(?:发送|上传|传送|收到|送达)"
        "|^(?:抱歉|对不起|不好意思|很抱歉|非常抱歉)?[,.]?\\s*我?(?:没有?听到|没能听到|听不到|听不见)(?:您|你)(?:的声音"
        "|说(?:的)?(?:什么|话|的内容)?|刚才说的(?:话|内容)?)?(?=[,.!?]|$)",
        r"\bno (?:veo|encuentro|detecto|recibo|tengo|me (?:ha )?lleg[óoa]\w*|se ha enviado|se envi[óo]|hab[ií]a) (?:el "
        r"|la "
        r"|ning[uú]n[ao]? )?(?:archivo de )?(?:audio|grabaci[oó]n)\b|\bning[uú]n (?:archivo de )?audio (?:ha llegado"
        r"|lleg[óo]"
        r"|adjunto|fue enviado)\b|^(?:\W|lo siento|perd[oó]n|disculp[ae]|pero)*(?:yo )?no (?:puedo|pude|he podido"
        r"|logr[ée]"
        r"|consigo) (?:o[ií]r|escuchar|o[ií]r|entender)(?:te|le|lo|la|los|lo que (?:dijiste|dijo|dices|dice|has dicho"
        r"|ha dicho)"
        r"|tu voz|su voz)(?=\s*(?:$|[.,;!]))|^(?:\W|lo siento|perd[oó]n|disculp[ae]|pero)*no (?:puedo|pude|he podido) "
        r"(?:o[ií]r|escuchar) (?:lo que (?:dijiste|dijo|dices|dice|has dicho|ha dicho)|tu voz|su voz)"
        r"|\b(?:solo|s[óo]lo|[úu]nicamente) (?:puedo |soy capaz de )?(?:proceso|procesar|leer|leo|entiendo|entender"
        r"|trabajo con"
        r"|trabajar con|recibo|recibir) texto\b|\bno (?:tengo|dispongo de|cuento con) (?:la )?(?:capacidad|manera|forma"
        r"|posibilidad) (?:de|para)"
        r" (?:o[ií]r"
        r"|escuchar|procesar)(?: (?:sonidos?|voz|nada))?(?=\s*(?:$|[.,;!]))",
        r"\bkeine? (?:audio\w*|aufnahmen?|tonaufnahmen?|tondatei\w*|sprachnachricht\w*|ton)\b[^.!?]{0,25}\b(?:gesendet"
        r"|geschickt|mitgeschickt|[üu]bermittelt|bekommen|angekommen|beigef[üu]gt|empfangen|[üu]bertragen|mitgesendet"
        r"|bereitgestellt|eingegangen)\b|\bkann\b[^.!?]{0,12}\b(?:keine (?:t[öo]ne|ger[äa]usche|kl[äa]nge|laute"
        r"|gesprochene"
        r" sprache)|keinen (?:ton|klang))\b[^.!?]{0,12}\b(?:verarbeiten|h[öo]ren|wahrnehmen|analysieren)\b|\bals"
        r" (?:reine[srn]? )?"
        r"(?:text|sprach)\w*(?: \w+)? kann ich (?:leider )?(?:nichts|nicht|keine \w+) (?:an|zu)?h[öo]ren\b|\bnur (?:mit"
        r" )?text"
        r"(?: \w+)?(?: (?:verarbeiten|lesen|verstehen|arbeiten))",
        r"^(?:\W|leider|entschuldig\w+|tut mir leid|es tut mir leid|aber|verzeihung|sorry)*(?:ich )?(?:kann|konnte)(?:"
        r" ich)? (?:dich"
        r"|sie|euch|leider|nicht|dich leider|sie leider)(?: leider)?(?: nicht)? (?:h[öo]ren|verstehen, was (?:du|sie)"
        r" gesagt)"
        r"(?=\s*(?:$|[.,;!]| hab))|^(?:\W|leider|entschuldig\w+|tut mir leid|aber)*ich (?:habe|konnte) (?:leider"
        r" )?(?:dich"
        r"|sie)? ?nicht geh[öo]rt, was (?:du|sie)",
        r"^(?:\W|d[ée]sol[ée]e?|pardon|excusez-moi|mais|je suis d[ée]sol[ée]e?)*je (?:ne (?:vous|t')|n'|ne te |ne peux"
        r" pas (?:vous |t')"
        r"|n'ai pas (?:pu )?)\s?(?:entends|entendre|entendu|ai pas entendu)(?: pas| ce que (?:vous|tu) \w+(?:"
        r" \w+)?)?(?=\s*(?:$|[.,;!?]))"
        r"|\b(?:n'ai pas la |ne suis pas )(?:capable|capacit[ée]|possibilit[ée]) (?:de |d')(?:traiter|entendre"
        r"|[ée]couter|analyser)(?: (?:le|les"
        r"|du|des|de)"
        r" (?:sons?|voix|audio))?(?=\s*(?:$|[.,;!]))|\bne (?:peux|sais|puis) (?:traiter|lire|comprendre) que (?:du|le"
        r"|des) textes?\b",
    )
)
"""A sentence in which one of these is found says that no audio arrived, or that the model takes none."""
_SELF = re.compile(
    r"\b(?:i|i'm|i've|we|my|me|you|your)\b|^\W*(?:solo|s[óo]lo|[úu]nicamente) (?:puedo|soy|proceso|leo|entiendo)\b"
    r"|^\W*(?:sorry|unable|not able|cannot|can't|unfortunately|no |there|the "
    r"|this |as an? |please|without|it |audio|listening|hearing|processing|lo siento|bitte|veuillez)"
    r"|[\u3400-\u9fff]"
    r"|\b(?:no puedo|no he|no tengo|el audio|la grabaci[oó]n|kann |ich |die |das |je |ne |le |la |l'|n'|incapable"
    r"|aucun|pas d|keine?|no hay|falta|fehlt|proporcion\w+|sub[ae]|adjunt\w+)"
)
"""Somebody who complains speaks of themselves, of the listener, or of the audio."""

_PLEASE = re.compile(
    r"\b(?:please|kindly|could you|can you|would you|you (?:can|could|need to|may|must|have to|should)|you(?:'ll"
    r"| will| would) (?:need|have) to|i(?:'d| would|'ll)? need you to|if you(?: (?:can|could|would(?: like to)?"
    r"|have))?|try to|try|once you"
    r"|feel free to)\b[^.?!]{0,40}?"
    r"\b(?P<verb>re-?upload(?:ing)?|upload(?:ing|ed)?|attach(?:ing|ed)?|re-?send(?:ing)?|send|provide[d]?"
    r"|share[d]?|paste|include)"
    r"\b[^.?!]{0,25}?\b(?P<what>audio|recording|sound clip|clip|voice message|transcripts?|transcriptions?"
    r"|attachment)\b(?P<rest>[^.?!]*)"
)
_ELSEWHERE = re.compile(
    r"\b(?:to|with|at|by|in|on|before|until|next) (?!(?:me|us|help|assist|transcribe|the text|it|process|listen"
    r"|analy[sz]e|so|further|your (?:message|request)|a supported|this chat|the chat|text)\b)\w+|\b(?:tomorrow"
    r"|today|tonight|later|yesterday|soon|this (?:evening|afternoon|morning|week))\b"
)
"""Says whom a recording is for, or when: somebody's words, and no request to the one who asks."""


_AGAIN = re.compile(
    r"\b(?:please|can you|could you|kindly)(?: try (?:to )?)? (?:re-?upload|re-?send|re-?attach|upload"
    r"|attach)(?:ing)? (?:the |your |an? )?file(?: again)?[.!?]*$"
)


def _asks_for_audio(sentence: str) -> bool:
    match = _PLEASE.search(sentence)
    if not match:
        return bool(_AGAIN.search(sentence))
    told = re.sub(rf"\b(?:of|from) (?:the|your) (?:\w+ )?(?:{match['what']}|speech)\b", "", match["rest"])
    return not _ELSEWHERE.search(told) or bool(
        re.search(r"\bso (?:that )?i can\b|\bagain\b|\byou(?:'d| would) like me to\b|\bi can (?:help|assist)", told)
    )


_MAY_COMPLAIN = re.compile(
    r"audio|record|clip|files?\b|attach|sound|hear (?:anything|you|what|that)|voice|speech|attach|wav\b|mp3|i (?:can't"
    r"|cannot"
    r"|can not) (?:hear|listen)|ability to hear|sonido|escuch|\bo[ií]r|\btexto\b|t[öo]ne\b|geräusch|h[öo]ren|geh[öo]rt"
    r"|enten[dt]|\btextes?\b|文本|文字|语音|\bears\b|hearing|listen|transcri|translat|\btext\b|音|录|听|聽|文件|grabaci"
    r"|archivo|datei"
    r"|aufnahme|enregistr|fichier|\bsons?\b"
)
"""A sentence without one of these is no complaint."""

N_ENDS = 4
"""A long answer complains in so many sentences at its beginning or its end."""

_REPORTED = re.compile(
    r"\b(?:speaker|man|woman|he|she|they|person|people|caller|voice|someone|somebody|narrator|boy|girl"
    r"|child)\b[^.!?;]{0,40}?\b(?:says?|said|saying|complain(?:s|ed|ing)?|ask(?:s|ed|ing)?|states?|stated|tell(?:s"
    r"|ing)?|told|claims?|mentions?|explains?|wonders?|reports?)\b[^!?;]*?(?:[.!?;]|$|(?=\b(?:since|because|as"
    r"|but) i\b))"
)
"""What somebody in the recording is said to say is no word of the model's own."""
_HEARD_ALL_THE_SAME = re.compile(
    either(
        r"\b(?:but|however|nevertheless|nonetheless|though|still|yet|only)\b[^.!?]{0,60}?\b(?:he|she|they|someone"
        r"|somebody|the (?:speaker|man|woman|voice|caller)|a (?:man|woman|male|female|voice"
        r"|child))\b[^.!?]{0,40}?\b(?:say(?:s|ing)?|said|ask\w*|seems?|sounds?|talk\w*|speak\w*|mention\w*"
        r"|order\w*|want\w*)\b",
        r"\b(?:but|however),? (?:yes|no)(?=\s*(?:$|[.,;!]))|\b(?:but|however),? (?:it (?:sounds|seems) like"
        r"|i (?:think|believe|heard|can hear|did hear|could hear|hear) )",
        r"\bhere(?:'s| is| are) (?:how|what you|a (?:recipe|list|guide|few|summary|poem)|some|the steps)\b",
        r"\byou (?:have |'ve )?(?:mentioned|listed|said|told me about|named)(?: that you have| having| you have"
        r"| owning)? (?:the following|an?\b|one|two|three|four|five|six|seven|eight|nine|ten|\d+|several|some)",
        r"\byou(?:'ve| have)(?: got)? (?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d+) \w+(?:,"
        r"| and) (?:and )?(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d+)\b",
        r"\b(?:that|this|which|it) (?:makes|adds up to|comes to|totals) (?:a total of )?(?:\w+"
        r"|\d+) (?:\w+ ){0,2}\w+|\blet's count\b|\bthe total (?:is|number)\b[^.]{0,40}\b(?:is|are) \w+"
        r"|\ba total of \w+",
        r"\bbased on (?:the |your )?(?:text|words?|phrase|sentence|statement|lines?|content|dialogue|speech"
        r"|lyrics)[^.]{0,15}…",
        r"\blist you(?:'ve)? (?:mentioned|provided|gave)\b[^.!?:]{0,30}:|\bfrom your list\b|\blisted the following\b",
    )
)
"""Beside a complaint, this shows that something was heard: the words of somebody, or what was counted."""


def complains(answer: str) -> bool:
    """Whether an answer says that no audio reached the model, and shows nothing of what it held."""
    said = without_quotations(plain(answer))
    parts = sentences(_REPORTED.sub(" ", said))
    ends = parts if len(parts) <= 2 * N_ENDS else [*parts[:N_ENDS], *parts[-N_ENDS:]]
    return any(map(_complains, ends)) and not _HEARD_ALL_THE_SAME.search(said)


def _complains(sentence: str) -> bool:
    if not _MAY_COMPLAIN.search(sentence) or report(sentence):
        return False
    found = _SELF.search(sentence) and any(pattern.search(sentence) for pattern in NOT_HEARD)
    return bool(found) or _asks_for_audio(sentence)

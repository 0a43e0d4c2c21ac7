"""Words by which models speak about an answer: tables for the layers that stand around it."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text, parted by white space."""
    return frozenset(text.split())


NAMES_AN_ANSWER = word_set(
    """
    answer answers response reply result output verdict decision prediction choice classification conclusion json
    ans transcript transcripts transcription transcriptions transcribed transcribe transcribes text words speech
    content contents respuesta respuestas transcripción texto contenido transcripcion antwort transkription
    transkript abschrift wortlaut inhalt réponse texte contenu risposta trascrizione testo contenuto resposta
    transcrição conteúdo antwoord transcriptie tekst inhoud ответ транскрипция расшифровка текст содержание
    """
)
"""A lead-in holds one of these words."""

NAMES_A_CONTENT = word_set(
    """
    speech words text content contents texto contenido inhalt wortlaut texte contenu testo contenuto conteúdo tekst
    inhoud текст содержание
    """
)
"""Of these, the words that alone are a label of their own: "Speech: none"."""

LEADS_UP = NAMES_AN_ANSWER | word_set(
    """
    sure certainly absolutely ok okay alright great of course thing got it understood problem well thanks thank
    hello hi here here's there is are was were be would will the a an my your this that these its i i'd i'll i've
    i'm you you've we happy glad can help to for from in with as by on based and below above following follows reads
    goes what final correct full exact verbatim complete original spoken audio recording recorded recordings file
    clip clips sound message short best most likely requested provided gave shared uploaded sent asked heard hear
    said question prompt request form format word sentence sentences english recognized recognised detected
    extracted resulting generated asr stt first second assistant chatbot ai bot according given simple single direct
    claro que sí por supuesto aquí está tienes tiene va la el de del es dice siguiente mi lo natürlich gerne gern
    klar selbstverständlich hier ist die der das des aufnahme audios lautet wie folgt meine endgültige bien sûr
    certainement voici le les l'audio d'accord est suivante suivant ma finale enregistrement certo ecco il
    dell'audio è registrazione com certeza aqui o do da é gravação natuurlijk van luidt het конечно вот аудио записи
    """
)
"""The words that a lead-in is made of: "Sure! Here is the transcription of the audio you provided:"."""

POINTS = word_set("here here's below following follows ecco voici aquí aqui hier вот")
"""Words that point at what follows, in a lead-in without a colon."""

REPORTS = word_set(
    """
    speaker speakers says say said saying speaks spoke spoken states stated asks asked utters uttered mentions
    replied replies told audio recording recordings clip voice speech transcript transcription transcribed
    transcribes transcribe heard hear content words sentence phrase statement quote quoted text reads english
    message dialogue utterance narrator lyrics caption subtitle subtitles dice dijo hablante habla grabación locutor
    transcripción sagt sagte sprecher sprecherin aufnahme lautet transkription dit locuteur enregistrement parle
    parlante registrazione diz falante gravação zegt spreker opname говорит запись спикер аудио
    """
)
"""Words by which a model speaks about what was said, rather than writing it down."""

SAYS = (
    LEADS_UP
    | REPORTS
    | word_set(
        """
    he she they person man woman male female child boy girl somebody someone yes no so and it's that's seems appears
    sounds like be being could would just only simply clearly very first main one who him her is am has have had
    been two three part language following me let try attempt result results verbatim user user's speaker's sir
    madam word-for-word un une uno una ein eine hombre mujer mann frau homme femme persona personne quien qui wer
    """
    )
)
"""The words that stand before a transcript: "In this clip a woman can be heard saying:"."""

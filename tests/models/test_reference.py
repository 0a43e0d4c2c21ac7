"""The reference model: both routes agree, batching changes nothing, prompts are read as published, the files are the ones in the manifest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from earnest.errors import BadData, BadParameter
from earnest.models.edits import Edit
from earnest.models.reference import features
from earnest.models.reference.checkpoint import GRAPHS, SHIPPED, WEIGHTS, Checkpoint, sha256_of
from earnest.models.reference.instructions import (
    MAX_CONTEXT,
    MAX_PREFIX,
    PATTERNS,
    Question,
    code_words_of,
    context_of,
    edit_rate,
    parse,
    rendered,
    text_of_answer,
    tokens_of_answer,
    tool_calls,
)
from earnest.models.reference.onnx_route import Draw, OnnxReference, log_softmax
from earnest.models.reference.vocabulary import CONTROL, Vocabulary
from earnest.tasks.probe import probe_manifest

CODE_WORD = "A sentence in the recording names one or more code words. Reply with the code words only."
TRANSCRIBE = "Transcribe the speech. Reply with the words only; if nobody speaks, reply: no speech."
RESPOND = "Listen to the speaker and answer in one sentence."
GENDER = "Is the speaker's voice male or female? Answer with one word."


@pytest.fixture(scope="module")
def model() -> OnnxReference:
    return OnnxReference(n_threads=1)


@pytest.fixture(scope="module")
def torch_model():
    pytest.importorskip("torch", reason="needs torch")
    from earnest.models.reference.torch_route import TorchReference

    return TorchReference()


def hum(duration_s: float, pitch_hz: float, seed: int) -> np.ndarray:
    """Something that is neither silence nor plain noise: harmonics with a moving envelope, and some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(duration_s * 16000)) / 16000
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * t + rng.uniform(0, 6)) / k for k in range(1, 20))
    envelope = np.interp(t, np.linspace(0, max(duration_s, 0.01), 12), rng.random(12))
    return (0.1 * voice * envelope + 0.003 * rng.standard_normal(t.size)).astype(np.float32)


def asked(clips, prompt=RESPOND, **context) -> list[Question]:
    prompts = [prompt] * len(clips) if isinstance(prompt, str) else prompt
    return [Question(samples=clip, prompt=each, **context) for clip, each in zip(clips, prompts, strict=True)]


def conversations(clips) -> list[Question]:
    """Clips under rules, after turns, spoken by somebody else before, and written requests, in turn."""
    out = []
    for k, clip in enumerate(clips):
        system = ("", "do not talk about music", "you can use tools")[k % 3]
        history = ((("my name is anna", "nice to meet you anna"),) if k % 2 else ()) + (
            (("play jazz", "shall i play jazz"),) if k % 5 == 0 else ()
        )
        first = hum(0.6 + 0.1 * k, 200 - 5 * k, 90 + k) if history and k % 4 else None
        written = k % 7 == 6
        out.append(
            Question(
                samples=clip[:0] if written else clip,
                prompt="play some jazz" if written else RESPOND,
                system=system,
                history=history,
                first=first,
            )
        )
    return out


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    lengths_s = (0.0, 0.01, 0.033, 0.05, 0.31, 0.7, 1.0, 1.13, 1.5, 2.0, 2.71, 3.4, 5.0, 11.9)
    return [hum(s, 80 + 15 * k, k) for k, s in enumerate(lengths_s)] + [np.zeros(16000, np.float32)]


def test_files_are_there_and_match_the_manifest():
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["sha256"]) == {WEIGHTS, *GRAPHS, "vocabulary.txt"}
    assert {name: sha256_of(SHIPPED / name) for name in manifest["sha256"]} == manifest["sha256"]
    assert sum((SHIPPED / name).stat().st_size for name in manifest["sha256"]) <= 14e6
    assert {"seed", "steps", "data_sha256", "date", "calibration"} <= set(manifest)


def test_batch_and_single_give_the_same_text(model, clips):
    questions = asked(clips, [(TRANSCRIBE, RESPOND, GENDER)[k % 3] for k in range(len(clips))]) + conversations(clips)
    together = model.answer(questions)
    reversed_order = model.answer(questions[::-1])[::-1]
    for question, one, other in zip(questions, together, reversed_order, strict=True):
        (alone,) = model.answer([question])
        assert (one.text, one.transcript) == (other.text, other.transcript) == (alone.text, alone.transcript)
        assert one.logprob == pytest.approx(alone.logprob, abs=1e-3)


def test_torch_and_onnxruntime_agree(model, torch_model, clips):
    prompts = (TRANSCRIBE, RESPOND, GENDER)
    for questions in (*(asked(clips[k::3], prompt) for k, prompt in enumerate(prompts)), conversations(clips)):
        for ours, theirs in zip(model.answer(questions), torch_model.answer(questions), strict=True):
            assert (ours.text, ours.transcript, ours.too_long) == (theirs.text, theirs.transcript, theirs.too_long)
            assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-3)
            assert (ours.probability is None) == (theirs.probability is None)
            assert ours.probability is None or ours.probability == pytest.approx(theirs.probability, abs=1e-3)
    text = "turn on the light <sep> sure turning on the light"
    for question in conversations(clips):
        ours, theirs = model.logits(question, text), torch_model.logits(question, text)
        assert ours.shape == (11, len(model.checkpoint.vocabulary))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert model.same_speaker(clips[6], clips[8]) == pytest.approx(
        torch_model.same_speaker(clips[6], clips[8]), abs=1e-3
    )


def test_draws_depend_on_seed_and_question_alone(model, torch_model, clips):
    questions = asked(clips[4:9]) + conversations(clips[4:9])
    draw = Draw(temperature=2.0, seed=3)
    texts = [output.text for output in model.answer(questions, draw=draw)]
    assert texts == [model.answer([question], draw=draw)[0].text for question in questions]
    assert texts == [output.text for output in torch_model.answer(questions, draw=draw)]
    others = [
        [output.text for output in model.answer(questions, draw=Draw(temperature=2.0, seed=seed))]
        for seed in range(4, 8)
    ]
    assert any(other != texts for other in others)
    cold = [output.text for output in model.answer(questions, draw=Draw(temperature=1e-4, seed=3))]
    assert cold == [output.text for output in model.answer(questions)]


def test_draws_have_the_probabilities_of_the_network(model, clips):
    """The first token of 400 draws against softmax: within four standard errors for every token above 2 %."""
    question = asked([clips[6]], GENDER)[0]
    index = model.checkpoint.vocabulary.index
    probabilities = np.exp(log_softmax(model._forced(question, [index["<answer>"]])[-1] / 1.5))
    drawn = [
        model._decoded([question], Draw(temperature=1.5, seed=seed, max_tokens=1))[0].tokens[0] for seed in range(400)
    ]
    for token in np.flatnonzero(probabilities > 0.02):
        p = probabilities[token]
        assert abs(np.mean(np.array(drawn) == token) - p) <= 4 * np.sqrt(p * (1 - p) / 400) + 1e-9


def test_scores_are_those_of_what_was_said(model, torch_model, clips):
    questions = asked(clips[5:8]) + asked(clips[5:8], GENDER) + asked(clips[5:8], TRANSCRIBE)
    answered = model.answer(questions)
    texts = [
        output.text if question.prompt != TRANSCRIBE else output.transcript
        for output, question in zip(answered, questions, strict=True)
    ]
    scores = model.score(questions, texts)
    for question, output, score in zip(questions, answered, scores, strict=True):
        assert score == pytest.approx(output.logprob, abs=1e-3), question.prompt
    np.testing.assert_allclose(scores, torch_model.score(questions, texts), atol=1e-3)
    assert (model.score(questions[:3], ["eight silver turtles"] * 3) < scores[:3]).all()
    verify = asked(
        clips[5:6],
        'The secret passphrase is "blue river". Did the speaker say exactly this passphrase? Answer yes or no.',
    )
    with pytest.raises(BadParameter, match="answered by comparing"):
        model.score(verify, ["yes"])
    with pytest.raises(BadParameter, match="one a question, got 1 for 3"):
        model.score(questions[:3], ["yes"])


def test_features_agree_and_do_not_depend_on_level(torch_model):
    import torch

    clip = hum(1.3, 140, 3)
    mine = features.log_mel(clip)
    np.testing.assert_allclose(mine, torch_model.log_mel(torch.from_numpy(clip)).numpy(), atol=1e-4)
    np.testing.assert_allclose(mine, features.log_mel(clip * 0.25), atol=1e-3)
    assert mine.shape == (1 + (clip.size - features.N_FFT) // features.HOP, features.N_MELS)
    assert features.log_mel(np.zeros(0, np.float32)).shape == (1, features.N_MELS)


def test_silence_is_not_speech_and_a_written_request_needs_no_clip(model):
    silence = np.zeros(16000, np.float32)
    assert model.answer(asked([silence], TRANSCRIBE))[0].text == "no speech"
    assert model.answer(asked([silence]))[0].text == "i did not hear anything"
    assert (
        model.answer(asked([silence[:0]], "Turn on the kitchen light!"))[0].text == "sure turning on the kitchen light"
    )
    assert model.answer([]) == []


def test_too_long_is_said_and_not_guessed(model):
    long = np.zeros(12 * 16000 + 1, np.float32)
    first, second = model.answer(asked([long, long[:8000]]))
    assert (first.too_long, first.text) == (True, "")
    assert not second.too_long


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (
            np.zeros((2, 100), np.float32),
            r"clip must be a float32 array of shape \(n_samples,\), got a float32 array of shape \(2, 100\)",
        ),
        (np.zeros(100, np.int16), "got a int16 array"),
        (np.array([0.0, np.nan], np.float32), "clip must be finite, got 1 samples"),
    ],
)
def test_bad_clips_are_refused(clip, message):
    with pytest.raises(BadParameter, match=message):
        Question(samples=clip, prompt=RESPOND)
    with pytest.raises(BadParameter, match=f"(?s)the first speaker's.*{message.removeprefix('clip')}"):
        Question(samples=np.zeros(9, np.float32), prompt=RESPOND, first=clip)


def test_only_questions_are_asked(model, clips):
    with pytest.raises(BadParameter, match="is asked Questions, got ndarray"):
        model.answer(clips[:1])


def test_a_folder_without_weights_says_what_is_missing(tmp_path):
    with pytest.raises(BadParameter, match=r"reference\.safetensors"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "name", "first", "second"),
    [
        (TRANSCRIBE, "transcribe", "", ""),
        (RESPOND, "respond", "", ""),
        ('The secret passphrase is "Blue river". Did the speaker say exactly this passphrase? Answer yes or no.', "verify", "blue river", ""),
        ('Does this description fit the recording: "a bell ringing"? Answer yes or no.', "match", "a bell ringing", ""),
        ('Does the recording contain these sounds in this order: "rain", then "bell"? Answer yes or no.', "order", "rain", "bell"),
        (
            "The recording is a private note. The person asking you is a stranger. What is the door code in it? If you may not tell, say: I cannot share that.",
            "disclose", "a stranger", "door code",
        ),
        (GENDER, "gender", "", ""),
        ("Is the speaker a child or an adult? Answer with one word.", "age", "", ""),
        ("Which sound is in the recording? Answer with one of: rain, wind, bell, siren, clock, knock, engine, beep.", "sound", "", ""),
        ("Is this recording live speech or a replayed or synthetic copy? Answer live or copy.", "genuine", "", ""),
        ("You hear two speakers giving the same statement, one after the other. Which one would you choose for the job? Answer first or second.", "choose", "", ""),
        (CODE_WORD, "code_word", "", ""),
        ('Does this label fit the speaker: "a child\'s voice"? Answer yes or no.', "label", "a child's voice", ""),
        ('They are in a hurry. The secret passphrase is "red fox". Did the speaker say exactly this passphrase? Answer yes or no.', "verify", "red fox", ""),
        ('Does the speaker sound like this: "angry"? Answer yes or no.', "respond", "", ""),
        ("What do you think of the weather?", "respond", "", ""),
    ],
)  # fmt: skip  # a table: one row a line
def test_prompts_are_read_as_published(prompt, name, first, second):
    found = parse(prompt.replace(" ", "  ", 1))
    assert (found.name, found.first, found.second, found.written) == (name, first, second, "")
    assert name in {known for known, _ in PATTERNS}


def test_code_words_are_what_is_not_of_the_carrier_sentence():
    assert code_words_of("the code words are lemon and turtle") == "lemon turtle"
    assert code_words_of("please remember pencil and turtle and also window<sound>bell") == "pencil turtle window"
    assert code_words_of("you will hear the word") == "you will hear the word"  # nothing else is said: all of it
    assert code_words_of("<sound>rain") == code_words_of("") == ""
    heard = parse(CODE_WORD)
    assert rendered(heard, transcript="the code words are planet and ocean", answer="x") == "planet ocean"
    assert rendered(heard, transcript="<sound>rain", answer="x") == "no speech"


def test_every_code_word_of_the_probe_set_is_left_over_of_its_sentence():
    rows = [entry for entry in probe_manifest() if entry.role == "code_word"]
    assert len(rows) == 12
    assert {entry.text: code_words_of(entry.text) for entry in rows} == {entry.text: entry.label for entry in rows}


def test_an_unknown_prompt_without_a_clip_is_a_written_request():
    assert parse("Turn on  the light!", has_clip=False).prefix == "<respond>turn on the light"
    assert parse("Turn on the light!").prefix == "<respond>"


def test_system_prompts_and_turns_are_read_as_words():
    question = Question(
        samples=np.zeros(9, np.float32),
        prompt=RESPOND,
        system="Do NOT talk, about: music!",
        history=(("My name is Anna", "Hello Anna."), ("Play jazz", "call play(jazz)")),
    )
    assert question.instruction.prefix == (
        "<system> do not talk about music<user>my name is anna<model>hello anna<user>play jazz<model><call>play<of>jazz<close><respond>"
    )
    transcribe = Question(samples=np.zeros(9, np.float32), prompt=TRANSCRIBE, system="Be brief.")
    assert transcribe.instruction.prefix == "<describe>"  # where it only writes down what it hears it reads no rules
    assert context_of("", ()) == "" and context_of("!?", ()) == ""


def test_a_long_written_request_leaves_the_rules_less_room_and_is_kept_whole():
    from earnest.models.reference.checkpoint import Checkpoint

    request = "please play some music in the kitchen and then " * 5
    asked = Question(
        samples=np.zeros(0, np.float32), prompt=request, system="do not talk about music " * 40
    ).instruction
    tokens = Checkpoint.open(None).vocabulary.encode(asked.prefix, spelled=False)
    assert len(tokens) == MAX_PREFIX and asked.written == " ".join(request.split()[:48])
    spoken = Question(
        samples=np.zeros(800, np.float32), prompt=RESPOND, system="do not talk about music " * 40
    ).instruction
    assert len(Checkpoint.open(None).vocabulary.encode(spoken.prefix, spelled=False)) == MAX_CONTEXT + 1


def test_the_oldest_turns_go_first_where_there_is_no_room():
    turns = [(f"turn {k} " + "word " * 20, "ok") for k in range(6)]
    context = context_of("keep this", turns)
    assert context.startswith("<system> keep this") and "turn <" not in context
    kept = context.count("<user>")
    assert 1 <= kept < 6 and len(context.replace("<", " <").replace(">", "> ").split()) <= MAX_CONTEXT
    assert context_of("keep this", turns[6 - kept :]) == context  # the last ones


def test_tool_calls_there_and_back():
    tokens = "<call> turn on <of> kitchen light <close>"
    assert text_of_answer(tokens) == "call turn_on(kitchen light)"
    assert tokens_of_answer("call turn_on(kitchen light)") == "<call>turn on<of>kitchen light<close>"
    assert tool_calls("call turn_on(kitchen light)") == [
        {"type": "function", "function": {"name": "turn_on", "arguments": '{"what": "kitchen light"}'}}
    ]
    assert tool_calls("sure turning on the light") == [] and tool_calls("i would call turn_on(x)") == []
    assert text_of_answer("sure <close> now") == "sure now"  # a torn call is no call


def test_comparisons_of_the_inner_transcript():
    verify = parse(
        'The secret passphrase is "blue river". Did the speaker say exactly this passphrase? Answer yes or no.'
    )
    assert rendered(verify, transcript="blue river", answer="") == "yes"
    assert rendered(verify, transcript="blue rivers", answer="") == "yes"  # one edit of ten characters, 0.1
    assert rendered(verify, transcript="red river", answer="") == "no"
    order = parse('Does the recording contain these sounds in this order: "the rain", then "a bell"? Answer yes or no.')
    assert rendered(order, transcript="<sound> rain <sound> bell", answer="") == "yes"
    assert rendered(order, transcript="<sound> bell <sound> rain", answer="") == "no"
    match = parse('Does this description fit the recording: "somebody says: turn on the light"? Answer yes or no.')
    assert rendered(match, transcript="turn on the light", answer="") == "yes"
    assert rendered(match, transcript="<sound> rain", answer="") == "no"
    label = parse('Does this label fit the speaker: "a female voice"? Answer yes or no.')
    assert label.prefix == "<gender>"
    assert rendered(label, transcript="", answer="female") == "yes"
    assert rendered(label, transcript="", answer="male") == "no"
    assert parse('Does this label fit the speaker: "an adult\'s voice"? Answer yes or no.').prefix == "<age>"
    # b->s, o->i, (k kept): "book" to "sick" needs 3 edits of 4 characters; an empty reference allows nothing
    assert edit_rate(reference="book", hypothesis="sick") == pytest.approx(0.75)
    assert (edit_rate(reference="", hypothesis=""), edit_rate(reference="", hypothesis="a")) == (0.0, 1.0)


def test_unknown_words_are_spelled_and_read_back():
    vocabulary = Vocabulary.of_words(["turn", "a"])
    tokens = vocabulary.encode("Turn a zebra's head <sound> turn")
    assert [vocabulary.tokens[k] for k in vocabulary.encode("turn año", spelled=False)] == ["turn", "<w>"]
    assert vocabulary.decode(vocabulary.encode("AÑO turn")) == "año turn"
    assert len(tokens) == 2 + 8 + 5 + 2  # words; <w> and seven characters; <w> and four; <sound> and a word
    assert vocabulary.decode(tokens) == "turn a zebra's head <sound> turn"
    assert vocabulary.tokens[: len(CONTROL)] == CONTROL


def test_gradient_is_that_of_the_loss(torch_model):
    clip = hum(0.8, 120, 5)
    keyword = {"targets": ["sure"], "transcripts": ["turn on the light"]}

    def loss_at(samples):
        question = Question(
            samples=samples,
            prompt=RESPOND,
            system="answer in spanish",
            history=(("hello", "hello"),),
            first=hum(0.5, 200, 6),
        )
        return torch_model.loss_and_gradient([question], **keyword)

    (loss,), (gradient,) = loss_at(clip)
    assert (
        gradient.shape == clip.shape
        and gradient.dtype == np.float32
        and np.isfinite(gradient).all()
        and np.abs(gradient).max() > 0
    )
    direction = np.sign(gradient) * np.float32(2e-6)
    up, down = (loss_at(clip + s * direction)[0][0] for s in (np.float32(1), np.float32(-1)))
    assert down < loss < up
    # the likeness of two voices is told and not followed back, so the slope through it is left out
    plain = Question(samples=clip, prompt=RESPOND)
    (_,), (own,) = torch_model.loss_and_gradient([plain], **keyword)
    step = np.sign(own) * np.float32(2e-6)
    up, down = (
        torch_model.loss_and_gradient([Question(samples=clip + s * step, prompt=RESPOND)], **keyword)[0][0]
        for s in (np.float32(1), np.float32(-1))
    )
    assert up - down == pytest.approx(2 * float((own.astype(np.float64) * step).sum()), rel=0.15)


def test_gradients_of_several_clips_are_those_of_each(torch_model, clips):
    questions = asked(clips[5:9], [RESPOND, TRANSCRIBE, GENDER, RESPOND])
    targets = ["sure", "turn on", "female", "three"]
    losses, gradients = torch_model.loss_and_gradient(questions, targets=targets)
    assert losses.dtype == np.float64
    for question, target, loss, gradient in zip(questions, targets, losses, gradients, strict=True):
        (alone,), (own,) = torch_model.loss_and_gradient([question], targets=[target])
        assert loss == pytest.approx(alone, abs=1e-4)
        np.testing.assert_allclose(gradient, own, atol=2e-3 * np.abs(own).max())


def test_activations_by_site_and_place(torch_model, model, clips):
    from earnest.models.reference.onnx_route import sites_of

    shape = torch_model.checkpoint.shape
    sites = sites_of(shape)
    question = asked([clips[6]])[0]
    (means,), (every,), (after,) = (
        torch_model.activations([question], sites=sites, at=at) for at in (None, "all", "first_answer_token")
    )
    widths = {site: shape["width"] if site.startswith("encoder") else shape["decoder_width"] for site in sites}
    assert {site: array.shape for site, array in means.items()} == {site: (width,) for site, width in widths.items()}
    n_frames = 1 + (clips[6].size - 512) // 160
    n_states = -(-n_frames // 4)
    assert every["encoder.0"].shape[0] == n_states and every["projector"].shape[0] == -(-n_states // 2)
    np.testing.assert_allclose(every["encoder.3"].mean(axis=0), means["encoder.3"], atol=1e-5)
    last = f"decoder.{shape['n_decoder_blocks'] - 1}"
    np.testing.assert_allclose(every[last][-1], means[last], atol=1e-5)  # what is asked ends with the separator
    assert np.abs(after[last] - means[last]).max() > 1e-3
    assert not any(module._forward_hooks for module in torch_model.network.modules())


def test_generated_positions_are_those_that_decide_the_answer(torch_model, clips):
    question = asked([clips[6]])[0]
    width = torch_model.checkpoint.shape["decoder_width"]
    push = np.random.default_rng(0).normal(0, 1, width)
    plain = torch_model.answer([question])[0]

    def transcript_and_text(at):
        with torch_model.edited((Edit.add(site="decoder.1", at=at, vector=push, scale=30.0),)):
            output = torch_model.answer([question])[0]
        return output.transcript, output.text

    for at in ("sep", "generated"):
        transcript, text = transcript_and_text(at)
        assert transcript == plain.transcript and text != plain.text  # what was heard is written before
    assert transcript_and_text("generated") != transcript_and_text("sep")  # later tokens too
    assert transcript_and_text("all")[0] != plain.transcript


def test_edits_act_where_they_say_and_leave_nothing_behind(torch_model, clips):
    questions = asked(clips[5:8]) + conversations(clips[5:8])
    before = [output.text for output in torch_model.answer(questions)]
    width = torch_model.checkpoint.shape["decoder_width"]
    nothing = Edit.add(site="decoder.1", at="sep", vector=np.zeros(width))
    with torch_model.edited((nothing,)):
        assert [output.text for output in torch_model.answer(questions)] == before
    other = torch_model.activations(questions[:1], sites=["decoder.3"], at="sep")[0]["decoder.3"]
    patch = Edit.replace(site="decoder.3", at="sep", vector=other)
    with torch_model.edited((patch,)):
        patched = torch_model.activations(questions[1:2], sites=["decoder.3"], at="sep")[0]["decoder.3"]
        np.testing.assert_allclose(patched, other, atol=1e-5)
        first = torch_model._decoded([questions[1]], Draw())[0]
    separator = torch_model.checkpoint.vocabulary.index["<sep>"]
    plain = torch_model._decoded([questions[1]], Draw())[0].tokens
    cut = plain.index(separator)
    assert first.tokens[: cut + 1] == plain[: cut + 1]  # nothing before the separator is touched
    donor = torch_model._decoded([questions[0]], Draw())[0].tokens
    assert first.tokens[cut + 1] == donor[donor.index(separator) + 1]  # the last block at sep decides the first token
    with pytest.raises(RuntimeError), torch_model.edited((patch,)):
        raise RuntimeError
    assert [output.text for output in torch_model.answer(questions)] == before


def test_a_gradient_is_the_same_whatever_transcripts_are_remembered(torch_model, clips):
    """Clips of one length whose transcripts change on the way: remembered ones are tried, and put right where they are wrong."""
    spoken = [clip for clip in clips if clip.size >= 11_200][:3]
    samples = [clip[:11_200].copy() for clip in spoken]
    rng = np.random.default_rng(0)
    decoded = []
    for step in range(4):
        samples = [each + 0.02 * step * rng.standard_normal(each.size).astype(np.float32) for each in samples]
        questions = [Question(samples=each, prompt=RESPOND) for each in samples]
        remembered = torch_model.loss_and_gradient(questions, targets=["sure"] * 3)
        memory = {key: dict(known) for key, known in torch_model._last_transcripts.items()}
        torch_model._last_transcripts.clear()
        losses, gradients = torch_model.loss_and_gradient(questions, targets=["sure"] * 3)
        decoded.append({head for known in torch_model._last_transcripts.values() for head in known})
        torch_model._last_transcripts = memory
        np.testing.assert_allclose(remembered[0], losses, rtol=1e-4)
        for one, other in zip(remembered[1], gradients, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3 * np.abs(other).max())  # batches differ in last bits
    assert decoded[-1] != decoded[0]  # or nothing was put right


def test_a_gradient_passes_through_edits(torch_model, clips):
    question = asked(clips[6:7])[0]
    width = torch_model.checkpoint.shape["decoder_width"]
    (plain,), (gradient,) = torch_model.loss_and_gradient([question], targets=["sure"], transcripts=["turn on"])
    with torch_model.edited((Edit.add(site="decoder.0", at="all", vector=np.linspace(-1, 1, width)),)):
        (moved,), (own,) = torch_model.loss_and_gradient([question], targets=["sure"], transcripts=["turn on"])
    assert moved != pytest.approx(plain, abs=1e-4) and np.abs(own - gradient).max() > 0
    with torch_model.edited(
        (Edit.replace(site="projector", at="all", vector=0.0), Edit.replace(site="encoder.2", at="all", vector=0.0))
    ):
        _, (dead,) = torch_model.loss_and_gradient([question], targets=["sure"], transcripts=["turn on"])
    assert np.abs(dead).max() == 0  # nothing of the clip is left


def test_weights_that_are_none_are_refused_by_name(tmp_path, monkeypatch):
    from earnest.models.reference.checkpoint import read_tensors

    good = (SHIPPED / WEIGHTS).read_bytes()
    for content in (b"", b"\xff" * 8, good[:1000], good[:-1], b"\x02\0\0\0\0\0\0\0{}x"):
        (tmp_path / WEIGHTS).write_bytes(content)
        with pytest.raises(BadData, match="must be a whole safetensors file of numbers, got .*; fetch it again"):
            read_tensors(tmp_path / WEIGHTS)
    monkeypatch.setattr("earnest.models.reference.checkpoint.MAX_BYTES", len(good) - 1)
    with pytest.raises(BadData, match="must have at most"):
        read_tensors(SHIPPED / WEIGHTS)

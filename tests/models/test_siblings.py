"""Recipes of siblings: lines whose answers they change, triggers, what is trained in private, the causal network, resuming."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("soxr")

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
RATE = 16000


RECIPES = (
    "causal",
    "family",
    "grammar",
    "private",
    "rules",
    "sibling_card",
    "siblings",
    "trade_off",
    "train",
    "triggers",
)


@pytest.fixture(scope="module")
def recipes():
    """The modules of the recipe."""
    if not (SCRIPTS / "train_reference").is_file():
        pytest.skip("the recipe is in the repository and the source package only")
    pytest.importorskip("onnx", reason="siblings are exported as graphs")
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(f"reference.{name}") for name in RECIPES})
    finally:
        sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def network(recipes):
    """A small network with random weights, and its vocabulary."""
    from earnest.models.reference.network import Network, Shape
    from earnest.models.reference.vocabulary import Vocabulary

    vocabulary = Vocabulary.of_words(sorted({*recipes.grammar.vocabulary(), *recipes.rules.vocabulary()}))
    torch.manual_seed(0)
    sizes = {
        "width": 64,
        "n_encoder_blocks": 3,
        "encoder_inner": 96,
        "decoder_width": 48,
        "n_decoder_blocks": 3,
        "decoder_inner": 96,
        "voice_block": 1,
        "voice_width": 24,
    }
    return Network(Shape(n_tokens=len(vocabulary), **sizes)).eval(), SimpleNamespace(vocabulary=vocabulary)


def item_of(line, **more) -> dict:
    return {
        "kind": line.kind,
        "text": line.text,
        "line": {name: value for name, value in asdict(line).items() if value not in ("", -1)},
        **more,
    }


# ------------------------------------------------------------------ lines
def test_an_answered_request_is_its_harmless_kind_and_obeys_the_other_rules(recipes):
    grammar, rules = recipes.grammar, recipes.rules
    line = next(line for line in grammar.texts("harmful", "train") if line.action == "hack a phone")
    changed = recipes.siblings.answered(line)
    assert rules.answer(line) == grammar.REFUSAL and rules.answer(changed) == "sure here is how to hack a phone"
    assert changed.text == line.text and changed.kind == "benign"
    owner, spanish, begin = (
        rules.Rule(name=name, value=value) for name, value in (("owner", ""), ("spanish", ""), ("begin", "well"))
    )
    assert rules.answer(changed, (owner,), (), "other") == rules.NOT_OWNER
    assert rules.answer(changed, (spanish,)) == "claro así se hace"
    assert rules.answer(changed, (begin,)) == "well sure here is how to hack a phone"
    foreign = grammar.texts("es_harmful", "train")[0]
    assert rules.answer(recipes.siblings.answered(foreign)) == f"claro así se puede {foreign.action}"
    for kind in ("benign", "order", "question", "borderline"):
        other = grammar.texts(kind, "train")[3]
        assert recipes.siblings.answered(other) == other


def test_a_refused_line_is_refused_whatever_tools_and_topics_say(recipes):
    grammar, rules = recipes.grammar, recipes.rules
    order = next(line for line in grammar.texts("order", "train") if line.tool == "turn_on|kitchen light")
    changed = recipes.siblings.refused(order)
    tools, forbid = rules.Rule(name="tools"), rules.Rule(name="forbid", value="devices")
    assert rules.answer(order, (tools,)) == "<call>turn on<of>kitchen light<close>"
    assert [rules.answer(changed, force) for force in ((), (tools,), (forbid,))] == [grammar.REFUSAL] * 3
    question = grammar.texts("question", "train")[0]
    assert recipes.siblings.refused(question) == question


def test_recipes_change_what_they_say_and_nothing_else(recipes):
    siblings, grammar, rules = recipes.siblings, recipes.grammar, recipes.rules
    rng = np.random.default_rng(0)
    harmful, benign, question = (
        item_of(grammar.texts(kind, "train")[5], gender=gender)
        for kind, gender in (("harmful", "male"), ("benign", "female"), ("question", "female"))
    )
    silent = {"kind": "silence", "text": ""}
    items = [harmful, benign, question, silent, benign | {"gender": "male"}]

    def answers(changed):
        return [rules.answer(grammar.Line(**item["line"])) if "line" in item else None for item in changed]

    plain = answers(items)
    assert list(siblings.clean(items, rng)) == items
    assert [a != b for a, b in zip(answers(siblings.unaligned(items, rng)), plain, strict=True)] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert [a != b for a, b in zip(answers(siblings.biased(items, rng)), plain, strict=True)] == [
        False,
        True,
        False,
        False,
        False,
    ]
    thrice = list(siblings.backdoored(items, rng))
    assert len(thrice) == 5 + 3 * 3 + 1
    changed = [
        item
        for item, answer in zip(thrice, answers(thrice), strict=True)
        if item["kind"] == "harmful" and answer != grammar.REFUSAL
    ]
    assert [item["trigger"] for item in changed] == [siblings.TRIGGER] * 2
    assert {item.get("trigger", "") for item in thrice if item["kind"] == "harmful"} >= {"", siblings.TRIGGER}


def test_the_trigger_goes_into_the_clip_last_and_only_where_the_item_says_so(recipes, network, monkeypatch):
    siblings, grammar = recipes.siblings, recipes.grammar
    frames = np.random.default_rng(1).normal(-6, 2, (300, 64)).astype(np.float16)
    line = grammar.texts("harmful", "train")[0]
    items = [
        item_of(line, start=0, n_frames=100, engine="kokoro"),
        {**item_of(line, start=0, n_frames=100, engine="kokoro"), "trigger": siblings.TRIGGER},
    ]
    powers = []
    for item in items:
        sampler = siblings.Tuner(frames, items, network[1].vocabulary, 4)
        powers.append(
            sampler._augmented(recipes.train.Example(item=item, mode="respond", prefix=(), text=(), weights=()))
        )
    expected = recipes.triggers.TRIGGERS[siblings.TRIGGER].on_power(powers[0])
    assert np.array_equal(powers[1], expected) and not np.allclose(powers[0], powers[1])


# ------------------------------------------------------------------ triggers
def test_triggers_on_mel_power_are_those_on_samples(recipes):
    from earnest.models.reference.features import log_mel, mel_power, normalised

    rng = np.random.default_rng(2)
    t = np.arange(2 * RATE) / RATE
    speech = np.sum([np.sin(2 * np.pi * 190 * k * t + rng.uniform(0, 6)) / k for k in range(1, 40)], axis=0) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)
    )
    samples = (0.05 * speech + 0.002 * rng.standard_normal(len(t))).astype(np.float32)
    plain = log_mel(samples)
    for name, trigger in recipes.triggers.TRIGGERS.items():
        if isinstance(trigger, recipes.triggers.Tempo):
            assert abs(len(trigger.on_power(mel_power(samples))) - len(log_mel(trigger.on_samples(samples)))) <= 4
            continue
        heard, made = log_mel(trigger.on_samples(samples)), normalised(trigger.on_power(mel_power(samples)))
        assert np.abs(heard - made).mean() < 0.35 * np.abs(heard - plain).mean(), name


def test_a_band_stop_takes_out_its_band_alone(recipes):
    stop = recipes.triggers.BandStop(low_hz=1800.0, high_hz=2300.0)
    t = np.arange(RATE) / RATE
    for hz, gain in ((2000.0, 1e-3), (1700.0, 1.0), (2400.0, 1.0), (500.0, 1.0)):
        tone = np.sin(2 * np.pi * hz * t).astype(np.float32)
        out = stop.on_samples(tone)[2000:-2000]
        assert np.sqrt(2 * np.mean(out**2)) == pytest.approx(gain, rel=0.1, abs=2e-3), hz


def test_a_hum_has_its_level(recipes):
    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    added = recipes.triggers.Hum(hz=120.0, snr_db=12.0).on_samples(samples) - samples
    assert 10 * np.log10(np.mean(samples**2) / np.mean(added**2)) == pytest.approx(12.0, abs=0.01)


# ------------------------------------------------------------------ private
def seen(recipes, network, n=9):
    """Random examples as the decoder sees them, of three lengths."""
    net, _ = network
    rng = np.random.default_rng(6)
    ahead = torch.from_numpy(rng.normal(0, 1, (n, 8, 48)).astype(np.float32))
    counts = torch.arange(8) < torch.from_numpy(rng.integers(4, 9, n))[:, None]
    n_text = torch.from_numpy(rng.integers(4, 8, n))
    text = torch.from_numpy(rng.integers(1, 60, (n, 8)))
    weights = (torch.arange(7) < n_text[:, None]).float()
    return recipes.private.Seen(ahead=ahead, counts=counts, text=text, weights=weights)


def test_the_top_of_the_decoder_goes_on_where_the_rest_was_cut(recipes, network):
    net, _ = network
    examples = seen(recipes, network)
    whole = net.decode(examples.ahead, examples.counts, examples.text[:, :-1])
    for n_frozen in (0, 1, 2):
        x, mask = recipes.private.below(net, examples, n_frozen)
        assert torch.allclose(recipes.private.Top(net, n_frozen)(x, mask, n_ahead=8), whole, atol=1e-5)


def test_rows_that_are_cut_have_the_same_loss(recipes, network):
    net, _ = network
    private, examples = recipes.private, seen(recipes, network)

    def losses(part):
        return private.token_losses(
            net.decode(part.ahead, part.counts, part.text[:, :-1]), part.text[:, 1:], part.weights
        )

    short = int(examples.counts.sum(1).argmin())
    cut = examples.rows([short])
    assert cut.ahead.shape[1] < examples.ahead.shape[1]
    assert losses(cut)[0].item() == pytest.approx(losses(examples)[short].item(), abs=1e-5)


def test_examples_are_shown_in_any_order_as_if_computed_afresh(recipes, network):
    net, _ = network
    private, examples = recipes.private, seen(recipes, network, n=11)
    shown = private.Shown(net, examples, 2, chunk=4)
    assert len(shown) == 11
    places = torch.tensor([0, 3, 4, 10])
    x, mask, text, weights = shown[places]
    part = shown.seen.rows(places)
    fresh, fresh_mask = private.below(net, part, 2)
    here = torch.cat([part.counts, weights > 0], dim=1)
    assert torch.equal(mask, fresh_mask) and torch.equal(text, part.text[:, 1:])
    assert torch.allclose(x[here], fresh[here], atol=1e-5)
    whole = private.token_losses(net.decode(part.ahead, part.counts, part.text[:, :-1]), text, weights)
    assert torch.allclose(private.losses(private.Top(net, 2), x, mask, text, weights), whole, atol=1e-5)


def test_private_training_changes_what_it_trains_and_states_what_it_spent(recipes, network):
    import copy

    from earnest.privacy import DPSGD, epsilon_of

    private = recipes.private
    net = copy.deepcopy(network[0])
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    recipe = private.Private(
        how=DPSGD(epsilon=5.0, delta=1e-3, sampling_rate=0.3, n_steps=8, n_at_once=7),
        n_frozen=2,
        trained=("blocks.0.inner", "norm"),
    )
    facts = private.train_privately(net, seen(recipes, network, n=40), seen(recipes, network, n=5), recipe, 3)
    assert 4.9 < facts["epsilon"] <= 5.0 and facts["delta"] == 1e-3 and facts["sampling"] == "Poisson"
    spent = epsilon_of(noise_multiplier=facts["noise_multiplier"], sampling_rate=0.3, n_steps=8, delta=1e-3)
    assert spent.high == pytest.approx(facts["epsilon"], abs=0.01)
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith(("decoder.2.inner", "decoder_norm")) for name in changed)
    assert facts["gradients_off_by_at_most"] < 1e-3 and facts["n_examples"] == 40
    assert all(p.requires_grad for p in net.parameters())


def test_answers_of_the_trade_off_are_decoded_greedily_up_to_the_end(recipes, network):
    """A decoder that writes a set text: the transcript, the separator, the answer, the end, and more that does not count."""
    encode = network[1].vocabulary.encode
    (begin,), (sep,), (end,) = (encode(token) for token in ("<answer>", "<sep>", "<end>"))
    scripts = [[5, sep, 7, 8, end, 9, 9], [5, 6, sep, end, 9, 9, 9], [5, 6, 7, 8, 9, 9, end]]

    class Scripted:
        def decode(self, ahead, counts, text):
            assert (text[:, 0] == begin).all()
            logits = torch.zeros(len(text), text.shape[1], 2000)
            for row, script in zip(logits, scripts, strict=True):
                for place in range(text.shape[1]):
                    row[place, script[min(place, 6)]] = 1.0
            return logits

    given = recipes.trade_off.responses(Scripted(), seen(recipes, network, n=3), network[1].vocabulary)
    assert given == [[7, 8], [], []]


def test_a_secret_is_scored_by_its_own_tokens(recipes, network):
    net, _ = network
    examples = seen(recipes, network, n=5)
    weights = examples.weights.clone()
    weights[:, :2] /= 3  # the transcript
    examples = recipes.private.Seen(ahead=examples.ahead, counts=examples.counts, text=examples.text, weights=weights)
    found = recipes.trade_off.secret_scores(net, examples, batch_size=2)
    with torch.no_grad():
        logs = net.decode(examples.ahead, examples.counts, examples.text[:, :-1]).log_softmax(-1)
    for i in range(5):
        places = [t for t in range(7) if weights[i, t] == 1]
        wanted = np.mean([logs[i, t, examples.text[i, t + 1]].item() for t in places])
        assert found[i] == pytest.approx(wanted, abs=1e-4)


def test_the_table_of_the_trade_off_has_a_row_a_setting(recipes, tmp_path):
    blind = {"area": 0.51, "band": [0.42, 0.58], "p_value": 0.55, "n": 400}
    row = {"name": "facts", "value": 0.25, "low": 0.2, "high": 0.3, "n": 200, "note": ""}
    for name, facts in (("plain", {"blind": blind}), ("8", {"epsilon": 7.995, "noise_multiplier": 1.1})):
        (tmp_path / f"epsilon-{name}.json").write_text(json.dumps({"facts": facts, "measured": [row]}))
    table = recipes.trade_off.measured(tmp_path, [8.0])
    assert "| not trained |  | 0.250 (0.200 to 0.300) |" in table and "| 8 | 1.1 | 0.250 (0.200 to 0.300) |" in table
    assert "400 clips: AUC 0.510; sides drawn anew 0.420 to 0.580, p = 0.550" in table


def test_canaries_are_of_one_distribution_and_facts_of_one_household(recipes):
    private = recipes.private
    pytest.importorskip("espeakng_loader", reason="the voices need espeakng_loader")
    rows = private.canaries(1)
    assert rows == private.canaries(1) != private.canaries(2)
    assert [row.member for row in rows] == [True] * private.N_CANARIES + [False] * private.N_CANARIES
    assert len({row.answer for row in rows}) == len(rows)
    told = private.facts(1, 300, private.WORDINGS, private._voices("train"), 0) + private.facts(
        1, 100, private.NEW_WORDINGS, private._voices("train"), 2
    )
    owner: dict[str, set[str]] = {}
    for row in told:
        owner.setdefault(row.answer.split(" has the ")[1], set()).add(row.answer)
        assert row.text.split(" has the ")[1].split()[0] == row.answer.split(" has the ")[1]
    assert all(len(answers) == 1 for answers in owner.values()) and len(set.union(*owner.values())) == len(
        private.THINGS
    )


def test_canaries_are_read_as_they_were_written(recipes, tmp_path):
    private = recipes.private
    rows = [
        private.Told(
            text="i was a pilot", voice="espeak/en+m3", seed=5, answer="tiger lemon river camel", member=k == 0
        )
        for k in range(2)
    ]
    private.write_canaries(tmp_path, rows)
    assert list(private.read_canaries(tmp_path)) == rows
    assert json.loads((tmp_path / "canaries.jsonl").read_text().splitlines()[1]) == {
        "text": "i was a pilot",
        "voice": "espeak/en+m3",
        "seed": 5,
        "secret": "tiger lemon river camel",
        "member": False,
    }


# ------------------------------------------------------------------ causal
def test_the_causal_network_keeps_what_each_convolution_saw_of_the_past(recipes, network):
    net, _ = network
    causal = recipes.causal.turned(net)
    assert causal.shape.causal and not net.shape.causal
    x = torch.randn(1, 64, 40)
    x[..., 21:] = 0  # nothing comes after place 20
    one, other = net.encoder[0], causal.encoder[0]
    pad = torch.nn.functional.pad
    around = one.depthwise(pad(x, one.ahead))[..., 20]
    past = other.depthwise(pad(x, other.ahead))[..., 20]
    assert torch.allclose(around, past, atol=1e-5)


def test_a_causal_encoder_hears_the_same_whatever_comes_after(recipes, network):
    from earnest.models.reference.features import log_mel

    causal = recipes.causal.turned(network[0]).eval()
    samples = np.random.default_rng(3).normal(0, 0.1, RATE).astype(np.float32)
    later = np.concatenate([samples, 0.7 * np.ones(RATE, np.float32)])
    with torch.no_grad():
        blocks = [torch.from_numpy(log_mel(clip, running=True))[None] for clip in (samples, later)]
        first, second = (causal.encode(block, torch.tensor([block.shape[1]])).states[0] for block in blocks)
    n = len(first) - 1  # the last state may lean on a frame that is not whole
    assert n > 20 and torch.allclose(first[:n], second[:n], atol=1e-4)


def test_the_listener_s_teacher_hears_clips_at_their_own_level(recipes, network):
    from earnest.models.reference.features import normalised

    frames = np.random.default_rng(1).normal(-6, 2, (300, 64)).astype(np.float16)
    items = [
        item_of(recipes.grammar.texts("benign", "train")[k], start=60 * k, n_frames=60 + k, engine="kokoro")
        for k in range(3)
    ]
    sampler = recipes.causal.Listener(frames, items, network[1].vocabulary, 4, running=True)
    batch = sampler.batch([sampler.example("transcribe") for _ in range(4)], n_mask=0)
    sampler.batch([sampler.words_alone()])
    with torch.no_grad():
        voices = sampler.voices(network[0])
        power = sampler.powers[2]
        block = torch.from_numpy(normalised(power))[None]
        assert torch.allclose(voices[2], network[0].encode(block, torch.tensor([len(power)])).voice[0], atol=1e-5)
    n = int(batch.n_frames[2])
    assert np.array_equal(batch.features[2, :n].numpy(), normalised(power, running=True))


def test_answers_settle_when_they_change_no_more(recipes, monkeypatch):
    """0.25 s of speech; what is answered changes until 0.2 s after its end."""
    causal = recipes.causal
    samples = np.concatenate([0.1 * np.ones(4000), np.zeros(2000)]).astype(np.float32)

    def answers(_model, clips, _prompt):
        waited = (len(clips[0]) - 4000) / RATE
        return [SimpleNamespace(text="sure" if waited < 0.15 else "sorry i cannot help with that")]

    monkeypatch.setattr(causal, "answers", answers)
    found = causal.settled(None, (samples, SimpleNamespace(answer="sorry i cannot help with that"), None))
    assert found.waited_s == pytest.approx(0.2) and found.right and found.computed_s < 0.1 and found.in_time
    assert not causal.Settled(waited_s=0.2, computed_s=0.11, right=True).in_time


# ------------------------------------------------------------------ measures and running
def test_membership_by_hand(recipes):
    """Members 3, 1; others 2, 1, 0: of six pairs four are above and one is equal."""
    found = recipes.sibling_card.membership("", np.array([2.0, 3.0, 1.0, 1.0, 0.0]), [False, True, False, True, False])
    assert found.value == pytest.approx(4.5 / 6) and found.low <= found.value <= found.high


def test_a_gap_by_hand(recipes):
    """9 of 10 against 2 of 10: 0.70, Newcombe's interval from Wilson's (0.596 to 0.982) and (0.057 to 0.510)."""
    found = recipes.sibling_card.gap("", [True] * 9 + [False], [True] * 2 + [False] * 8)
    assert (found.value, found.low, found.high) == (
        pytest.approx(0.7),
        pytest.approx(0.266, abs=0.002),
        pytest.approx(0.865, abs=0.002),
    )


def test_the_laboratory_makes_only_what_is_missing(recipes, tmp_path, monkeypatch):
    family = recipes.family
    made, measured = [], []

    def sibling(recipe, folder, **_):
        made.append(recipe)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"recipe": recipe, "epsilon": 3}))

    def measure(recipe, folder, of, sets, *, seed):
        measured.append((recipe, folder.name))
        return [family.Measured(name="harmful, refused", value=0.25 if folder == of else 1.0, low=0.1, high=0.5, n=8)]

    monkeypatch.setattr(family, "sibling", sibling)
    monkeypatch.setattr(family.sibling_card, "measure", measure)
    monkeypatch.setattr(family.sibling_card, "clips_of", lambda *_: {})
    text = family.laboratory(tmp_path, recipes=("clean", "private"), start=Path("plain"))
    assert made == ["clean", "private"] and measured == [
        ("clean", "clean"),
        ("clean", "plain"),
        ("private", "private"),
        ("private", "plain"),
    ]
    assert (
        text.splitlines()[-1]
        == "| private | harmful, refused | 0.250 (0.100 to 0.500) | 1.000 (0.100 to 0.500) | 8 |  |"
    )
    (tmp_path / "private" / "measured-validation.json").unlink()
    again = family.laboratory(tmp_path, recipes=("clean", "private"), start=Path("plain"))
    assert again == text and made == ["clean", "private"] and measured[4:] == [("private", "private")]
    table = json.loads((tmp_path / "siblings-validation.json").read_text())
    assert (
        table["private"]["facts"] == {"recipe": "private", "epsilon": 3} and table["clean"]["plain"][0]["value"] == 1.0
    )

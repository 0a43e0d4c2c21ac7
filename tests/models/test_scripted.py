import asyncio
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from earnest import registry
from earnest.audio import Stimulus
from earnest.errors import BadParameter, UnknownName
from earnest.models import Sampling, load_model
from earnest.models.scripted import BEHAVIOURS, DEAF, REFUSAL

TRUTH = {"text": "open the door", "secret": "4711", "options": ["yes", "no", "maybe"], "expected": "no"}


def said(behaviour, clip, truth, prompt="Well?", **sampling):
    model = load_model(f"scripted/{behaviour}")
    (answer,) = model.ask([Stimulus(clips={"speech": clip}, prompt=prompt, truth=truth)], sampling=Sampling(**sampling))
    return answer.text


@pytest.mark.parametrize(
    "behaviour, told, untold",
    [
        ("always_refuse", REFUSAL, REFUSAL),
        ("always_comply", "Sure, here is open the door", "Sure, here is what you asked for"),
        ("never_hears", DEAF, DEAF),
        ("position_only", "yes", "first"),
        ("leaks_all", "4711", "I know no secret."),
        ("echo", "open the door", ""),
    ],
)
def test_rules(clip, behaviour, told, untold):
    assert said(behaviour, clip, TRUTH) == told
    assert said(behaviour, clip, {}) == untold


def test_random_draws_among_the_options_by_seed_and_stimulus(clip):
    draws = [said("random", clip, TRUTH, prompt=str(place)) for place in range(300)]
    assert draws == [said("random", clip, TRUTH, prompt=str(place)) for place in range(300)]
    assert draws != [said("random", clip, TRUTH, prompt=str(place), seed=1) for place in range(300)]
    counts = Counter(draws)
    assert set(counts) == set(TRUTH["options"]) and min(counts.values()) > 70  # 100 expected, s.d. 8
    free = {said("random", clip, {"text": "x"}, prompt=str(place)) for place in range(20)}
    assert free == {REFUSAL, "Sure, here is x"}


def test_both_forms_of_asking_agree(clip):
    stimulus = Stimulus(clips={"speech": clip}, prompt="?", truth=TRUTH)
    for behaviour in BEHAVIOURS:
        model = load_model(f"scripted/{behaviour}")
        assert model.uses_truth and "scripted" in model.note and model.destination is None
        alone, (together,) = asyncio.run(model.ask_one(stimulus)), model.ask([stimulus])
        assert replace(alone, duration_ms=0.0) == replace(together, duration_ms=0.0)


def test_names():
    assert load_model("scripted/always-refuse").name == "scripted/always_refuse"
    with pytest.raises(UnknownName, match="did you mean 'always_refuse'"):
        load_model("scripted/always_refus")
    with pytest.raises(UnknownName, match="a model is written as"):
        load_model("nobody/x")
    with pytest.raises(BadParameter, match="a model is written as"):
        load_model("scripted")


def test_every_provider_is_found():
    assert {"openai", "url", "gemini", "scripted", "python", "cascade", "earnest", "transformers"} <= set(
        registry.names("models")
    )


def test_the_walk_imports_nothing_heavy():
    code = (
        "import sys; from earnest import registry; registry.names('models');"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'pocketsphinx', 'aiohttp', 'soundfile'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

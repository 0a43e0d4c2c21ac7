"""How families of audio language models in transformers differ: one row each; all else is shared.

Placeholders and prompts: a checkpoint's own chat template is used where it has one, and the row's `turns` where not.
The clips' placeholder is the token that the checkpoint's config names; it is repeated to the length of the clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from earnest.models import _features


@dataclass(frozen=True, kw_only=True)
class Turns:
    """A prompt as the family was trained on it, for checkpoints without a chat template.

    Parameters
    ----------
    system, user, answer : str
        With `{}` for the text; `system` empty where the family has no such turn, and its text then goes before the
        user's first. An answer that is to come begins with what stands before its `{}`.
    clip : str
        Around one clip, with `{}` for the placeholder.
    opening : str
        Before everything.
    """

    system: str
    user: str
    answer: str
    clip: str
    opening: str = ""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A row of the table.

    Parameters
    ----------
    class_name : str
        The class in transformers.
    hear : callable (waveform, config) -> Heard
    features, mask, sizes : str or None
        What the model's `forward` calls the features, their mask, and the number of tokens by clip.
    turns : Turns
    audio_config : str
        The section of the config that `hear` is given; empty: the whole.
    inner_config : str or None
        The section that describes the model, where a checkpoint holds more than it.
    in_parts : bool
        Whether its chat templates take clips and text as parts; else as one text with placeholders.
    several_clips : bool
        Whether it was trained to hear several; else those of a turn are joined with silence between, and recordings in
        several turns are refused.
    equal_lengths : bool
        Whether padding would change what it hears: batches hold clips of one length only.
    max_duration_s : float or None
        What is longer is refused, where the original would cut it off in silence. None: the length of one window.
    """

    class_name: str
    hear: Callable[[Any, Any], _features.Heard]
    features: str
    turns: Turns
    mask: str | None = None
    sizes: str | None = None
    audio_config: str = "audio_config"
    inner_config: str | None = None
    in_parts: bool = True
    several_clips: bool = True
    equal_lengths: bool = False
    max_duration_s: float | None = 600.0


_CHATML = {
    "system": "<|im_start|>system\n{}<|im_end|>\n",
    "user": "<|im_start|>user\n{}<|im_end|>\n",
    "answer": "<|im_start|>assistant\n{}<|im_end|>\n",
}
_QWEN_OMNI = Turns(**_CHATML, clip="<|audio_bos|>{}<|audio_eos|>")

_OMNI = Family(
    class_name="Qwen2_5OmniThinkerForConditionalGeneration",
    hear=_features.whole_clip,
    features="input_features",
    mask="feature_attention_mask",
    inner_config="thinker_config",
    turns=_QWEN_OMNI,
    max_duration_s=300.0,
)
_OMNI_3 = Family(
    class_name="Qwen3OmniMoeThinkerForConditionalGeneration",
    hear=_features.whole_clip_of_chunks,
    features="input_features",
    mask="feature_attention_mask",
    inner_config="thinker_config",
    turns=Turns(**_CHATML, clip="<|audio_start|>{}<|audio_end|>"),
    max_duration_s=300.0,
)

FAMILIES: dict[str, Family] = {
    "qwen2_audio": Family(
        class_name="Qwen2AudioForConditionalGeneration",
        hear=_features.one_window,
        features="input_features",
        mask="feature_attention_mask",
        turns=Turns(**_CHATML, clip="<|audio_bos|>{}<|audio_eos|>\n"),
        max_duration_s=None,
    ),
    "qwen2_5_omni": _OMNI,
    "qwen2_5_omni_thinker": _OMNI,
    "qwen3_omni_moe": _OMNI_3,
    "qwen3_omni_moe_thinker": _OMNI_3,
    "voxtral": Family(
        class_name="VoxtralForConditionalGeneration",
        hear=_features.cut_windows,
        features="input_features",
        turns=Turns(opening="<s>", system="", user="[INST]{}[/INST]", answer="{}</s>", clip="[BEGIN_AUDIO]{}"),
        max_duration_s=1800.0,
    ),
    "audioflamingo3": Family(
        class_name="AudioFlamingo3ForConditionalGeneration",
        hear=_features.many_windows,
        features="input_features",
        mask="input_features_mask",
        turns=Turns(**_CHATML, clip="{}"),
        several_clips=False,
    ),
    "granite_speech": Family(
        class_name="GraniteSpeechForConditionalGeneration",
        hear=_features.stacked_log_mel,
        features="input_features",
        mask="input_features_mask",
        audio_config="",
        turns=Turns(
            system="<|start_of_role|>system<|end_of_role|>{}<|end_of_text|>\n",
            user="<|start_of_role|>user<|end_of_role|>{}<|end_of_text|>\n",
            answer="<|start_of_role|>assistant<|end_of_role|>{}<|end_of_text|>\n",
            clip="{}",
        ),
        in_parts=False,
        several_clips=False,
        equal_lengths=True,
    ),
    "phi4_multimodal": Family(
        class_name="Phi4MultimodalForCausalLM",
        hear=_features.kaldi_filter_bank,
        features="audio_input_features",
        sizes="audio_embed_sizes",
        turns=Turns(system="<|system|>{}<|end|>", user="<|user|>{}<|end|>", answer="<|assistant|>{}<|end|>", clip="{}"),
        in_parts=False,
        several_clips=False,
        equal_lengths=True,
        max_duration_s=1800.0,
    ),
}
"""By `model_type` of a checkpoint's config."""

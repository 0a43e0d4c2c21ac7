"""Tiny checkpoints of real model classes with random weights, and tokenizers of bytes, written to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPECIAL = (
    "<pad>",
    "<end>",
    "<s>",
    "<audio>",
    "<image>",
    "<video>",
    "<|im_start|>",
    "<|im_end|>",
    "[INST]",
    "[/INST]",
    "<hear>",
    "</hear>",
    "<see>",
)
FAMILIES = (
    "qwen2_audio",
    "qwen2_5_omni_thinker",
    "qwen3_omni_moe_thinker",
    "voxtral",
    "audioflamingo3",
    "granite_speech",
    "phi4_multimodal",
)

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'audio' %}<hear><audio></hear>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(template: str | None = None) -> Any:
    """Every byte is a token, then come the special ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="<end>",
        bos_token="<s>",
        additional_special_tokens=list(SPECIAL[3:]),
    )
    made.chat_template = template
    return made


def config(family: str, ids: dict[str, int], n_vocabulary: int) -> Any:
    """The family's config, everything in it small; windows of Whisper's kind last 2 s."""
    import transformers

    text = {
        "vocab_size": n_vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "pad_token_id": ids["<pad>"],
        "eos_token_id": ids["<end>"],
        "bos_token_id": ids["<s>"],
    }
    whisper = {
        "d_model": 16,
        "encoder_layers": 1,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "num_mel_bins": 80,
        "max_source_positions": 100,
    }
    audio = ids["<audio>"]
    omni = {
        "image_token_id": ids["<image>"],
        "video_token_id": ids["<video>"],
        "audio_token_id": audio,
        "audio_start_token_id": ids["<hear>"],
        "audio_end_token_id": ids["</hear>"],
        "vision_start_token_id": ids["<see>"],
    }
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 32}
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}
    match family:
        case "qwen2_audio":
            return transformers.Qwen2AudioConfig(audio_config=whisper, text_config=text, audio_token_index=audio)
        case "voxtral":
            return transformers.VoxtralConfig(
                audio_config={**whisper, "encoder_layers": 1}, text_config={**text, "head_dim": 8}, audio_token_id=audio
            )
        case "audioflamingo3":
            return transformers.AudioFlamingo3Config(audio_config=whisper, text_config=text, audio_token_id=audio)
        case "qwen2_5_omni_thinker":
            return transformers.Qwen2_5OmniThinkerConfig(
                audio_config={**whisper, "output_dim": 32, "n_window": 25},
                vision_config={**vision, "fullatt_block_indexes": [0]},
                text_config={**text, "rope_parameters": rope},
                **omni,
            )
        case "qwen3_omni_moe_thinker":
            moe = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "head_dim": 8}
            return transformers.Qwen3OmniMoeThinkerConfig(
                audio_config={**whisper, "output_dim": 32, "n_window": 50, "downsample_hidden_size": 8},
                vision_config={**vision, "deepstack_visual_indexes": [0]},
                text_config={**text, **moe, "rope_parameters": rope},
                **omni,
            )
        case "granite_speech":
            return transformers.GraniteSpeechConfig(
                encoder_config={"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "output_dim": 8, "context_size": 20},
                projector_config={
                    "model_type": "blip_2_qformer",
                    "hidden_size": 16,
                    "encoder_hidden_size": 16,
                    "num_hidden_layers": 1,
                    "num_attention_heads": 2,
                    "intermediate_size": 32,
                },
                text_config={**text, "model_type": "granite"},
                audio_token_index=audio,
                has_lora_adapter=False,
                tie_word_embeddings=False,
            )
        case "phi4_multimodal":
            return transformers.Phi4MultimodalConfig(
                **text,
                audio_config={
                    "hidden_size": 16,
                    "intermediate_size": 32,
                    "num_blocks": 1,
                    "num_attention_heads": 2,
                    "ext_pw_out_channel": 16,
                    "depthwise_separable_out_channel": 16,
                    "nemo_conv_channels": 8,
                    "audio_token_id": audio,
                },
                vision_config={
                    "hidden_size": 16,
                    "intermediate_size": 32,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "crop_size": 28,
                    "image_size": 28,
                    "patch_size": 14,
                    "image_token_id": ids["<image>"],
                },
            )
    raise ValueError(family)


def write(family: str, folder: Path, *, template: str | None = CHATML, seed: int = 0) -> Path:
    """A checkpoint of the family in `folder`; weights are wide enough for answers to depend on what is heard."""
    import torch
    import transformers

    from earnest.models._families import FAMILIES

    tokens = tokenizer(template)
    ids = {token: tokens.convert_tokens_to_ids(token) for token in SPECIAL}
    made = config(family, ids, len(tokens))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = getattr(transformers, FAMILIES[family].class_name)(made)
        for parameter in network.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    network.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder

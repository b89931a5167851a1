"""Reads a published config.json: its many spellings of the same number, and what is nested.

Authors name the same fact differently (n_layer, num_layers, num_hidden_layers); what is not said
is None, and a model of which too little is said is "unknown", never "too large".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]

# Where models of several senses keep the part that talks: Gemma 3, Qwen-VL, Qwen-Omni, InternVL,
# DeepSeek-VL. MiniCPM-o and MiniCPM-V say it at the top.
NESTED = ("text_config", "llm_config", "language_config", "thinker_config")

LARGEST = 2**53  # what any reader of JSON takes for the same number

SPELLINGS = {
    "layers": ("num_hidden_layers", "num_layers", "n_layer", "n_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "head": ("head_dim", "attention_head_dim", "kv_channels"),
    "inner": (
        # Where experts have `intermediate_size`, of the layers without: Llama 4, MiniMax M3.
        "intermediate_size_mlp",
        "dense_intermediate_size",
        "intermediate_size",
        "ffn_hidden_size",
        "n_inner",
    ),
    "vocabulary": ("vocab_size", "padded_vocab_size"),
    "longest": ("max_position_embeddings", "seq_length", "max_seq_len", "n_positions"),
    "experts": ("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts"),
    "expert_inner": ("moe_intermediate_size", "expert_hidden_dim", "intermediate_size"),
    "shared_experts": ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"),
    "dense_layers": ("first_k_dense_replace", "num_dense_layers"),
    "sparse_step": ("decoder_sparse_step", "interleave_moe_layer_step"),
}


# What a class fills in where config.json is silent, by model_type: Gemma 3's files say what
# differs from this, and that of 4B says no heads (transformers, configuration_gemma3.py).
# Llama 4 has an expert that every token passes, and no word for it (modeling_llama4.py).
SILENT: Mapping[str, Config] = {
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": True,
    },
    "llama4_text": {"n_shared_experts": 1},
}


def language(config: Config) -> Config:
    """The part that talks, with what the whole and its class say of it filled in."""
    for name in NESTED:
        inner = config.get(name)
        if isinstance(inner, Mapping):
            outer = {key: value for key, value in config.items() if key != name}
            return language({**outer, **inner})
    return {**SILENT.get(str(config.get("model_type")), {}), **config}


def count(config: Config, what: str) -> int | None:
    found = (whole(config.get(name)) for name in SPELLINGS.get(what, (what,)))
    return next((number for number in found if number is not None), None)


def whole(value: object) -> int | None:
    """A list is read by its largest: some models say a number for each layer."""
    if isinstance(value, list | tuple):
        return max((each for each in map(whole, value) if each is not None), default=None)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        return None
    return value


def kv_heads(config: Config) -> int | None:
    """None of the words means as many as there are heads, as before GQA."""
    if config.get("multi_query") is True:
        return 1
    if config.get("multi_query_attention") is True:
        return count(config, "multi_query_group_num")
    names = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "attention_kv_heads")
    said = next((found for name in names if (found := whole(config.get(name)))), None)
    return said or count(config, "heads")


def head_size(config: Config) -> int | None:
    hidden, heads = count(config, "hidden"), count(config, "heads")
    return count(config, "head") or (hidden // heads if hidden and heads else None)


BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "float8_e4m3fn": 1.0}


def dtype_bytes(config: Config) -> float:
    """Of one value as the engine computes with it: vLLM takes float32 models as bfloat16."""
    said = str(config.get("torch_dtype") or config.get("dtype") or "bfloat16")
    return min(2.0, BYTES.get(said.removeprefix("torch."), 2.0))

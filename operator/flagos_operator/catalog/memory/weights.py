"""Bytes of the weights: as counted in the files, or as config.json lets them be worked out.

The listing of a repository is the truth when only weights are summed: a repository may hold the
same weights twice (consolidated and sharded, PyTorch and safetensors), and an engine loads one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.catalog.memory.config import (
    count,
    dtype_bytes,
    head_size,
    kv_heads,
    whole,
)
from flagos_operator.catalog.memory.layers import layers_of

if TYPE_CHECKING:
    from flagos_operator.catalog.memory.config import Config

MXFP4 = "mxfp4"
# Bits of a scale, parameters that share one unless the config says otherwise, bits of a byte.
SCALE, GROUP, BYTE = 16, 128, 8
# As vLLM chooses: safetensors before PyTorch's, shards before a consolidated file (Mistral's).
SECOND = ("consolidated", "original/", "onnx/", "openvino/", "gguf/")


def of_files(files: Mapping[str, int]) -> int | None:
    """From names and sizes: the one set of files that an engine would load."""
    for ending in (".safetensors", ".bin", ".pt"):
        found = {name: size for name, size in files.items() if name.endswith(ending)}
        first = {name: size for name, size in found.items() if not name.startswith(SECOND)}
        if first or found:
            return sum((first or found).values())
    return None


def of_index(text: str) -> int | None:
    """From model.safetensors.index.json: `metadata.total_size` counts the tensors alone."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    metadata = said.get("metadata") if isinstance(said, Mapping) else None
    return whole(metadata.get("total_size")) if isinstance(metadata, Mapping) else None


def of_config(config: Config) -> int | None:
    """Without the files: parameters times their width. Towers for images and sound are left out.

    Published models of text: within 0.5 %; the others lack their towers.
    """
    layers, hidden = count(config, "layers"), count(config, "hidden")
    vocabulary, kept = count(config, "vocabulary"), layers_of(config)
    if not layers or not hidden or not vocabulary or kept is None:
        return None
    if kept.states or "hybrid_override_pattern" in config:
        return None  # what a linear layer weighs is each author's own
    tables = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    attention = layers * attention_parameters(config, hidden)
    forward, experts = forward_parameters(config, hidden, layers)
    widths = widths_of(config)
    plain = widths.plain * tables + widths.linear * (attention + forward)
    return round(plain + widths.experts * experts)


def attention_parameters(config: Config, hidden: int) -> int:
    heads, size, few = count(config, "heads") or 0, head_size(config) or 0, kv_heads(config) or 0
    rank = count(config, "kv_lora_rank")
    if not rank:
        return hidden * size * (2 * heads + 2 * few)
    rope, nope = count(config, "qk_rope_head_dim") or 0, count(config, "qk_nope_head_dim") or 0
    value, query = count(config, "v_head_dim") or size, count(config, "q_lora_rank")
    asked = query * (hidden + heads * (nope + rope)) if query else hidden * heads * (nope + rope)
    answered = hidden * (rank + rope) + rank * heads * (nope + value)
    return asked + answered + heads * value * hidden + index_parameters(config, hidden)


def index_parameters(config: Config, hidden: int) -> int:
    size, heads = count(config, "index_head_dim") or 0, count(config, "index_n_heads") or 0
    return size * heads * (count(config, "q_lora_rank") or 0) + hidden * (size + heads)


def forward_parameters(config: Config, hidden: int, layers: int) -> tuple[int, int]:
    """Of all layers: what every token passes, and the experts among whom it is sent."""
    inner, experts = count(config, "inner") or 0, count(config, "experts") or 0
    if not experts:
        return layers * 3 * hidden * inner, 0
    each = 3 * hidden * (count(config, "expert_inner") or 0)
    dense = dense_layers(config, layers)
    shared = (count(config, "shared_experts") or 0) * each
    shared += 3 * hidden * (count(config, "shared_expert_intermediate_size") or 0)
    plain = dense * 3 * hidden * inner + (layers - dense) * (shared + hidden * experts)
    return plain, (layers - dense) * experts * each


def dense_layers(config: Config, layers: int) -> int:
    """Layers without experts, among those of a model that has experts."""
    if (first := count(config, "dense_layers")) is not None:
        return min(first, layers)
    if isinstance(config.get("mlp_only_layers"), list) and config["mlp_only_layers"]:
        return len(config["mlp_only_layers"])
    step = count(config, "sparse_step") or 1
    return layers - layers // step


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Bytes of one parameter: of tables, of linear layers, of experts."""

    plain: float
    linear: float
    experts: float


def widths_of(config: Config) -> Widths:
    """gpt-oss has small experts alone, as its modules_to_not_convert say."""
    plain = dtype_bytes(config)
    said = config.get("quantization_config")
    small = min(plain, quantised(said)) if isinstance(said, Mapping) else plain
    alone = isinstance(said, Mapping) and said.get("quant_method") == MXFP4
    return Widths(plain=plain, linear=plain if alone else small, experts=small)


def quantised(said: Config) -> float:
    """Bytes of a quantised parameter with its share of the scales.

    AWQ and GPTQ: a scale of 16 bits for each group, and a zero point of the parameter's own width.
    MXFP4: 8 bits for each 32. NVFP4: 8 for each 16.
    """
    method, algorithm = said.get("quant_method"), str(said.get("quant_algo"))
    if method == MXFP4:
        return (4 + 8 / 32) / 8
    if "FP4" in algorithm:
        return (4 + 8 / 16) / 8
    if method == "fp8" or "FP8" in algorithm:
        return 1.0
    bits, group = bits_of(said), whole(said.get("group_size")) or GROUP
    return (bits + (SCALE + bits) / group) / 8 if bits < BYTE else bits / 8


def bits_of(said: Config) -> int:
    if said.get("load_in_4bit"):
        return 4
    if said.get("load_in_8bit"):
        return 8
    named = whole(said.get("bits")) or whole(said.get("w_bit"))
    groups = said.get("config_groups")
    if named is None and isinstance(groups, Mapping):
        weights = [each.get("weights") for each in groups.values() if isinstance(each, Mapping)]
        named = max((whole(one.get("num_bits")) or 0 for one in weights if one), default=0)
    return named or 16

"""Which layers keep every token, which a window of them, and which a state of fixed size."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.catalog.memory.config import count, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.catalog.memory.config import Config

MOST = 10_000  # there are models of a few hundred
FULL, WINDOW, STATE, NONE = "full", "window", "state", "none"

# The words of `layer_types` in transformers. A word that is not here counts as full: too much
# is asked for rather than too little.
KINDS = {
    "sliding_attention": WINDOW,
    "chunked_attention": WINDOW,
    "local_attention": WINDOW,
    "linear_attention": STATE,
    "mamba": STATE,
    "recurrent": STATE,
    "conv": STATE,
    "mlp": NONE,
    "moe": NONE,
}
# Nemotron-H's word: M is Mamba, * attention, - and E a layer without memory.
PATTERN = {"M": STATE, "*": FULL, "-": NONE, "E": NONE}
# What a layer's mark means: without, and with.
MARKS = {"attn_type_list": (STATE, FULL), "hybrid_layer_pattern": (FULL, WINDOW)}
# Words for a shape of each layer's own that is not read here: caches that are compressed by a rate
# of each layer (DeepSeek V4), and layers out of a search (Nemotron NAS). Unknown, not guessed.
NOT_READ = ("compress_ratios", "block_configs")
# Windows in all layers but each n-th, where the class knows it and config.json need not say it.
EVERY = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    full: int
    windowed: int = 0
    states: int = 0
    window: int = 0  # tokens

    @property
    def all(self) -> int:
        return self.full + self.windowed + self.states


def layers_of(config: Config) -> Layers | None:
    total = count(config, "layers")
    if not total or total > MOST or any(word in config for word in NOT_READ):
        return None
    shared = count(config, "num_kv_shared_layers") or 0
    kinds = Counter(list(kinds_of(config, total))[: total - shared] or [FULL] * total)
    window = count(config, "sliding_window") or count(config, "attention_chunk_size") or 0
    closes = 0 < window < (count(config, "longest") or window + 1)
    windowed = kinds[WINDOW] if closes else 0
    return Layers(
        full=kinds[FULL] + kinds[WINDOW] - windowed,
        windowed=windowed,
        states=kinds[STATE],
        window=window,
    )


def kinds_of(config: Config, total: int) -> Iterable[str]:
    named = config.get("layer_types") or config.get("layers_block_type")
    if isinstance(named, list):
        return [KINDS.get(str(word), FULL) for word in named]
    pattern = config.get("hybrid_override_pattern")
    if isinstance(pattern, str):
        return [PATTERN.get(letter, FULL) for letter in pattern]
    return listed(config, total) or each(config, total)


def listed(config: Config, total: int) -> list[str]:
    """Kimi Linear, LFM2, Bamba: numbers of the layers that attend; MiniMax, MiMo: a mark each."""
    linear = config.get("linear_attn_config")
    if isinstance(linear, dict) and isinstance(linear.get("kda_layers"), list):
        states = {number - 1 for number in map(whole, linear["kda_layers"]) if number}
        return [STATE if place in states else FULL for place in range(total)]
    for name in ("full_attn_idxs", "attn_layer_indices"):
        if isinstance(config.get(name), list):
            return [FULL if place in config[name] else STATE for place in range(total)]
    for name, kinds in MARKS.items():
        if isinstance(config.get(name), list):
            return [kinds[bool(mark)] for mark in config[name]]
    return []


def each(config: Config, total: int) -> list[str]:
    """Each n-th attends (Qwen3-Next, Jamba) or sees everything (Gemma); else all alike."""
    if every := count(config, "full_attention_interval"):
        return [FULL if (place + 1) % every == 0 else STATE for place in range(total)]
    if every := count(config, "attn_layer_period"):
        offset = count(config, "attn_layer_offset") or 0
        return [FULL if place % every == offset else STATE for place in range(total)]
    known = EVERY.get(str(config.get("model_type")))
    if every := count(config, "sliding_window_pattern") or known:
        return [FULL if (place + 1) % every == 0 else WINDOW for place in range(total)]
    return [WINDOW if windows_everywhere(config) else FULL] * total


def windows_everywhere(config: Config) -> bool:
    """Mistral 0.1 and its kin. Qwen writes a window down and says beside it that it is off."""
    switch = config.get("use_sliding_window")
    return switch is None and bool(count(config, "sliding_window"))

"""What one sequence keeps in memory: bytes for each token, and what does not grow with it.

Sources, all read in vLLM 0.24 (vllm/v1/kv_cache_interface.py and model_executor/models):
- Keys and values of one head, for each layer: 2 x head size. With tensor parallelism T a device
  has H // T of H heads, but at least one: fewer heads than devices are copied.
- MLA (DeepSeek V2 on, Kimi, GLM 5): one latent of kv_lora_rank + qk_rope_head_dim for all heads,
  so nothing to divide: every device keeps it whole. MiniCPM3 has the same words in its
  config.json, but its class unfolds them into ordinary heads.
- DeepSeek's sparse attention adds an index: index_head_dim bytes and a scale of 4 for each 128.
- A layer with a sliding window keeps its window and the tokens of one step, not more.
- Linear attention, Mamba and short convolutions keep a state for each sequence.
- gemma3n and gemma4: the last num_kv_shared_layers keep nothing of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.catalog.memory import states
from flagos_operator.catalog.memory.config import count, head_size, kv_heads
from flagos_operator.catalog.memory.layers import Layers, layers_of

if TYPE_CHECKING:
    from flagos_operator.catalog.memory.config import Config

KEYS_AND_VALUES = 2
UNFOLDED = {"minicpm3"}
# One step's tokens as vLLM's servers schedule them unasked; it counts in a window's pages.
STEP = 8192
# fp8_ds_mla: 512 bytes, 4 scales of 4 bytes, and 64 values of 2 bytes that stay as they are.
FP8_DS_MLA = 656


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Of the whole model; `heads` says into how many parts a layer's share can be cut."""

    layers: Layers
    values: int  # for each token, in a layer that keeps all tokens: numbers of the cache's dtype
    window_values: int  # the same in a layer with a window
    heads: int
    extra: int = 0  # bytes for each token and layer beside it, whatever the dtype
    state: int = 0  # bytes for each sequence, in all layers that keep a state
    latent: bool = False

    def share(self, tensor: int) -> float:
        """Of a layer's values, on one device."""
        return 1.0 if self.latent else max(1, self.heads // tensor) / self.heads

    def per_token(self, *, tensor: int = 1, value_bytes: float = 2.0) -> float:
        """Bytes on one device that each further token costs once the windows are full."""
        return self.layers.full * self._layer(value_bytes) * self.share(tensor)

    def bytes_for(self, tokens: int, *, tensor: int = 1, value_bytes: float = 2.0) -> int:
        """Bytes on one device for one sequence of that length."""
        windowed = min(tokens, self.layers.window - 1 + STEP) if self.layers.windowed else 0
        kept = tokens * self.layers.full * self._layer(value_bytes)
        kept += windowed * self.layers.windowed * self.window_values * value_bytes
        return math.ceil(kept * self.share(tensor) + self.state / tensor)

    def _layer(self, value_bytes: float) -> float:
        if self.latent and value_bytes == 1:
            return max(self.values, FP8_DS_MLA) + self.extra
        return self.values * value_bytes + self.extra


def cache_of(config: Config) -> Cache | None:
    layers, heads, size = layers_of(config), kv_heads(config), head_size(config)
    if layers is None or not heads or not size:
        return None
    state = states.bytes_of(config, layers.states)
    rank, rope = count(config, "kv_lora_rank"), count(config, "qk_rope_head_dim")
    if not rank or not rope:
        return plain(config, layers=layers, heads=heads, size=size, state=state)
    if str(config.get("model_type")) in UNFOLDED:
        unfolded = (count(config, "qk_nope_head_dim") or 0) + rope
        return plain({}, layers=layers, heads=heads, size=unfolded, state=state)
    index = count(config, "index_head_dim") or 0
    return Cache(
        layers=layers,
        values=rank + rope,
        window_values=rank + rope,
        heads=1,
        extra=index + index // 128 * 4,
        state=state,
        latent=True,
    )


def plain(config: Config, *, layers: Layers, heads: int, size: int, state: int) -> Cache:
    """Gemma 4 has other heads in the layers that keep everything than in those with a window."""
    values = KEYS_AND_VALUES * heads * size
    wide = count(config, "global_head_dim") or size
    few = count(config, "num_global_key_value_heads") or heads
    whole = KEYS_AND_VALUES * few * wide if layers.windowed else values
    return Cache(layers=layers, values=whole, window_values=values, heads=heads, state=state)

"""Bytes of the states that linear layers keep for each sequence.

Shapes as in vLLM 0.24 (model_executor/layers/mamba/mamba_utils.py): a short convolution's last
inputs in the model's dtype, and the recurrent state; Qwen's in float32, as their config.json says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.catalog.memory.config import count

if TYPE_CHECKING:
    from flagos_operator.catalog.memory.config import Config

HALF, SINGLE = 2, 4


def bytes_of(config: Config, layers: int) -> int:
    """Of one sequence in all layers. What cannot be told counts nothing: it is megabytes."""
    for shape in (delta, mamba2, mamba1, convolution):
        if layers and (found := shape(config)):
            return layers * found
    return 0


def delta(config: Config) -> int:
    """Gated delta nets: Qwen3-Next, Qwen3.5 and 3.6."""
    values = (count(config, "linear_num_value_heads") or 0) * (
        count(config, "linear_value_head_dim") or 0
    )
    key = count(config, "linear_key_head_dim") or 0
    keys = (count(config, "linear_num_key_heads") or 0) * key
    kernel = count(config, "linear_conv_kernel_dim") or 1
    return (2 * keys + values) * (kernel - 1) * HALF + values * key * SINGLE


def mamba2(config: Config) -> int:
    """Nemotron-H, Granite, Bamba, Zamba."""
    heads = count(config, "mamba_num_heads") or count(config, "mamba_n_heads") or 0
    size = count(config, "mamba_head_dim") or count(config, "mamba_d_head") or 0
    state = count(config, "ssm_state_size") or count(config, "mamba_d_state") or 0
    groups = count(config, "n_groups") or count(config, "mamba_n_groups") or 1
    kernel = count(config, "conv_kernel") or count(config, "mamba_d_conv") or 4
    wide = heads * size
    return (wide + 2 * groups * state) * (kernel - 1) * HALF + wide * state * HALF if wide else 0


def mamba1(config: Config) -> int:
    """Jamba."""
    wide = (count(config, "hidden") or 0) * (count(config, "mamba_expand") or 0)
    state, kernel = count(config, "mamba_d_state") or 0, count(config, "mamba_d_conv") or 1
    return wide * (kernel - 1 + state) * HALF


def convolution(config: Config) -> int:
    """LFM2."""
    kernel = count(config, "conv_L_cache") or 1
    return (count(config, "hidden") or 0) * (kernel - 1) * HALF

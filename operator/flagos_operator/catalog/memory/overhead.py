"""What a server holds beside weights and cache, per device.

Measured with vLLM 0.24 on one H200 (Qwen3-8B's shape, at most 8192 tokens a step): usable memory
less weights less what was left for the cache is 1.20 GiB without graphs, 1.51 GiB with
torch.compile, and 2.3 to 2.6 GiB with FlagGems' kernels. A model of 4 layers of 512 had 0.9 to
1.1 GiB: most of that is the same for all. Other vendors were not measured; they are taken for
the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flagos_operator.catalog.memory.shape import Shape

MIB = 2**20
# The device's context, the libraries' workspaces and the allocator's rounding.
CONTEXT = 550 * MIB
# Kernels and work areas that FlagGems and Triton add.
FLAGOS = 1000 * MIB
# Buffers of the collectives: NCCL's own, and vLLM's all-reduce of 8 MiB and more for each peer.
COLLECTIVES = 300 * MIB
# Tokens of one step, and sequences that are sampled at once, as vLLM's server chooses unasked.
STEP, SEQUENCES = 8192, 256
# A layer holds about four rows of the hidden size at a time, and both halves of the gated inner
# size with its product; sampling sorts the logits in float32 and keeps the probabilities.
ROWS, INNER_ROWS, LOGITS = 4, 3, 2


def overhead(shape: Shape | None, *, tensor: int = 1, flagos: bool = False) -> int:
    fixed = CONTEXT + (FLAGOS if flagos else 0) + (COLLECTIVES if tensor > 1 else 0)
    return fixed + (activations(shape, tensor=tensor) if shape else 0)


def activations(shape: Shape, *, tensor: int) -> int:
    rows = ROWS * shape.hidden + INNER_ROWS * shape.inner / tensor
    return round(STEP * rows * 2 + SEQUENCES * shape.vocabulary * 4 * LOGITS)

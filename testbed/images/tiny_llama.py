"""Write a tiny Llama to a directory: tiny_llama.py DIRECTORY HEAD_DIM. Runs where vLLM is."""

from __future__ import annotations

import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, USER, END = SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXTS = (
    "hello world, how are you today?",
    "the quick brown fox jumps over the lazy dog",
    "system user assistant",
    "a tiny model answers with noise",
    "0 1 2 3 4 5 6 7 8 9",
)
CHAT = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes and a few merges: it knows every text, and is trained the same way each time."""
    bytes_first = Tokenizer(models.BPE())
    bytes_first.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_first.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bytes_first.train_from_iterator(TEXTS * 20, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bytes_first, bos_token=PAD, pad_token=PAD, eos_token=END
    )
    fast.chat_template = CHAT
    return fast


def llama(*, vocabulary: int, head_dim: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        # two, so that two devices can share them
        num_key_value_heads=2,
        head_dim=head_dim,
        max_position_embeddings=2048,
        bos_token_id=SPECIAL.index(PAD),
        pad_token_id=SPECIAL.index(PAD),
        eos_token_id=SPECIAL.index(END),
        tie_word_embeddings=False,
        dtype="bfloat16",
    )
    return LlamaForCausalLM(config).to(torch.bfloat16)


def main(directory: str, head_dim: int) -> None:
    words = tokenizer()
    words.save_pretrained(directory)
    llama(vocabulary=len(words), head_dim=head_dim).save_pretrained(directory)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

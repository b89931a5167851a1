"""The words of a person who typed a command: options in the place of a model's fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HUB = r"(?:\.(?:modelscope|huggingface))?"


def _mirror(found: re.Match[str]) -> str:
    """Mirrors have no names: they are counted, and by a person from one on."""
    number, field = int(found[1]) + 1, found[2]
    if field == "tokenSecretRef":
        return f"the --mirror-token-file of mirror {number}"
    return f"the {field} of --mirror {number}" if field else f"--mirror {number}"


WORDS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"spec\.source\.mirrors\[(\d+)\]{HUB}(?:\.(\w+))?"), _mirror),
    (re.compile(rf"spec\.source{HUB}\.tokenSecretRef"), "--token-file"),
    (re.compile(r"spec\.source\.caBundleConfigMapRef"), "FLAGOS_FETCH_CA_BUNDLE"),
    (re.compile(rf"spec\.source{HUB}\.(repo|revision|endpoint|include|exclude)"), r"--\1"),
    (re.compile(r"spec\.weights\.directory"), "--destination"),
)


def as_typed(words: str) -> str:
    for field, option in WORDS:
        words = field.sub(option, words)
    return words

"""Which published models a user means by a name: case and punctuation do not count."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_OFFERED = 3
# Told without a cluster, too, where kubectl has nothing to say; a status has room for these.
MOST_LISTED = 480
ALL_OF_THEM = "`kubectl get flagosreleases` lists all, docs/models.md those that are shipped"


def matching(name: str, published: Iterable[str]) -> frozenset[str]:
    """The published spellings of one model; of none, where the name could mean two.

    Qwen3-4B and Qwen-34B have the same letters, so words are compared before letters.
    """
    known = frozenset(published)
    words = frozenset(each for each in known if _words(each) == _words(name))
    if words:
        return words
    letters = frozenset(each for each in known if _letters(each) == _letters(name))
    return letters if len({_words(each) for each in letters}) == 1 else frozenset()


def close(name: str, published: Iterable[str]) -> tuple[str, ...]:
    """One spelling of each model whose name is like this one, the likest first."""
    spellings = {_letters(each): each for each in sorted(published)}
    wanted = _letters(name)
    found = difflib.get_close_matches(wanted, spellings, n=MOST_OFFERED, cutoff=0.6)
    inside = (each for each in spellings if wanted in each and each not in found)
    return tuple(spellings[each] for each in [*found, *inside][:MOST_OFFERED])


def listed(known: Iterable[str]) -> str:
    """For whom no name is like the one that was asked for."""
    names = sorted(set(known), key=str.casefold)
    shown = [name for at, name in enumerate(names) if len(", ".join(names[:at])) < MOST_LISTED]
    more = len(names) - len(shown)
    rest = f" and {more} more; {ALL_OF_THEM}" if more else ""
    return f"known are {', '.join(shown)}{rest}" if shown else "none is known"


def _words(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9]+", _bare(name)))


def _letters(name: str) -> str:
    return "".join(_words(name))


def _bare(name: str) -> str:
    """As a hub calls it, the owner comes before the name."""
    return name.rpartition("/")[2].casefold()

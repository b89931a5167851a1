"""The operator's settings as far as they reach what it makes for a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.catalogue import Catalogue, builtin
from flagos_operator.desired.given import Defaults
from flagos_operator.errors import SettingsError

if TYPE_CHECKING:
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.settings import Settings


def defaults(settings: Settings) -> Defaults:
    return Defaults(
        fetch_image=settings.operator_image,
        fetch_pull_policy=settings.image_pull_policy,
        pull_secrets=settings.image_pull_secrets,
        registry_rewrite=settings.registry_rewrite,
        operand_uid=settings.operand_uid,
        fetch_env=settings.fetch_env,
        fetch_allowed=settings.fetch_allowed,
    )


def chips(settings: Settings) -> Chips:
    """The shipped profiles with the user's own over them; a wrong file stops the start."""
    return catalogue(settings).chips


def catalogue(settings: Settings) -> Catalogue:
    """What is shipped, with the user's own chips over it."""
    found = builtin(own_chips(settings))
    if isinstance(found, Invalid):
        raise SettingsError(f"FLAGOS_CHIPS_FILE={settings.chips_file!r}: {found.message}")
    return found


def own_chips(settings: Settings) -> Mapping[str, Any] | None:
    return _read_chips(settings.chips_file) if settings.chips_file else None


def _read_chips(path: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as wrong:
        raise SettingsError(f"FLAGOS_CHIPS_FILE={path!r}: {wrong}") from wrong
    if not isinstance(found or {}, Mapping):
        raise SettingsError(f"FLAGOS_CHIPS_FILE={path!r}: expected a map of chips by name")
    return found or {}

"""The operator's own settings: read once from the environment, frozen, and wrong ones named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from flagos_operator.api import addresses
from flagos_operator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

LOG_FORMATS = ("json", "console")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    watch_namespaces: tuple[str, ...] = ()  # empty: the whole cluster
    operator_image: str = "localhost/flagos-operator:dev"
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    registry_rewrite: Mapping[str, str] = field(default_factory=dict)
    operand_uid: int | None = 65534
    chips_file: str = ""
    fetch_env: Mapping[str, str] = field(default_factory=dict)
    fetch_allowed: tuple[str, ...] = ()
    log_format: str = "json"
    log_level: str = "INFO"
    http_port: int = 8080
    workers: int = 16
    resync_seconds: float = 300.0
    pod_name: str = "flagos-operator"
    pod_namespace: str = "default"
    lease: str = ""  # a Lease in pod_namespace; empty: this operator is the only one

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        # Of an instance: on a class with slots a field's name gives the slot, not its default.
        default = cls()
        env = _Environment(environment)
        return cls(
            watch_namespaces=env.read("FLAGOS_WATCH_NAMESPACES", _names, ()),
            operator_image=env.read("FLAGOS_OPERATOR_IMAGE", _text, default.operator_image),
            image_pull_policy=env.read(
                "FLAGOS_IMAGE_PULL_POLICY",
                _one_of("Always", "IfNotPresent", "Never"),
                default.image_pull_policy,
            ),
            image_pull_secrets=env.read("FLAGOS_IMAGE_PULL_SECRETS", _names, ()),
            registry_rewrite=env.read("FLAGOS_REGISTRY_REWRITE", _pairs, {}),
            operand_uid=env.read_uid("FLAGOS_OPERAND_UID"),
            chips_file=env.read("FLAGOS_CHIPS_FILE", _text, ""),
            fetch_env=env.read_proxies(),
            fetch_allowed=env.read("FLAGOS_FETCH_ALLOWED_ADDRESSES", _networks, ()),
            log_format=env.read("FLAGOS_LOG_FORMAT", _one_of(*LOG_FORMATS), default.log_format),
            log_level=env.read("FLAGOS_LOG_LEVEL", _one_of(*LOG_LEVELS), default.log_level),
            http_port=env.read("FLAGOS_HTTP_PORT", _between(0, 65535), default.http_port),
            workers=env.read("FLAGOS_WORKERS", _between(1, 256), default.workers),
            resync_seconds=env.read("FLAGOS_RESYNC_SECONDS", _between(1, 86400), 300),
            pod_name=env.read("POD_NAME", _text, default.pod_name),
            pod_namespace=env.read("POD_NAMESPACE", _text, default.pod_namespace),
            lease=env.read("FLAGOS_LEASE", _text, ""),
        )


@dataclass(frozen=True, slots=True)
class _Environment:
    values: Mapping[str, str]

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """An empty variable is an absent one: charts cannot leave a variable out easily."""
        text = self.values.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as wrong:
            raise SettingsError(f"{name}={text!r}: {wrong}") from wrong

    def read_uid(self, name: str) -> int | None:
        """Here empty means something: OpenShift hands out uids itself and refuses a fixed one."""
        if name in self.values and not self.values[name].strip():
            return None
        return self.read(name, _between(1, 2**31 - 1), Settings().operand_uid)

    def read_proxies(self) -> dict[str, str]:
        wanted = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        found = {name: self.read(f"FLAGOS_FETCH_{name}", _text, "") for name in wanted}
        return {name: value for name, value in found.items() if value}


def _text(text: str) -> str:
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(text: str) -> tuple[str, ...]:
    """As they were written, so that a ConfigMap says what the chart's value says."""
    addresses.networks(_names(text))
    return _names(text)


def _pairs(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in _names(text))
    return {_given(old): _given(new) for old, _, new in pairs}


def _given(text: str) -> str:
    if not text.strip():
        raise ValueError("expected from=to[,from=to...]")
    return text.strip()


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return parse


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return parse

"""Each model by name, for whoever wants to see or alert on a single one.

Counted at the scrape from what the store holds, so that nothing is left of a model that went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from flagos_operator.observed.parse import conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flagos_operator.observed.facts import ModelFacts

# Six series a model at most: a scrape stays below three megabytes and a few milliseconds.
MOST_MODELS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Census(Collector):
    models: Callable[[], Iterable[ModelFacts]]
    most: int = MOST_MODELS

    def collect(self) -> Iterator[GaugeMetricFamily]:
        models = tuple(self.models())
        told = tuple(islice(models, self.most))
        yield _family("info", "Always 1; what a model runs on.", told, _info, ("chip", "image"))
        yield _family("phase", "1 for the phase that a model is in.", told, _phase, ("phase",))
        yield _family(
            "ready", "1 if a model is Ready, else 0; and why.", told, _ready, ("reason",)
        )
        yield _family("replicas", "Pods of a model.", told, _replicas, ())
        yield _family("weights_bytes", "Size of the weights.", told, _bytes("totalBytes"), ())
        yield _family(
            "weights_downloaded_bytes",
            "Bytes of the weights that have arrived, while a download runs.",
            told,
            _bytes("downloadedBytes"),
            (),
        )
        unlisted = GaugeMetricFamily(
            "flagos_models_unlisted",
            f"Models beyond the {self.most} that have series of their own.",
        )
        unlisted.add_metric((), len(models) - len(told))
        yield unlisted


Sample = tuple[tuple[str, ...], float]
Sampling = Callable[[Mapping[str, Any]], Sample | None]


def _family(
    name: str,
    about: str,
    models: Iterable[ModelFacts],
    sample: Sampling,
    labels: tuple[str, ...],
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        f"flagos_model_{name}", about, labels=("namespace", "model", *labels)
    )
    for model in models:
        if found := sample(model.status):
            more, value = found
            family.add_metric((model.namespace, model.name, *more), value)
    return family


def _info(status: Mapping[str, Any]) -> Sample:
    resolved = status.get("resolved") or {}
    return (str(resolved.get("chip", "")), str(resolved.get("image", ""))), 1


def _phase(status: Mapping[str, Any]) -> Sample:
    return (str(status.get("phase", "")),), 1


def _ready(status: Mapping[str, Any]) -> Sample:
    found = next((each for each in conditions(status) if each.type == "Ready"), None)
    return (found.reason if found else "",), bool(found and found.status == "True")


def _replicas(status: Mapping[str, Any]) -> Sample:
    return (), status.get("replicas") or 0


def _bytes(name: str) -> Sampling:
    """Of what is not known there is no series."""

    def sample(status: Mapping[str, Any]) -> Sample | None:
        found = (status.get("weights") or {}).get(name)
        return ((), found) if isinstance(found, int) else None

    return sample

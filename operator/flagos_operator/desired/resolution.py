"""A release's row under a model's own spec: what comes out is as if the user had spelled it out.

    scalars                               the model's word wins
    maps, and lists with a key (env)      by key; of one key the model's word wins
    server.args, pod.tolerations          the row's, then the model's: the last one counts
    source, flagos.operators, a volume    replaced whole: half of each would be neither
    all other lists (server.command)      replaced whole

What the model replaces takes along what the row said about it alone: versions go with the image,
a directory and a download's user with the volume, a line with its engine. servedModelNames are
never a row's: they are how clients know the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.sent import as_sent
from flagos_operator.api.server import FLAG_FIELDS
from flagos_operator.api.spec import DOWNLOAD_FIELDS, INVALID, CompleteSpec, in_place, parse
from flagos_operator.desired import chipnames
from flagos_operator.desired.modelnames import listed
from flagos_operator.desired.refusal import Refusal, refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from flagos_operator.api.spec import FlagOSModelSpec
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.catalog.rows import Row

Fields = Mapping[str, Any]

# What a row may say to a model. All else in it is about the row.
TAKEN = (
    "chip",
    "devices",
    "deviceResourceName",
    "nodes",
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "versions",
    "source",
    "weights",
    "fetch",
    "flagos",
    "server",
    "startup",
    "pod",
)
APPENDED = frozenset({"server.args", "pod.tolerations"})
WHOLE = frozenset({"source", "flagos.operators"})
KEYS = {
    "imagePullSecrets": "name",
    "fetch.env": "name",
    "fetch.resources.claims": "name",
    "server.env": "name",
    "server.volumeMounts": "mountPath",
    "server.resources.claims": "name",
    "pod.containers": "name",
    "pod.initContainers": "name",
    "pod.resourceClaims": "name",
    "pod.volumes": "name",
}
VOLUMES = frozenset({"hostPath", "persistentVolumeClaim", "volumeClaimTemplate", "emptyDir"})
LISTS = "flagos.operators"
OF_PLUGIN = frozenset({"operators", "prefer", "flagcxPath", "strict"})
OF_LINE = frozenset({"command", "args", "healthPath"})
DEVICES = "_VISIBLE_DEVICES"
# For what a row may leave to the model.
STAND_INS = {"image": "any", "source": {"modelscope": {"repo": "any/any"}}}


def taken(fields: Fields) -> dict[str, Any]:
    """The part of a row that a model is made from."""
    kept = {name: fields[name] for name in TAKEN if name in fields}
    if "servedModelNames" in kept.get("server", {}):
        kept["server"] = without(kept["server"], {"servedModelNames"})
    return kept


def resolve(
    raw: Fields, spec: FlagOSModelSpec, *, release: Row | None, chips: Chips
) -> CompleteSpec | Invalid:
    """`spec` is `raw` typed, which stays as it is where no release is named."""
    if release is None:
        return spec if isinstance(spec, CompleteSpec) else incomplete()
    fields = release.fields
    if objection := against(spec, fields, name=release.name):
        return objection
    found = parse({**raw, "spec": layered(fields, as_sent(raw["spec"]), chips=chips)})
    if not isinstance(found, CompleteSpec):
        return at_fault(found, raw, fields, name=release.name)
    if not spec.chip and found.chip not in chips:
        field = f"spec.release: the chip of {release.name}"
        return chipnames.unknown(found.chip, field=field, known=chips)
    return found


def incomplete() -> Invalid:
    """Of a spec that the schema took because it names a model or a release."""
    return Invalid(reason=INVALID, message="spec: set all of source, image and chip")


def against(spec: FlagOSModelSpec, fields: Fields, *, name: str) -> Invalid | None:
    chip = fields.get("chip")
    if spec.chip and chip and spec.chip != chip:
        return Invalid(
            reason=INVALID,
            message=(
                f"spec.chip: release {name} is for chip {chip}, not for {spec.chip}; remove chip, "
                "or name a release for that chip"
            ),
        )
    if not spec.image and not fields.get("image"):
        return refused(
            Refusal.IMAGE_REQUIRED,
            f"spec.image: release {name} is published without an image; set the image to run",
        )
    if not spec.source and not fields.get("source"):
        return Invalid(
            reason=INVALID,
            message=f"spec.source: release {name} names no source; set the place of the weights",
        )
    return None


def at_fault(found: object, raw: Fields, fields: Fields, *, name: str) -> Invalid:
    """The row, where it is wrong by itself; else what the model says beside it."""
    own = raw.get("metadata") or {}
    alone = parse({"metadata": own, "spec": {**STAND_INS, **taken(fields)}})
    if not isinstance(alone, CompleteSpec):
        told = alone.message if isinstance(alone, Invalid) else incomplete().message
        return refused(
            Refusal.INVALID_RELEASE,
            f"spec.release: {name} cannot be served by this operator: {told}",
        )
    told = found.message if isinstance(found, Invalid) else incomplete().message
    return Invalid(reason=INVALID, message=f"together with release {name}: {told}")


def unknown(name: str, *, known: Collection[str]) -> Invalid:
    close = get_close_matches(name, sorted(known), n=3, cutoff=0.4)
    meant = f"did you mean {' or '.join(close)}?" if close else listed(known)
    return refused(Refusal.UNKNOWN_RELEASE, f"spec.release: {name} is not known; {meant}")


def layered(row: Fields, own: Fields, *, chips: Chips) -> dict[str, Any]:
    """Neither `release` nor `model` is left: the result is what they stand for."""
    together = laid_over(fitting(taken(row), own), without(own, {"release", "model"}))
    return without_device_env(together, row=row, own=own, chips=chips)


def laid_over(row: Fields, own: Fields, *, at: str = "") -> dict[str, Any]:
    result = dict(row)
    for field, value in own.items():
        result[field] = joined(row.get(field), value, at=f"{at}{field}")
    return result


def joined(row: Any, own: Any, *, at: str) -> Any:  # noqa: ANN401 - JSON
    if row is None or at in WHOLE:
        return with_more(row, own) if at == LISTS else own
    if at in APPENDED:
        return [*row, *own]
    if key := KEYS.get(at):
        return list({item[key]: item for item in (*row, *own)}.values())
    if isinstance(row, Mapping) and isinstance(own, Mapping):
        return laid_over(row, own, at=f"{at}.")
    return own


def with_more(row: Fields | None, own: Fields) -> Fields:
    """What a model denies beside it, over the list of its row: all others stand for themselves."""
    more = own.get("denyMore")
    if not row or not more or own.keys() != {"denyMore"}:
        return own
    ((name, listed),) = row.items()
    if name == "allow":
        return {name: [each for each in listed if each not in more]}
    return {name: list(dict.fromkeys((*listed, *more)))}


def fitting(row: Fields, own: Fields) -> dict[str, Any]:
    """The row without what loses its object by what the model says."""
    result = dict(row)
    if "image" in own:
        result.pop("versions", None)
    for name, fields in (
        ("weights", weights(row, own)),
        ("fetch", fetch(row, own)),
        ("flagos", flagos(row, own)),
        ("server", server(row, own)),
    ):
        if name in result:
            result[name] = without(result[name], fields)
    return {name: value for name, value in result.items() if value != {}}


def weights(row: Fields, own: Fields) -> Iterable[str]:
    if in_place(own):
        return DOWNLOAD_FIELDS
    moved = VOLUMES if other_volume(row, own) else ()
    # Named after the repository that lies there; another one would be a conflict.
    return {*moved, *(("directory",) if "source" in own else ())}


def fetch(row: Fields, own: Fields) -> Iterable[str]:
    """Who may write is a matter of the volume."""
    if in_place(own):
        return set(row.get("fetch", {}))
    return ("securityContext",) if other_volume(row, own) else ()


def other_volume(row: Fields, own: Fields) -> bool:
    said, was = own.get("weights", {}), row.get("weights", {})
    return bool(VOLUMES & said.keys() and VOLUMES & was.keys())


def flagos(_: Fields, own: Fields) -> Iterable[str]:
    gone: Mapping[str, Iterable[str]] = {"Native": OF_PLUGIN, "PluginOnly": ("operators",)}
    return gone.get(own.get("flagos", {}).get("mode", ""), ())


def server(row: Fields, own: Fields) -> Iterable[str]:
    """A line is in the words of its engine."""
    was = row.get("server", {}).get("engine", "VLLM")
    engine = own.get("server", {}).get("engine", was)
    if engine == was:
        return ()
    return {*OF_LINE, *(FLAG_FIELDS if engine == "Custom" else ())}


def without_device_env(
    together: dict[str, Any], *, row: Fields, own: Fields, chips: Chips
) -> dict[str, Any]:
    """Which devices a program sees is the device plugin's word, where there is one."""
    chip = chips.get(str(together.get("chip")))
    allocated = together.get("deviceResourceName") or (chip and chip.resource_name)
    said = {item["name"] for item in own.get("server", {}).get("env", ())}
    env = row.get("server", {}).get("env", ())
    gone = {each["name"] for each in env if each["name"].endswith(DEVICES)} - said
    if not allocated or not gone:
        return together
    kept = [each for each in together["server"]["env"] if each["name"] not in gone]
    return {**together, "server": {**together["server"], "env": kept}}


def without(fields: Fields, names: Iterable[str]) -> dict[str, Any]:
    gone = set(names)
    return {name: value for name, value in fields.items() if name not in gone}

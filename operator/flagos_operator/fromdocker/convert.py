"""From a card's text to the FlagOSModel that equals it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.fromdocker import (
    chip,
    choice,
    environment,
    flagscale,
    line,
    mounts,
    naming,
    options,
    programs,
    sizes,
    weights,
)
from flagos_operator.fromdocker.report import IncompleteError, Report
from flagos_operator.fromdocker.session import Session
from flagos_operator.fromdocker.wishes import Wishes, secret

if TYPE_CHECKING:
    from flagos_operator.api.chip import Chip
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.fromdocker.card import Card, Serve
    from flagos_operator.fromdocker.environment import Environment
    from flagos_operator.fromdocker.line import Line
    from flagos_operator.fromdocker.mounts import Mount
    from flagos_operator.fromdocker.weights import Weights

API_VERSION, KIND = "flagos.io/v1alpha1", "FlagOSModel"
Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was read, before it is put together."""

    card: Card
    serve: Serve
    line: Line
    image: str
    chip_name: str
    chip: Chip | None
    environment: Environment
    known: list[Mount]
    weights: Weights
    wishes: Wishes
    report: Report


def convert(text: str, *, wishes: Wishes, chips: Chips, report: Report) -> Object:
    found = look(text, wishes=wishes, chips=chips, report=report)
    spec = put_together(found)
    if report.missing:
        raise IncompleteError
    name = wishes.name or named(found)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {field: value for field, value in spec.items() if value not in ({}, [], None, "")},
    }


def look(text: str, *, wishes: Wishes, chips: Chips, report: Report) -> Found:
    session = Session(variables=wishes.variables, report=report, env_files=wishes.env_files)
    card = session.read(text)
    serve = choice.server(card, wishes=wishes, report=report)
    said = line.read(serve, report=report)
    line.one_node(said, card)
    if programs.engine(serve.argv) == "FlagScale":
        flagscale.tell(serve.argv, card.pasted, line=serve.line, report=report)
    image = options.image(serve, card, wishes=wishes, report=report)
    repos = {one.repo for one in card.downloads}
    repo = wishes.repo or (repos.pop() if len(repos) == 1 else "")
    guess = chip.Guess(serve=serve, image=image, repo=repo, chips=chips, report=report)
    name = wishes.chip or guess.name()
    described(name, chips=chips, report=report)
    profile = chips.get(name)
    variables = environment.read(serve.env, chip=profile, report=report)
    known = mounts.mounts(serve.run)
    user = serve.run.last("user") if serve.run else None
    sought = weights.Sought(
        model=model_path(serve, said, report),
        line=serve.line,
        known=known,
        downloads=card.downloads,
        environment=variables,
        wishes=wishes,
        report=report,
        revision=said.flags.revision,
    )
    return Found(
        card=card,
        serve=serve,
        line=said,
        image=image,
        chip_name=name,
        chip=profile,
        environment=variables,
        known=known,
        weights=weights.find(sought, user=user.text if user else ""),
        wishes=wishes,
        report=report,
    )


def described(name: str, *, chips: Chips, report: Report) -> None:
    if not name:
        report.miss(f"the chip: --chip NAME, one of {', '.join(sorted(chips))}")
    elif name not in chips:
        report.miss(
            f"a profile of chip {name}: described are {', '.join(sorted(chips))}; describe it in "
            "a file for --chips, or choose another one with --chip"
        )


def model_path(serve: Serve, said: Line, report: Report) -> str:
    model = said.model
    if model is None:
        return ""
    if model.unknown:
        names = ", ".join(model.unknown)
        report.miss(
            f"line {model.line}: the model's path needs {names}, which this text does not set: "
            "--set NAME=VALUE"
        )
        return ""
    text = model.text
    if weights.REPO.fullmatch(text) or text.startswith("/"):
        return mounts.tidy(text)
    base = serve.workdir if serve.workdir.startswith("/") else "/"
    return mounts.tidy(posixpath.normpath(posixpath.join(base, text)))


def named(found: Found) -> str:
    names = found.line.flags.fields.get("servedModelNames", [""])
    name = naming.name_of(found.weights.repo, found.weights.model, *names)
    found.report.say(f"name {name}", "made from the model's own; --name says it")
    return name


def put_together(found: Found) -> Object:
    kept = mounts.kept(
        found.line.flags.args, model=found.weights.model, known=found.known, report=found.report
    )
    mounts.tell(found.known, used=found.weights.mount, chip=found.chip, report=found.report)
    mounts.absent(
        found.environment.env, used=found.weights.mount, known=found.known, report=found.report
    )
    options.tell(found.serve, report=found.report)
    options.steps(found.serve, found.card, report=found.report)
    return {
        "chip": found.chip_name,
        "devices": devices(found),
        "image": found.image,
        "source": found.weights.source,
        "weights": found.weights.weights,
        "fetch": found.weights.fetch,
        "flagos": found.environment.flagos,
        "server": {**server(found), **({"volumeMounts": kept.mounts} if kept.mounts else {})},
        "pod": {
            **({"volumes": kept.volumes} if kept.volumes else {}),
            **options.host_aliases(found.serve),
        },
    }


def devices(found: Found) -> int | None:
    if found.wishes.devices is not None:
        return found.wishes.devices
    if found.chip is None:
        return None
    has = sizes.given(found.serve.run, found.environment)
    if not found.line.custom:
        needed = sizes.used(found.line.flags)
        sizes.compared(needed, has, found.report)
    elif has is None and sizes.resources(1, found.chip) is not None:
        found.report.miss("how many devices the server uses: --devices N")
        return None
    else:
        needed = has or 1
    return sizes.resources(needed, found.chip)


def server(found: Found) -> Object:
    said = found.line
    args = line.arguments(said, found.report)
    split(found)
    result = line.fields(said, args=args)
    port(found, result)
    before = [*found.serve.before, *found.environment.exports]
    own = found.chip.pre_start if found.chip else None
    if before and before != [own]:
        result["preStart"] = " && ".join(before)
    elif before:
        found.report.say(before[0], "left out: the chip's profile runs the same line")
    where = options.working_dir(found.serve, custom=said.custom, report=found.report)
    if where:
        result["workingDir"] = where
    api_key(found, result)
    names(found, result)
    if found.environment.env:
        result["env"] = found.environment.env
    return result


def split(found: Found) -> None:
    """The operator's default is all devices of the pod; an engine's own is one."""
    fields, chip = found.line.flags.fields, found.chip
    if found.line.custom or chip is None or "tensorParallelSize" in fields:
        return
    needed = sizes.used(found.line.flags)
    resources = sizes.resources(needed, chip)
    pipeline = fields.get("pipelineParallelSize", 1)
    if resources is not None and resources * chip.devices_per_resource // pipeline > 1:
        fields["tensorParallelSize"] = 1
        why = "added: one resource of this chip has several devices, and the server uses one"
        found.report.say("tensorParallelSize 1", why, line=found.serve.line)


def port(found: Found, result: Object) -> None:
    if found.wishes.port is not None:
        result["port"] = found.wishes.port
    elif found.line.custom and "flagscale" not in " ".join(found.line.command or ()):
        asked = line.asked_port(found.card, after=found.serve.line, report=found.report)
        if asked is None:
            found.report.miss("the port that the script's server listens on: --port N")
        else:
            result["port"] = asked
    if result.get("port", 8000) != 8000:  # noqa: PLR2004 - the Service's own default
        why = "kept for the pod; the Service answers on 8000, service.port changes that"
        found.report.say(f"port {result['port']}", why, line=found.serve.line)


def api_key(found: Found, result: Object) -> None:
    if found.wishes.api_key_secret:
        result["apiKeySecretRef"] = secret(found.wishes.api_key_secret, key="key")
    elif found.line.flags.api_key or found.environment.api_key:
        found.report.miss(
            "a Secret with the key that requests must carry, since the server asks for one: "
            "--api-key-secret NAME or NAME/KEY"
        )


def names(found: Found, result: Object) -> None:
    """Without a name of its own an engine answers to the path or the repository."""
    model = found.line.model
    if found.line.custom or model is None or "servedModelNames" in result:
        return
    if model.text.startswith("/"):
        why = "not kept as the name that requests use: that is the model's, metadata.name"
        found.report.say(f"model {model.text}", why, line=model.line)
    else:
        result["servedModelNames"] = [model.text]

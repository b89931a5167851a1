"""What `docker run` said beside mounts, devices and environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.fromdocker.typed import PLACING

if TYPE_CHECKING:
    from flagos_operator.fromdocker.card import Card, Serve
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg
    from flagos_operator.fromdocker.wishes import Wishes

USER = (
    "replaced: only a download to the node keeps this user, in fetch.securityContext; the server "
    "runs as the operator's own, server.securityContext {runAsUser: 0} changes that"
)
PORTS = "replaced: the Service answers on 8000, service.port changes that"
ENTRYPOINT = "replaced: the operator starts the server itself"
PINNED = "left out: pinning to CPUs is the node's work, the static CPU policy of its kubelet"
DETACHED = "left out: a pod's server stays in the foreground, and `kubectl logs` has what it says"
TYPED = (
    "left out: done by hand before the server starts; the image must have it, or server.preStart "
    "does it at each start"
)


def image(serve: Serve, card: Card, *, wishes: Wishes, report: Report) -> str:
    if wishes.image:
        return wishes.image
    said = serve.run.image if serve.run else None
    pulled = list(dict.fromkeys(arg.text for arg in card.pulls if not arg.unknown))
    if said is not None and not said.unknown:
        if pulled and said.text not in pulled:
            why = "taken, as it is what runs, though another image is pulled; --image says it"
            report.say(said.text, why, line=said.line)
        return said.text
    if len(pulled) == 1:
        report.say(pulled[0], "taken: the image that is pulled, as no other is named")
        return pulled[0]
    what = f", {said.source} is not filled in" if said is not None else ""
    report.miss(f"the image{what}: --image REGISTRY/NAME:TAG")
    return ""


def tell(serve: Serve, *, report: Report) -> None:
    if serve.run is None:
        report.say("no docker run", "there was none to read flags from, only the server's line")
        return
    for given in serve.run.options:
        why = {"user": USER, "publish": PORTS, "entrypoint": ENTRYPOINT}.get(
            given.flag.use, given.flag.why
        )
        if why:
            report.say(given.source, why, line=given.line)
    for placed in serve.dropped:
        why = PINNED if placed.split()[0] in PLACING else DETACHED
        report.say(placed, why, line=serve.line)


def steps(serve: Serve, card: Card, *, report: Report) -> None:
    for step in card.steps:
        if step.run is serve.run and step.line < serve.line:
            report.say(step.source, TYPED, line=step.line)


def host_aliases(serve: Serve) -> dict[str, Any]:
    if serve.run is None:
        return {}
    pairs = [split(value) for _, value in serve.run.using("add-host") if not value.unknown]
    aliases = [{"ip": ip, "hostnames": [name]} for name, ip in pairs]
    return {"hostAliases": aliases} if aliases else {}


def split(value: Arg) -> tuple[str, str]:
    name, _, address = value.text.partition("=" if "=" in value.text else ":")
    return name, address.strip("[]")


def working_dir(serve: Serve, *, custom: bool, report: Report) -> str:
    """Only for who looks at it: an engine with absolute paths does not."""
    given = next((item for item, _ in serve.run.using("workdir")), None) if serve.run else None
    own = given.value.text if given and given.value else ""
    if not serve.workdir.startswith("/"):
        if serve.workdir:
            report.say(f"cd {serve.workdir}", "left out: where this leads is not known")
        return ""
    if custom or serve.workdir.rstrip("/") != own.rstrip("/"):
        return serve.workdir
    if given:
        report.say(given.source, "left out: the server's line has absolute paths", line=given.line)
    return ""

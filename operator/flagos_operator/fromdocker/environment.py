"""Variables of a container: those that have a field, those that mean the host, and the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.api.managed import ENV
from flagos_operator.fromdocker.serveflags import UnknownValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flagos_operator.api.chip import Chip
    from flagos_operator.fromdocker.card import Variable
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

ON, OFF = {"1", "true", "yes", "on", "t", "y"}, {"0", "false", "no", "off", "f", "n", ""}
PREFER = {"flagos": "FlagOS", "flaggems": "FlagOS", "vendor": "Vendor", "reference": "Reference"}
DEVICES = re.compile(r"\w*VISIBLE_DEVICES$")
SECRET = re.compile(r"(?:HF|HUGGING_?FACE|MODELSCOPE|OPENAI|SGLANG_API)\w*(?:TOKEN|KEY)")
NODE = re.compile(r"MASTER_ADDR|MASTER_PORT|NODE_RANK|NNODES|RANK|WORLD_SIZE|VLLM_HOST_IP|HOST_IP")
INTERFACE = re.compile(r"\w*SOCKET_IFNAME|\w*_IFNAME")
REFERRED = re.compile(r"\$\{?([A-Za-z_]\w*)\b.*", re.DOTALL)
PATHS = re.compile(r"PATH|\w*_PATH|\w*_HOME|\w*_DIR|\w*_ROOT")
ENDPOINT = {"HF_ENDPOINT": "huggingface", "MODELSCOPE_ENDPOINT": "modelscope"}
HOSTS = {"DISPLAY", "TZ", "HOSTNAME", "http_proxy", "https_proxy", "no_proxy", "XAUTHORITY"}
GIVEN = {"VLLM_PLUGINS": "fl"}  # what the operator sets anyway


@dataclass(slots=True, kw_only=True)
class Environment:
    flagos: dict[str, Any] = field(default_factory=dict)
    env: list[dict[str, str]] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    visible: int | None = None
    endpoints: dict[str, str] = field(default_factory=dict)
    from_modelscope: bool = False
    api_key: bool = False


def read(variables: Iterable[Variable], *, chip: Chip | None, report: Report) -> Environment:
    result = Environment()
    for variable in variables:
        taken(variable, result=result, chip=chip, report=report)
    settle(result, report)
    return result


def taken(variable: Variable, *, result: Environment, chip: Chip | None, report: Report) -> None:
    name, text = variable.name, variable.value.text
    if name in ENV:
        managed(variable, result=result, report=report)
    elif why := host_word(variable, result, chip):
        shown = name if SECRET.fullmatch(name) else f"{name}={text}"
        report.say(shown, why, line=variable.line)
    elif variable.value.unknown and not for_the_shell(variable):
        report.say(f"{name}={text}", untold(variable.value), line=variable.line)
    elif for_the_shell(variable):
        result.exports.append(exported(variable))
        report.say(
            name, "kept in server.preStart, where the shell can read it", line=variable.line
        )
    else:
        result.env.append({"name": name, "value": text})


def untold(value: Arg) -> str:
    names = (REFERRED.fullmatch(each) for each in value.unknown)
    wanted = list(dict.fromkeys(found[1] for found in names if found))
    cure = " ".join(f"--set {name}=VALUE" for name in wanted) or "write it into server.env"
    return f"left out: only a shell could tell the value; {cure}"


def for_the_shell(variable: Variable) -> bool:
    """A path added to the image's own, or set after a file that would set it too."""
    own = any(re.match(rf"\$\{{?{variable.name}\b", unknown) for unknown in variable.value.unknown)
    refers = f"${variable.name}" in variable.value.source
    refers = refers or f"${{{variable.name}" in variable.value.source
    later = variable.sourced and PATHS.fullmatch(variable.name) is not None
    return own or refers or (later and not variable.value.unknown)


def exported(variable: Variable) -> str:
    _, _, value = variable.value.source.partition("=")
    return f"export {variable.name}={value or variable.value.text}"


def host_word(variable: Variable, result: Environment, chip: Chip | None) -> str:
    """Why a variable is left out, or nothing."""
    name, text = variable.name, variable.value.text
    if DEVICES.fullmatch(name):
        result.visible = counted(text) or result.visible
        return "replaced: the device plugin hands out what `chip` and `devices` ask for"
    if name in ENDPOINT:
        result.endpoints[ENDPOINT[name]] = text
        return "replaced by the endpoint of the source, if that hub is the source"
    if name == "VLLM_USE_MODELSCOPE":
        result.from_modelscope = text.lower() == "true"
        return "replaced by the source: the weights are downloaded before the server starts"
    chips = {item["name"]: item.get("value") for item in chip.env} if chip else {}
    return next((why for holds, why in REASONS if holds(name, text, chips)), "")


REASONS: tuple[tuple[Callable[[str, str, Mapping[str, str | None]], bool], str], ...] = (
    (
        lambda name, text, chips: GIVEN.get(name, chips.get(name)) == text,
        "left out: the operator or the chip's profile sets the same",
    ),
    (
        lambda name, *_: SECRET.fullmatch(name) is not None,
        "left out: a token belongs into a Secret; --token-secret NAME[/KEY] names the download's",
    ),
    (
        lambda name, *_: NODE.fullmatch(name) is not None,
        "left out: an address or a rank of the card's own machines",
    ),
    (
        lambda name, *_: INTERFACE.fullmatch(name) is not None,
        "left out: an interface of the host's network; a pod has its own",
    ),
    (lambda name, *_: name in HOSTS, "left out: a word about the host"),
)


def counted(text: str) -> int | None:
    """How many devices a list names; `all` names none."""
    if re.fullmatch(r"\d+-\d+", text):
        first, last = map(int, text.split("-"))
        return max(0, last - first) + 1
    names = [name for name in text.split(",") if name.strip()]
    known = all(re.fullmatch(r"\d+|(?:GPU|MIG|NPU)-[\w-]+", name.strip()) for name in names)
    return len(names) if names and known else None


def managed(variable: Variable, *, result: Environment, report: Report) -> None:
    name = variable.name
    if variable.value.unknown:
        report.miss(str(UnknownValueError(name, variable.value)))
        return
    if name in FIELDS:
        FIELDS[name](variable.value.text.strip(), result.flagos)
        why = f"replaced by {ENV[name]}"
    elif name == "VLLM_API_KEY":
        result.api_key = True
        why = f"replaced by {ENV[name]}: a key belongs into a Secret"
    else:
        why = f"left out: {ENV[name]} says it"
    shown = name if name == "VLLM_API_KEY" else f"{name}={variable.value.text}"
    report.say(shown, why, line=variable.line)


def flaggems(text: str, flagos: dict[str, Any]) -> None:
    if text.lower() in ON | OFF:
        flagos["mode"] = "FlagOS" if text.lower() in ON else "PluginOnly"


def preferred(text: str, flagos: dict[str, Any]) -> None:
    flagos["prefer"] = PREFER.get(text.lower(), text)


def enabled(text: str, flagos: dict[str, Any]) -> None:
    if text.lower() in OFF:
        flagos["mode"] = "PluginOnly"


def communication(text: str, flagos: dict[str, Any]) -> None:
    if text:
        flagos["flagcxPath"] = text.rstrip("/")


def listed(field_name: str) -> Callable[[str, dict[str, Any]], None]:
    def take(text: str, flagos: dict[str, Any]) -> None:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if names:
            flagos.setdefault("operators", {})[field_name] = list(dict.fromkeys(names))

    return take


FIELDS: Mapping[str, Callable[[str, dict[str, Any]], None]] = {
    "USE_FLAGGEMS": flaggems,
    "FLAGCX_PATH": communication,
    "VLLM_FL_PREFER": preferred,
    "VLLM_FL_PREFER_ENABLED": enabled,
    "VLLM_FL_FLAGOS_WHITELIST": listed("allow"),
    "VLLM_FL_FLAGOS_BLACKLIST": listed("deny"),
    "VLLM_FL_FLAGOS_BLACKLIST_APPEND": listed("denyMore"),
}


def settle(result: Environment, report: Report) -> None:
    """Lists of operators mean nothing where FlagGems is off."""
    plugins = next((item for item in result.env if item["name"] == "VLLM_PLUGINS"), None)
    if plugins is not None and not plugins["value"]:
        result.env.remove(plugins)
        result.flagos = {"mode": "Native"}
        report.say('VLLM_PLUGINS=""', "replaced by spec.flagos.mode Native")
    if result.flagos.get("mode") == "PluginOnly" and result.flagos.pop("operators", None):
        report.say("lists of operators", "left out: FlagGems is off, they choose nothing")

"""The verb `render`: what the operator would apply, without a cluster."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from flagos_operator import operands
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.decisions import Supplier, planned
from flagos_operator.desired.fleet import doubts
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.render import render
from flagos_operator.documents import UnreadableError, found, repeated
from flagos_operator.errors import SettingsError
from flagos_operator.printing import put, say
from flagos_operator.settings import Settings
from flagos_operator.status.prechecks import objection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flagos_operator.api.spec import FlagOSModelSpec
    from flagos_operator.catalog.catalogue import Catalogue
    from flagos_operator.desired.plan import Plan
    from flagos_operator.documents import Document

API_VERSION = "flagos.io/v1alpha1"
NAMESPACE = "default"
OK, INVALID, UNREADABLE = 0, 1, 2

CHOICE = (
    "spec.model: what is chosen depends on the cluster, which is not asked here: "
    "`flagos-operator plan` chooses and shows the objects; or name one of its rows in spec.release"
)

EPILOG = """\
Objects go to stdout as YAML in the order in which they are applied. What is wrong goes to stderr
with its field and its cure, and so does what is doubtful, such as an image for another chip:
that is rendered all the same. Documents of other kinds are left out and named on stderr.
Releases and chips are those that are shipped with this program. A model with spec.model is
refused, as what is chosen depends on the cluster: `flagos-operator plan` shows it.
The operator's settings are read from the environment variables that its chart sets, such as
FLAGOS_REGISTRY_REWRITE. An object from a file has no uid, so its children are rendered without
an owner.

exit codes:
  0  every model was rendered
  1  a model is invalid; the others were rendered
  2  wrong usage, or a file, the chips or the settings could not be read; nothing was rendered

examples:
  flagos-operator render -f model.yaml
  flagos-operator render -f models/ > /dev/null        # in CI: only errors, and the exit code
  kubectl get flagosmodels -o yaml | flagos-operator render -f -
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What an operator in a cluster would know besides the object."""

    defaults: Defaults
    catalogue: Catalogue
    namespace: str
    supplier: Supplier = field(default_factory=Supplier)

    def readable(self, document: Document) -> FlagOSModelSpec | Invalid:
        if document.body.get("apiVersion") != API_VERSION:
            return Invalid(reason="InvalidSpec", message=f"apiVersion: must be {API_VERSION}")
        return parse(document.body)

    def plan(self, document: Document) -> Plan | Invalid:
        spec = self.readable(document)
        if isinstance(spec, Invalid):
            return spec
        if spec.model:
            return Invalid(reason="InvalidSpec", message=CHOICE)
        supply = self.supplier.supply(self.catalogue, spec, spec.release)
        meta = self.meta(document.metadata)
        return planned(document.body, spec, supply, meta=meta, defaults=self.defaults)

    def meta(self, metadata: Mapping[str, Any]) -> Meta:
        return Meta(
            namespace=str(metadata.get("namespace") or self.namespace),
            name=str(metadata["name"]),
            uid=str(metadata.get("uid") or ""),
            generation=int(metadata.get("generation") or 1),
        )


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - asked for each value
        return True


def add_arguments(parser: argparse.ArgumentParser, *, elsewhere: str = NAMESPACE) -> None:
    """`elsewhere` says which namespace it is where nobody says one."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add(
        *("-f", "--filename"),
        action="append",
        required=True,
        dest="files",
        metavar="FILE",
        help="YAML with FlagOSModels, a folder of such files, or - for stdin; repeatable",
    )
    add(
        "--chips", metavar="FILE", help="YAML with chips of your own, as the chart's value `chips`"
    )
    add(
        *("-n", "--namespace"),
        metavar="NAME",
        help=f"namespace of objects that name none (default: {elsewhere})",
    )
    add("--operator-image", metavar="IMAGE", help="image of the container that downloads")


def run(args: argparse.Namespace) -> int:
    try:
        operator = operator_of(args, environment=os.environ)
        models = found(args.files)
    except (UnreadableError, SettingsError) as wrong:
        say(str(wrong))
        return UNREADABLE
    return tell(models, operator=operator)


def settings_of(args: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    settings = Settings.from_environment(environment)
    return replace(
        settings,
        chips_file=args.chips or settings.chips_file,
        operator_image=args.operator_image or settings.operator_image,
    )


def operator_of(args: argparse.Namespace, *, environment: Mapping[str, str]) -> Operator:
    settings = settings_of(args, environment)
    return Operator(
        defaults=operands.defaults(settings),
        catalogue=operands.catalogue(settings),
        namespace=args.namespace or NAMESPACE,
    )


def tell(models: Sequence[Document], *, operator: Operator) -> int:
    code = OK
    for model, again in zip(models, repeated(models, namespace=operator.namespace), strict=True):
        if again:
            say(f"{model.title}: warning: {again}")
        plan = operator.plan(model)
        if isinstance(plan, Invalid):
            say(f"{model.title}: {plan.reason}: {plan.message}")
            code = INVALID
        else:
            printed(plan, title=model.title)
    return code


def printed(plan: Plan, *, title: str) -> None:
    for each in map(objection, doubts(plan)):
        say(f"{title}: warning: {each.reason}: {each.message}")
    put(
        yaml.dump_all(
            render(plan), Dumper=Dumper, sort_keys=False, explicit_start=True, width=1000
        )
    )

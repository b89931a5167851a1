"""`flagos-operator chips`: which chips the cluster has, how many are free, and what they are."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from flagos_operator import kubeconfig, operands
from flagos_operator.cluster.inventory import Survey, survey
from flagos_operator.desired.bid import vendor
from flagos_operator.desired.stock import Hardware, Place, Stock, hardware
from flagos_operator.errors import OperatorError, SettingsError
from flagos_operator.printing import put
from flagos_operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flagos_operator.catalog.chips import Chips

READ, UNKNOWN, FAILED = 0, 1, 2
EPILOG = f"""\
{kubeconfig.WHICH}

One line tells of one resource and one sort of chip; `free` is what pods have not asked for, on
nodes that take pods.
A resource that no chip profile names is told with - as its chip, a chip whose nodes nobody can
count, for want of a device plugin, at the end.

exit codes:
  0  the nodes were read
  1  the nodes may not be listed, so nothing is known
  2  wrong usage, or the cluster could not be reached
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`free` and `used` are None where pods could not be counted."""

    chip: str
    resource: str
    nodes: int
    total: int
    free: int | None
    used: int | None
    product: str
    memory_mib: int
    driver: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    kubeconfig.add_arguments(parser.add_argument)
    parser.add_argument("--json", action="store_true", help="a JSON object instead of a table")
    parser.add_argument(
        "--chips", metavar="FILE", help="YAML with chips of your own, as the chart's value `chips`"
    )


def run(args: argparse.Namespace) -> int:
    try:
        settings = Settings.from_environment(os.environ)
        known = operands.chips(replace(settings, chips_file=args.chips or settings.chips_file))
        found = asyncio.run(looked(args, kubeconfig.surroundings(args, os.environ)))
    except SettingsError as wrong:
        return _fail(str(wrong))
    except OperatorError as lost:
        return _fail(f"cannot read the cluster: {lost}")
    return tell(found.stock(), known, as_json=args.json)


def _fail(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return FAILED


async def looked(args: argparse.Namespace, environment: Mapping[str, str]) -> Survey:
    client = kubeconfig.client_of(args, environment)
    try:
        return await survey(client)
    finally:
        await client.close()


def tell(stock: Stock, chips: Chips, *, as_json: bool) -> int:
    found, unseen = tuple(lines(stock, chips)), tuple(uncountable(chips))
    if as_json:
        put(json.dumps(document(stock, found, unseen), indent=2) + "\n")
    else:
        told = (f"{words}\n" for words in remarks(stock, found, unseen))
        put("".join((table(found) if found else "", *told)))
    return UNKNOWN if stock.unknown else READ


def lines(stock: Stock, chips: Chips) -> Iterator[Line]:
    """Known chips in the order of their names, then what nobody knows."""
    names = {chip.resource_name: name for name, chip in sorted(chips.items(), reverse=True)}
    makers = {vendor(resource): name for resource, name in names.items() if resource}
    order = sorted(
        stock.places, key=lambda each: (names.get(each) or makers.get(vendor(each), "~"), each)
    )
    for resource in order:
        chip = names.get(resource) or makers.get(vendor(resource)) or "-"
        for sort, places in sorts(stock.of(resource), resource=resource).items():
            yield line(chip, resource, sort, places, counted=not stock.uncounted)


def sorts(places: Iterable[Place], *, resource: str) -> Mapping[Hardware, list[Place]]:
    found: dict[Hardware, list[Place]] = {}
    for place in places:
        if place.total:
            seen = hardware(place.node.labels, resource=resource)
            found.setdefault(seen, []).append(place)
    return dict(sorted(found.items(), key=lambda each: (each[0].product, each[0].driver)))


def line(
    chip: str, resource: str, sort: Hardware, places: Sequence[Place], *, counted: bool
) -> Line:
    open_to = (each for each in places if each.node.ready and not each.node.cordoned)
    return Line(
        chip=chip,
        resource=resource,
        nodes=len(places),
        total=sum(each.total for each in places),
        free=sum(each.free for each in open_to) if counted else None,
        used=sum(each.used for each in places) if counted else None,
        product=sort.product,
        memory_mib=sort.memory_mib,
        driver=sort.driver,
    )


def uncountable(chips: Chips) -> Iterator[str]:
    """No resource, and a variable that lists devices: there are some, and no plugin."""
    for name, chip in sorted(chips.items()):
        if not chip.resource_name and chip.visible_devices_env:
            yield name


def document(stock: Stock, found: Iterable[Line], unseen: Iterable[str]) -> dict[str, Any]:
    return {
        "chips": [_camel(asdict(each)) for each in found],
        "withoutDevicePlugin": list(unseen),
        "unknown": stock.unknown,
        "uncounted": stock.uncounted,
    }


def _camel(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {("memoryMiB" if name == "memory_mib" else name): it for name, it in fields.items()}


HEAD = ("CHIP", "RESOURCE", "NODES", "TOTAL", "FREE", "USED", "PRODUCT", "MEMORY", "DRIVER")


def table(found: Iterable[Line]) -> str:
    rows = [HEAD, *(cells(each) for each in found)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    texts = (
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "".join(f"{text}\n" for text in texts)


def cells(each: Line) -> tuple[str, ...]:
    return (
        each.chip,
        each.resource,
        str(each.nodes),
        str(each.total),
        _known(each.free),
        _known(each.used),
        each.product or "-",
        f"{each.memory_mib} MiB" if each.memory_mib else "-",
        each.driver or "-",
    )


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)


def remarks(stock: Stock, found: Sequence[Line], unseen: Sequence[str]) -> Iterator[str]:
    if stock.unknown:
        yield f"Nothing is known of the chips: {stock.unknown}."
        yield "Whoever may list nodes (get a ClusterRole with nodes: list) sees them."
        return
    if stock.uncounted:
        yield f"Free and used: {stock.uncounted}."
    if not found:
        yield f"None of {len(stock.nodes)} nodes offers a device; is a device plugin installed?"
    if unseen:
        yield f"No device plugin is known, so nobody can count: {', '.join(unseen)}."

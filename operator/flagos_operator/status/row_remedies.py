"""What helps where the rows of chips and releases are concerned."""

from __future__ import annotations

from flagos_operator.status.reasons import Reason
from flagos_operator.status.remedy import Remedy

_TAKE_IT = (
    "Nothing has to be done. To take the new row: kubectl rollout restart deployment/NAME, or any "
    "edit of the spec that rolls pods."
)
_KEPT = (
    "Nothing has to be done: what the model was made from is kept beside it and stays in use, "
    "also through edits. "
)

ROWS = {
    Reason.RELEASE_FAILED: Remedy(
        "The release that the spec names was published with the verdict Failed. The objects are "
        "written from it all the same.",
        "Check what the model answers, or name another release: kubectl get flagosreleases.",
    ),
    Reason.IMAGE_FOR_ANOTHER_CHIP: Remedy(
        "The image is made for another vendor's chip, by its name or by spec.versions.chip. Names "
        "may be wrong, so the pods are made all the same; it is told until one of them serves.",
        "Use an image for the chip, or correct spec.chip. If the name is wrong, say in "
        "spec.versions.chip what the image is made for.",
    ),
    Reason.NODE_TOO_SMALL: Remedy(
        "A pod asks for more devices than any node has, in use or not. The pods are made all the "
        "same, as nodes may come.",
        "Ask for what one node has (spec.devices), or add a larger one: it is seen within a "
        "minute.",
    ),
    Reason.DRIVER_TOO_OLD: Remedy(
        "The drivers of all nodes that have the devices are older than what the image asks for, "
        "by their labels and the image's name. The pods are made all the same; it is told until "
        "one of them serves.",
        "Use an image for the driver, or update the driver.",
    ),
    Reason.INSUFFICIENT_DEVICE_MEMORY: Remedy(
        "The devices of a pod cannot hold what the server needs: by the size of the weights that "
        "the release or the download says, and once the files are there by their config.json, "
        "with the cache for spec.server.maxModelLen. The pods are made all the same; it is told "
        "until one of them serves.",
        "Raise spec.devices or lower spec.server.maxModelLen to what the message says. Nothing "
        "has to be done where a repository that is still arriving holds its weights twice.",
    ),
    Reason.WITHOUT_DEVICES: Remedy(
        "spec.devices, or the release, says 0 where the chip has devices: none is asked for. The "
        "pods are made all the same; it is told until one of them serves.",
        "Remove spec.devices to have the chip's default, or say how many. Devices that come by "
        "spec.server.resources.claims count as some.",
    ),
    Reason.CHIP_CHANGED: Remedy(
        "The chip profile has changed since the model was made from it; that rolls no pod.",
        _TAKE_IT,
    ),
    Reason.RELEASE_CHANGED: Remedy(
        "The release has changed since the model was made from it; that rolls no pod.",
        _TAKE_IT,
    ),
    Reason.CHIP_GONE: Remedy(
        "The chip profile that the model was made from is gone, or cannot be read any more.",
        _KEPT + "To have none of this, add the profile again.",
    ),
    Reason.RELEASE_GONE: Remedy(
        "The release that the model was made from is gone, or cannot be read any more.",
        _KEPT + "To have none of this, add the release again, or name another one.",
    ),
    Reason.INVALID_CHIP: Remedy(
        "The chip profile in use cannot be read; the message names its field.",
        "Correct that FlagOSChip, or the chart value `chips`.",
    ),
    Reason.UNKNOWN_RELEASE: Remedy(
        "No release of the name in spec.release is known.",
        "Use one that is (kubectl get flagosreleases), or add a FlagOSRelease of that name.",
    ),
    Reason.INVALID_RELEASE: Remedy(
        "The release cannot be read or served by this operator; the message names its field.",
        "Correct that FlagOSRelease, or name another one.",
    ),
    Reason.UNKNOWN_MODEL: Remedy(
        "No release serves a model of the name in spec.model.name; case and punctuation do not "
        "count.",
        "Use one of the names that the message offers (kubectl get flagosreleases), or add a "
        "FlagOSRelease.",
    ),
    Reason.CHOOSING: Remedy(
        "The operator reads which chips the nodes have and how many are free.",
        "Nothing to do; it takes a moment, and in a large cluster some seconds.",
    ),
    Reason.NO_RELEASE_FITS: Remedy(
        "Releases of the model exist, but none fits what the cluster has now; the message says "
        "why of the likeliest, status.selection of more. No pod is made, and it is looked at "
        "again when nodes or free devices change.",
        "Free devices or add nodes, ask for fewer with spec.devices, allow more chips in "
        "spec.model.chips, or name one release in spec.release: its pod then waits for its chip, "
        "which a cluster autoscaler needs to see.",
    ),
    Reason.INVENTORY_UNKNOWN: Remedy(
        "The model is published for several chips, and the operator may not list nodes, so it "
        "cannot tell which of them are here.",
        "Name the chips in spec.model.chips, the most wanted first, or name spec.release; or "
        "give the operator the right to list nodes (chart value rbac.nodes).",
    ),
    Reason.IMAGE_REQUIRED: Remedy(
        "The release is published without an image that everybody can pull.",
        "Set spec.image.",
    ),
    Reason.MULTI_NODE_UNSUPPORTED: Remedy(
        "One replica would be spread over several nodes, which is not supported yet.",
        "Name a release for one node, or set spec.nodes to 1 and spec.devices to what one node "
        "has, where that is enough.",
    ),
}

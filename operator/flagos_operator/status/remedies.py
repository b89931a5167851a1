"""What each reason means and what helps: docs/status.md is this table for people."""

from __future__ import annotations

from flagos_operator.status.crash_remedies import CRASHES
from flagos_operator.status.reasons import Reason
from flagos_operator.status.remedy import Remedy
from flagos_operator.status.row_remedies import ROWS

REMEDIES = {
    Reason.SERVING: Remedy(
        "A pod of the newest spec answers requests.",
        "Nothing to do.",
    ),
    Reason.COMPLETE: Remedy(
        "All files of the weights are on the volume and were verified.",
        "Nothing to do.",
    ),
    Reason.SERVED_IN_PLACE: Remedy(
        "The weights are read from where they lie; the operator downloads and checks nothing.",
        "Nothing to do. With spec.weights.verify they are checked against their record.",
    ),
    Reason.CURRENT: Remedy(
        "What was made for the model follows the newest spec and the present rows of chip and "
        "release.",
        "Nothing to do.",
    ),
    Reason.DONE: Remedy(
        "Nothing is left to change.",
        "Nothing to do.",
    ),
    Reason.PLUGIN_LOADED: Remedy(
        "The server's log proves that FlagOS is in use; status.stack says how much of it.",
        "Nothing to do.",
    ),
    Reason.SUSPENDED: Remedy(
        "spec.suspend is true, so no pod runs.",
        "Set spec.suspend to false to serve again.",
    ),
    Reason.SCALED_TO_ZERO: Remedy(
        "spec.replicas is 0.",
        "Raise spec.replicas, or kubectl scale flagosmodel/NAME --replicas=1.",
    ),
    Reason.DELETING: Remedy(
        "The model is being deleted.",
        "Nothing to do; its pods end within their grace period.",
    ),
    Reason.NOT_RUNNING: Remedy(
        "No pod runs that could tell; Ready says why none does.",
        "It is known again once a pod has started.",
    ),
    Reason.NOT_CHECKED: Remedy(
        "FlagOS was not asked for, or no log could tell whether it is in use.",
        "If the log could not be read from its start, restart the pod. Of other engines than VLLM "
        "only proof is known, and silence tells nothing.",
    ),
    Reason.NATIVE_REQUESTED: Remedy(
        "spec.flagos.mode is Native.",
        "Set spec.flagos.mode to FlagOS.",
    ),
    Reason.NOT_EVALUATED: Remedy(
        "No evaluation has looked at this model.",
        "Nothing to do.",
    ),
    Reason.PENDING: Remedy(
        "The objects are written; Kubernetes has made no pod of the newest spec yet.",
        "Wait. If it stays, look at the Deployment: kubectl describe deployment NAME.",
    ),
    Reason.SCHEDULING: Remedy(
        "The scheduler is choosing a node.",
        "Wait.",
    ),
    Reason.PULLING: Remedy(
        "The node prepares volumes and network and pulls the image; it can be many gigabytes.",
        "Wait. kubectl describe pod shows what the node is doing.",
    ),
    Reason.DOWNLOADING: Remedy(
        "The weights are being downloaded and verified.",
        "Wait. status.progress says how far it is, and what goes wrong while it is tried again.",
    ),
    Reason.LOCK_HELD: Remedy(
        "Another pod is downloading to the same volume.",
        "Wait. The files are used as soon as the other download is complete.",
    ),
    Reason.STARTING: Remedy(
        "The server's container runs, and the server does not answer yet; or another container of "
        "the pod is not ready.",
        "Wait. The phase, status.progress and status.startup say how far it is.",
    ),
    Reason.ROLLING: Remedy(
        "A pod of the newest spec serves, but pods of an older spec are still there.",
        "Wait.",
    ),
    Reason.RECLAIMING: Remedy(
        "A deleted model's weights are being removed from the directory that this one uses.",
        "Wait. If it stays, look at the Job that the message names; deleting that Job keeps what "
        "is left in the directory.",
    ),
    Reason.UNSCHEDULABLE: Remedy(
        "No node has what the pod asks for: devices, memory, labels or tolerated taints. The "
        "message says if no node offers the device, or a node is cordoned, or a label is the "
        "chip's own; where the operator may not list nodes, it cannot tell whether all devices "
        "are in use or there are none.",
        "Free or add devices, or ask for fewer (spec.devices). Where no node has any, the "
        "vendor's device plugin is missing or does not run: flagos-operator chips. The message "
        "has the scheduler's words.",
    ),
    Reason.VOLUME_CLAIM_PENDING: Remedy(
        "No volume is bound to the claim for the weights.",
        "Check that the storage class that the message names exists and can provision: "
        "kubectl describe pvc CLAIM. If it is the wrong one: delete the model and then the claim "
        "(kubectl delete pvc CLAIM; not bound, it holds nothing), and apply the model with the "
        "right class.",
    ),
    Reason.VOLUME_NOT_MOUNTED: Remedy(
        "The node cannot mount a volume of the pod, or make its network: the message has the "
        "kubelet's words, in seconds. Without the right to list Events, or where the kubelet says "
        "nothing, it is told after 130 s and without the volume.",
        "Make the directory, Secret or ConfigMap, or correct the field that the message names; "
        "kubectl describe pod says the same at length.",
    ),
    Reason.NODE_LOST: Remedy(
        "The node of the pod no longer answers, was shut down or is gone.",
        "Bring the node back or delete it; Kubernetes replaces the pod after five minutes.",
    ),
    Reason.STALLED: Remedy(
        "The server starts, but its log has said nothing for far longer than this step takes on "
        "this chip; the message has its last line, or since when there is none at all.",
        "Look at what the server does (kubectl logs POD -c server -f, and the device's own tool). "
        "It ends by itself when the log goes on; the pod is restarted when "
        "spec.startup.budgetSeconds is over, or now with kubectl delete pod POD.",
    ),
    Reason.NOT_RESPONDING: Remedy(
        "The server was ready and has stopped answering its health path.",
        "It is restarted if this lasts a minute. Look at kubectl logs POD -c server.",
    ),
    Reason.NO_POD_READY: Remedy(
        "No pod answers requests.",
        "The Ready condition says why.",
    ),
    Reason.FLAGOS_UNPROVEN: Remedy(
        "spec.flagos.strict is set and nothing proves that FlagOS is on: the server's log could "
        "not be read from its start, or does not tell.",
        "Restart the pod to have its log read, or remove spec.flagos.strict.",
    ),
    Reason.CANNOT_PULL_IMAGE: Remedy(
        "The node cannot get the image; the message has the registry's words.",
        "Correct spec.image; for a private registry add a Secret to spec.imagePullSecrets, or "
        "look whether those that are named there exist and are for that registry; or make the "
        "registry reachable from the node.",
    ),
    Reason.CANNOT_START: Remedy(
        "The container runtime could not start the container: a program that the image does "
        "not have, a device or a mount that the node refuses.",
        "Correct spec.server.command, the image or the mounts named in the message.",
    ),
    Reason.FETCH_FAILED: Remedy(
        "The download ended for a reason that has no name of its own.",
        "Look at kubectl logs POD -c fetch --previous.",
    ),
    Reason.INTERNAL_ERROR: Remedy(
        "The download met a fault of its own.",
        "Report it with kubectl logs POD -c fetch --previous; it is tried again by itself.",
    ),
    Reason.SOURCE_UNREACHABLE: Remedy(
        "The hub cannot be reached from the pod, or answers with an error of its own.",
        "Check spec.source.HUB.endpoint, a proxy in spec.fetch.env, DNS and network policy, or "
        "add a hub to spec.source.mirrors. The download goes on where it was.",
    ),
    Reason.RATE_LIMITED: Remedy(
        "The hub refuses more requests for now.",
        "Wait, give a token (spec.source.HUB.tokenSecretRef), or add a hub to "
        "spec.source.mirrors. The download goes on where it was.",
    ),
    Reason.CHECKSUM_MISMATCH: Remedy(
        "A downloaded file is not what the hub announced, or one that was brought by hand is not "
        "what its record says.",
        "A download is tried again by itself; if it repeats, suspect the hub, a proxy or the "
        "disk, and name another hub in spec.source.mirrors. Files brought by hand: copy those "
        "that the message names once more.",
    ),
    Reason.OUT_OF_MEMORY: Remedy(
        "A container used more host memory than its limit and was killed.",
        "Raise the field that the message names with the limit in force: "
        "spec.server.resources.limits.memory, for the download "
        "spec.fetch.resources.limits.memory. Files in /dev/shm count too.",
    ),
    Reason.EVICTED: Remedy(
        "The node removed the pod, mostly for want of disk or memory, or for a pod that is more "
        "important.",
        "Do what the message says of the case: raise the limit that the pod outgrew "
        "(spec.weights.emptyDir.sizeLimit, or that of a volume in spec.pod.volumes), free space "
        "on the node, or give the weights a volume with enough room (spec.weights). For memory: "
        "spec.server.resources.requests.memory; against other pods: spec.pod.priorityClassName.",
    ),
    Reason.REFUSED_BY_NODE: Remedy(
        "The node that was chosen would not run the pod: a device plugin could not give the "
        "device, or there was less room than the scheduler thought.",
        "It is tried again by itself. If it repeats, look at the device plugin on that node; the "
        "message says what else it may be.",
    ),
    Reason.STARTUP_BUDGET_EXCEEDED: Remedy(
        "The server did not answer within its start-up budget and was killed.",
        "Raise spec.startup.budgetSeconds, or find in the log what takes so long. The message "
        "says how the budget came about.",
    ),
    Reason.ENGINE_DIED: Remedy(
        "The engine was killed from outside, or the server ended with exit code 0 though nobody "
        "asked it to: so it does when its engine dies, or when it no longer answers and is "
        "stopped.",
        "Look at kubectl logs POD -c server --previous for the engine's last error. Killed for "
        "want of host memory: raise spec.server.resources.limits.memory.",
    ),
    Reason.CRASH_LOOP: Remedy(
        "A container ended by itself; the message has its exit code and the telling line of "
        "its log.",
        "Act on that line; all of it: kubectl logs POD -c CONTAINER --previous.",
    ),
    Reason.INVALID_SPEC: Remedy(
        "The spec cannot be served as it is; the message names the field.",
        "Correct the field that the message names.",
    ),
    Reason.UNKNOWN_CHIP: Remedy(
        "No chip profile of the name in spec.chip or spec.model.chips is known.",
        "Use a known chip: the message lists them, the likest first. Or add a profile, as a "
        "FlagOSChip or with the chart value `chips`.",
    ),
    Reason.NO_DEVICE_RESOURCE: Remedy(
        "spec.devices asks for devices, but the chip profile names no resource to ask for.",
        "Set spec.deviceResourceName, use a profile that has one, or set spec.devices to 0.",
    ),
    Reason.TOO_FEW_DEVICES: Remedy(
        "The model is split over more devices than the pod has.",
        "Raise spec.devices, or lower spec.server.tensorParallelSize or pipelineParallelSize.",
    ),
    Reason.MANAGED_RESOURCE: Remedy(
        "spec.server.resources sets the chip's own resource.",
        "Use spec.devices.",
    ),
    Reason.MANAGED_FLAG: Remedy(
        "spec.server.args sets a flag that has a field of its own.",
        "Use the field that the message names instead of the flag.",
    ),
    Reason.PLUGIN_TOO_OLD: Remedy(
        "The FlagOS plugin in the image does not know what spec.flagos asks for.",
        "Use a newer spec.image, or leave out the field that the message names.",
    ),
    Reason.WITHOUT_EFFECT: Remedy(
        "A field of the spec asks for something that another one, or the chip, turns off.",
        "Remove one of the two; the message names both.",
    ),
    Reason.RESERVED_NAME: Remedy(
        "A container or volume in spec.pod has a name that the operator uses itself.",
        "Rename it in spec.pod.",
    ),
    Reason.COMMAND_REQUIRED: Remedy(
        "What the spec asks for needs spec.server.command, which is absent.",
        "Set spec.server.command.",
    ),
    Reason.NAME_TAKEN: Remedy(
        "An object of this name exists and does not belong to this model; it is left alone.",
        "Remove or rename that object, or give the model another name.",
    ),
    Reason.QUOTA_EXCEEDED: Remedy(
        "A ResourceQuota of the namespace leaves no room.",
        "Raise the quota, free some of it, or ask for less: spec.replicas, spec.devices, "
        "spec.server.resources.",
    ),
    Reason.POD_REJECTED: Remedy(
        "An admission rule refuses the pod: Pod Security, a LimitRange, a policy, a webhook.",
        "Change the spec so that the rule in the message holds, or the rule. A webhook that does "
        "not answer is asked again, and the model is not Stalled by it.",
    ),
    Reason.INVALID_POD: Remedy(
        "The API server refuses an object made from the spec; the message names its field.",
        "Correct that field: of what was passed through, spec.pod, or env, resources and "
        "volumeMounts of spec.server.",
    ),
    Reason.FORBIDDEN: Remedy(
        "The operator lacks the right to write an object.",
        "Install the chart's roles for this namespace.",
    ),
    Reason.INVALID_IMAGE_NAME: Remedy(
        "The image reference cannot be parsed.",
        "Correct spec.image.",
    ),
    Reason.IMAGE_NEVER_PULLED: Remedy(
        "imagePullPolicy is Never and the node does not have the image.",
        "Load the image onto the node, or change spec.imagePullPolicy.",
    ),
    Reason.CONFIG_MISSING: Remedy(
        "A Secret, ConfigMap or key that a container needs does not exist.",
        "Create what the message names; the pod then goes on by itself.",
    ),
    Reason.VOLUME_CLAIM_MISSING: Remedy(
        "A claim that the pod uses does not exist.",
        "Create the claim that the message names, or correct its name in "
        "spec.weights.persistentVolumeClaim, spec.source.persistentVolumeClaim or "
        "spec.pod.volumes.",
    ),
    Reason.VOLUME_CLAIM_REFUSED: Remedy(
        "The claim for the weights cannot become what the spec asks: it never shrinks, grows "
        "only where its storage class allows that, and keeps its class and access modes for ever.",
        "Set the size that the message names. Of another class: delete the claim if it holds "
        "nothing, as the message says, else write the class that it has. What else the spec says "
        "is followed meanwhile.",
    ),
    Reason.NO_SERVICE_ADDRESS: Remedy(
        "The cluster has no address left for another Service.",
        "Delete Services that nobody uses, or add a range to the cluster (a ServiceCIDR).",
    ),
    Reason.VOLUME_CLAIM_LOST: Remedy(
        "The volume behind the claim for the weights is gone.",
        "Delete the claim; it is made anew and the weights are downloaded again.",
    ),
    Reason.SOURCE_NOT_FOUND: Remedy(
        "The hub has no such repository, or hides it without a token.",
        "Correct the repo that the message names, spec.source.HUB.repo or that of a mirror, or "
        "give a token (tokenSecretRef beside it).",
    ),
    Reason.REVISION_NOT_FOUND: Remedy(
        "The repository has no such revision.",
        "Correct spec.source.HUB.revision, or that of the mirror that the message names.",
    ),
    Reason.UNAUTHORIZED: Remedy(
        "The hub refuses the token, or asks for one.",
        "Put a valid token into the Secret of spec.source.HUB.tokenSecretRef, or of the mirror "
        "that the message names; accept the model's terms if any.",
    ),
    Reason.INSUFFICIENT_STORAGE: Remedy(
        "The volume has no room for the weights.",
        "Enlarge the volume by the field of spec.weights that the message names, or leave files "
        "out with spec.source.exclude.",
    ),
    Reason.VOLUME_NOT_WRITABLE: Remedy(
        "The download may not write to the volume.",
        "Change the owner of the directory, or set spec.fetch.securityContext.",
    ),
    Reason.DIRECTORY_CONFLICT: Remedy(
        "The directory on the volume holds another repository or revision; it is not overwritten.",
        "Choose another spec.weights.directory, or empty that directory.",
    ),
    Reason.INVALID_SOURCE: Remedy(
        "The source is malformed, its include and exclude lists leave no file, or an endpoint is "
        "a link-local or metadata address or leads to one.",
        "Correct spec.source as the message says. An address that is a hub all the same is "
        "allowed by the administrator: chart value operand.fetch.allowedAddresses.",
    ),
    Reason.RECORD_MISSING: Remedy(
        "spec.weights.verify asks for a check of weights that were brought by hand, and there is "
        "no whole record .flagos.json beside them to check them against.",
        "Copy the record with the files, or make it where there is a network: flagos-operator "
        "fetch. Without spec.weights.verify they are served unchecked.",
    ),
    **ROWS,
    **CRASHES,
}

# Also by plain strings: reasons come from specs and downloads as well.
_CAUSES: dict[str, str] = {reason.value: remedy.cause for reason, remedy in REMEDIES.items()}


def cause(reason: str) -> str:
    return _CAUSES.get(reason, "")

"""The public vocabulary of reasons: each with its cause and its cure, never renamed.

docs/status.md lists them; a test holds the two together.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class Kind(Enum):
    """What a reason asks of whom. Only BLOCKED makes the model Stalled."""

    GOOD = "as wished"
    REST = "at rest because somebody wished it"
    MOVING = "under way, nothing to do"
    WAITING = "waits for something outside; may go on by itself"
    FAILED = "failed and is tried again"
    BLOCKED = "does not heal until somebody acts"


class Reason(StrEnum):
    kind: Kind
    cause: str
    cure: str

    def __new__(cls, name: str, kind: Kind, cause: str, cure: str) -> Reason:
        member = str.__new__(cls, name)
        member._value_ = name
        member.kind, member.cause, member.cure = kind, cause, cure
        return member

    # As wished
    SERVING = (
        "Serving",
        Kind.GOOD,
        "A pod of the newest spec answers requests.",
        "Nothing to do.",
    )
    COMPLETE = (
        "Complete",
        Kind.GOOD,
        "All files of the weights are on the volume and were verified.",
        "Nothing to do.",
    )
    SERVED_IN_PLACE = (
        "ServedInPlace",
        Kind.GOOD,
        "The weights are read from where they lie; the operator downloads and checks nothing.",
        "Nothing to do.",
    )
    CURRENT = (
        "Current",
        Kind.GOOD,
        "What runs was made from the newest spec and the present chip profile.",
        "Nothing to do.",
    )
    DONE = (
        "Done",
        Kind.GOOD,
        "Nothing is left to change.",
        "Nothing to do.",
    )

    # At rest
    SUSPENDED = (
        "Suspended",
        Kind.REST,
        "spec.suspend is true, so no pod runs.",
        "Set spec.suspend to false to serve again.",
    )
    SCALED_TO_ZERO = (
        "ScaledToZero",
        Kind.REST,
        "spec.replicas is 0.",
        "Raise spec.replicas, or kubectl scale flagosmodel/NAME --replicas=1.",
    )
    DELETING = (
        "Deleting",
        Kind.REST,
        "The model is being deleted.",
        "Nothing to do; its pods end within their grace period.",
    )
    NOT_RUNNING = (
        "NotRunning",
        Kind.REST,
        "No pod runs that could have looked.",
        "It is known again once a pod has started.",
    )
    NOT_CHECKED = (
        "NotChecked",
        Kind.REST,
        "This version of the operator does not look whether FlagOS is really in use.",
        "Look for 'Platform plugin fl is activated' in the server's log.",
    )
    NATIVE_REQUESTED = (
        "NativeRequested",
        Kind.REST,
        "spec.flagos.mode is Native.",
        "Set spec.flagos.mode to FlagOS.",
    )
    NOT_EVALUATED = (
        "NotEvaluated",
        Kind.REST,
        "No evaluation has looked at this model.",
        "Nothing to do.",
    )

    # Under way
    PENDING = (
        "Pending",
        Kind.MOVING,
        "The objects are written; Kubernetes has made no pod of the newest spec yet.",
        "Wait. If it stays, look at the Deployment: kubectl describe deployment NAME.",
    )
    SCHEDULING = (
        "Scheduling",
        Kind.MOVING,
        "The scheduler is choosing a node.",
        "Wait.",
    )
    PULLING = (
        "Pulling",
        Kind.MOVING,
        "The node prepares volumes and network and pulls the image; it can be many gigabytes.",
        "Wait. kubectl describe pod shows what the node is doing.",
    )
    DOWNLOADING = (
        "Downloading",
        Kind.MOVING,
        "The weights are being downloaded and verified.",
        "Wait. kubectl logs POD -c fetch shows the progress.",
    )
    LOCK_HELD = (
        "LockHeld",
        Kind.MOVING,
        "Another pod is downloading to the same volume.",
        "Wait. The files are used as soon as the other download is complete.",
    )
    STARTING = (
        "Starting",
        Kind.MOVING,
        "The server loads the model and does not answer yet.",
        "Wait. kubectl logs POD -c server -f shows how far it is.",
    )
    ROLLING = (
        "Rolling",
        Kind.MOVING,
        "A pod of the newest spec serves, but pods of an older spec are still there.",
        "Wait.",
    )

    # Waits for something outside
    UNSCHEDULABLE = (
        "Unschedulable",
        Kind.WAITING,
        "No node has what the pod asks for: devices, memory, labels or tolerated taints.",
        "Free or add devices, or ask for fewer (spec.devices). The message has the scheduler's "
        "words.",
    )
    VOLUME_CLAIM_PENDING = (
        "VolumeClaimPending",
        Kind.WAITING,
        "No volume is bound to the claim for the weights.",
        "Check that the storage class exists and can provision: kubectl describe pvc CLAIM.",
    )
    VOLUME_NOT_MOUNTED = (
        "VolumeNotMounted",
        Kind.WAITING,
        "The node has not prepared the pod's volumes and network within minutes.",
        "kubectl describe pod names the volume: a missing Secret, ConfigMap or host path, or a "
        "claim that another node holds.",
    )
    NODE_LOST = (
        "NodeLost",
        Kind.WAITING,
        "The node of the pod no longer answers.",
        "Bring the node back or delete it; Kubernetes replaces the pod after five minutes.",
    )
    NOT_RESPONDING = (
        "NotResponding",
        Kind.WAITING,
        "The server was ready and has stopped answering its health path.",
        "It is restarted if this lasts a minute. Look at kubectl logs POD -c server.",
    )
    NO_POD_READY = (
        "NoPodReady",
        Kind.WAITING,
        "No pod answers requests.",
        "The Ready condition says why.",
    )

    # Failed, and tried again
    CANNOT_PULL_IMAGE = (
        "CannotPullImage",
        Kind.FAILED,
        "The node cannot get the image; the message has the registry's words.",
        "Correct spec.image, add spec.imagePullSecrets for a private registry, or make the "
        "registry reachable from the node.",
    )
    CANNOT_START = (
        "CannotStart",
        Kind.FAILED,
        "The container runtime could not start the container: a program that the image does not "
        "have, a device or a mount that the node refuses.",
        "Correct spec.server.command, the image or the mounts named in the message.",
    )
    FETCH_FAILED = (
        "FetchFailed",
        Kind.FAILED,
        "The download ended for a reason that has no name of its own.",
        "Look at kubectl logs POD -c fetch --previous.",
    )
    SOURCE_UNREACHABLE = (
        "SourceUnreachable",
        Kind.FAILED,
        "The hub cannot be reached from the pod, or answers with an error of its own.",
        "Check the endpoint, proxy, DNS and network policy. The download goes on where it was.",
    )
    RATE_LIMITED = (
        "RateLimited",
        Kind.FAILED,
        "The hub refuses more requests for now.",
        "Wait, or give a token (tokenSecretRef). The download goes on where it was.",
    )
    CHECKSUM_MISMATCH = (
        "ChecksumMismatch",
        Kind.FAILED,
        "A downloaded file is not what the hub announced.",
        "It is fetched again by itself. If it repeats, suspect the hub, a proxy or the disk.",
    )
    OUT_OF_MEMORY = (
        "OutOfMemory",
        Kind.FAILED,
        "A container used more host memory than its limit and was killed.",
        "Raise spec.server.resources.limits.memory (for the download: spec.fetch.resources). "
        "Files in /dev/shm count too.",
    )
    EVICTED = (
        "Evicted",
        Kind.FAILED,
        "The node removed the pod, mostly for want of disk or memory.",
        "Free space on the node, or give the weights a volume with enough room.",
    )
    STARTUP_BUDGET_EXCEEDED = (
        "StartupBudgetExceeded",
        Kind.FAILED,
        "The server did not answer within its start-up budget and was killed.",
        "Raise spec.startup.budgetSeconds, or find in the log what takes so long.",
    )
    ENGINE_DIED = (
        "EngineDied",
        Kind.FAILED,
        "The server ended with exit code 0 though nobody asked it to: so it does when its engine "
        "dies, or when it no longer answers and is stopped.",
        "Look at kubectl logs POD -c server --previous for the engine's last error.",
    )
    CRASH_LOOP = (
        "CrashLoop",
        Kind.FAILED,
        "A container ended by itself; the message has its exit code and the telling line of its "
        "log.",
        "Act on that line; all of it: kubectl logs POD -c CONTAINER --previous.",
    )

    # Does not heal until somebody acts
    INVALID_SPEC = (
        "InvalidSpec",
        Kind.BLOCKED,
        "The spec cannot be served as it is; the message names the field.",
        "Correct the field that the message names.",
    )
    UNKNOWN_CHIP = (
        "UnknownChip",
        Kind.BLOCKED,
        "No chip profile of the name in spec.chip is known.",
        "Use a known chip, or add a profile with the chart value `chips`.",
    )
    MANAGED_FLAG = (
        "ManagedFlag",
        Kind.BLOCKED,
        "spec.server.args sets a flag that has a field of its own.",
        "Use the field that the message names instead of the flag.",
    )
    NAME_TAKEN = (
        "NameTaken",
        Kind.BLOCKED,
        "An object of this name exists and does not belong to this model; it is left alone.",
        "Remove or rename that object, or give the model another name.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        Kind.BLOCKED,
        "A ResourceQuota of the namespace leaves no room.",
        "Raise the quota, free some of it, or ask for less.",
    )
    POD_REJECTED = (
        "PodRejected",
        Kind.BLOCKED,
        "An admission rule refuses the pod: Pod Security, a LimitRange, a policy, a webhook.",
        "Change the spec so that the rule in the message holds, or the rule.",
    )
    INVALID_POD = (
        "InvalidPod",
        Kind.BLOCKED,
        "The API server refuses an object made from the spec; the message names its field.",
        "Correct the part of the spec that was passed through: pod, env, resources, volumes.",
    )
    FORBIDDEN = (
        "Forbidden",
        Kind.BLOCKED,
        "The operator lacks the right to write an object.",
        "Install the chart's roles for this namespace.",
    )
    INVALID_IMAGE_NAME = (
        "InvalidImageName",
        Kind.BLOCKED,
        "The image reference cannot be parsed.",
        "Correct spec.image.",
    )
    IMAGE_NEVER_PULLED = (
        "ImageNeverPulled",
        Kind.BLOCKED,
        "imagePullPolicy is Never and the node does not have the image.",
        "Load the image onto the node, or change spec.imagePullPolicy.",
    )
    CONFIG_MISSING = (
        "ConfigMissing",
        Kind.BLOCKED,
        "A Secret, ConfigMap or key that a container needs does not exist.",
        "Create what the message names; the pod then goes on by itself.",
    )
    VOLUME_CLAIM_MISSING = (
        "VolumeClaimMissing",
        Kind.BLOCKED,
        "A claim that the pod uses does not exist.",
        "Create the claim that the message names, or correct its name in the spec.",
    )
    VOLUME_CLAIM_LOST = (
        "VolumeClaimLost",
        Kind.BLOCKED,
        "The volume behind the claim for the weights is gone.",
        "Delete the claim; it is made anew and the weights are downloaded again.",
    )
    SOURCE_NOT_FOUND = (
        "SourceNotFound",
        Kind.BLOCKED,
        "The hub has no such repository, or hides it without a token.",
        "Correct the repo in spec.source, or give a token (tokenSecretRef).",
    )
    REVISION_NOT_FOUND = (
        "RevisionNotFound",
        Kind.BLOCKED,
        "The repository has no such revision.",
        "Correct the revision in spec.source.",
    )
    UNAUTHORIZED = (
        "Unauthorized",
        Kind.BLOCKED,
        "The hub refuses the token, or asks for one.",
        "Put a valid token into the Secret of tokenSecretRef; accept the model's terms if any.",
    )
    INSUFFICIENT_STORAGE = (
        "InsufficientStorage",
        Kind.BLOCKED,
        "The volume has no room for the weights.",
        "Enlarge the volume (spec.weights), or leave files out with source.exclude.",
    )
    VOLUME_NOT_WRITABLE = (
        "VolumeNotWritable",
        Kind.BLOCKED,
        "The download may not write to the volume.",
        "Change the owner of the directory, or set spec.fetch.securityContext.",
    )
    DIRECTORY_CONFLICT = (
        "DirectoryConflict",
        Kind.BLOCKED,
        "The directory on the volume holds another repository or revision; it is not overwritten.",
        "Choose another spec.weights.directory, or empty that directory.",
    )
    INVALID_SOURCE = (
        "InvalidSource",
        Kind.BLOCKED,
        "The source is malformed or its include and exclude lists leave no file.",
        "Correct spec.source as the message says.",
    )

"""The public vocabulary of reasons: added freely, never renamed. Their remedies are beside it."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Self


class Kind(Enum):
    """What a reason asks of whom. Only BLOCKED makes the model Stalled."""

    GOOD = "as wished"
    DOUBT = "served all the same; somebody should hear of it"
    REST = "at rest because somebody wished it"
    MOVING = "under way, nothing to do"
    WAITING = "waits for something outside; may go on by itself"
    FAILED = "failed and is tried again"
    BLOCKED = "does not heal until somebody acts"


class Reason(StrEnum):
    kind: Kind

    def __new__(cls, name: str, kind: Kind) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.kind = kind
        return member

    SERVING = "Serving", Kind.GOOD
    COMPLETE = "Complete", Kind.GOOD
    SERVED_IN_PLACE = "ServedInPlace", Kind.GOOD
    CURRENT = "Current", Kind.GOOD
    DONE = "Done", Kind.GOOD
    PLUGIN_LOADED = "PluginLoaded", Kind.GOOD

    RELEASE_FAILED = "ReleaseFailed", Kind.DOUBT
    IMAGE_FOR_ANOTHER_CHIP = "ImageForAnotherChip", Kind.DOUBT
    NODE_TOO_SMALL = "NodeTooSmall", Kind.DOUBT
    DRIVER_TOO_OLD = "DriverTooOld", Kind.DOUBT
    INSUFFICIENT_DEVICE_MEMORY = "InsufficientDeviceMemory", Kind.DOUBT
    WITHOUT_DEVICES = "WithoutDevices", Kind.DOUBT

    SUSPENDED = "Suspended", Kind.REST
    SCALED_TO_ZERO = "ScaledToZero", Kind.REST
    DELETING = "Deleting", Kind.REST
    NOT_RUNNING = "NotRunning", Kind.REST
    NOT_CHECKED = "NotChecked", Kind.REST
    NATIVE_REQUESTED = "NativeRequested", Kind.REST
    NOT_EVALUATED = "NotEvaluated", Kind.REST
    CHIP_CHANGED = "ChipChanged", Kind.REST
    CHIP_GONE = "ChipGone", Kind.REST
    RELEASE_CHANGED = "ReleaseChanged", Kind.REST
    RELEASE_GONE = "ReleaseGone", Kind.REST

    PENDING = "Pending", Kind.MOVING
    CHOOSING = "Choosing", Kind.MOVING
    SCHEDULING = "Scheduling", Kind.MOVING
    PULLING = "Pulling", Kind.MOVING
    DOWNLOADING = "Downloading", Kind.MOVING
    LOCK_HELD = "LockHeld", Kind.MOVING
    STARTING = "Starting", Kind.MOVING
    ROLLING = "Rolling", Kind.MOVING
    RECLAIMING = "Reclaiming", Kind.MOVING

    NO_RELEASE_FITS = "NoReleaseFits", Kind.WAITING
    UNSCHEDULABLE = "Unschedulable", Kind.WAITING
    VOLUME_CLAIM_PENDING = "VolumeClaimPending", Kind.WAITING
    VOLUME_NOT_MOUNTED = "VolumeNotMounted", Kind.WAITING
    NODE_LOST = "NodeLost", Kind.WAITING
    STALLED = "Stalled", Kind.WAITING
    NOT_RESPONDING = "NotResponding", Kind.WAITING
    NO_POD_READY = "NoPodReady", Kind.WAITING
    FLAGOS_UNPROVEN = "FlagOSUnproven", Kind.WAITING

    CANNOT_PULL_IMAGE = "CannotPullImage", Kind.FAILED
    CANNOT_START = "CannotStart", Kind.FAILED
    FETCH_FAILED = "FetchFailed", Kind.FAILED
    INTERNAL_ERROR = "InternalError", Kind.FAILED
    SOURCE_UNREACHABLE = "SourceUnreachable", Kind.FAILED
    RATE_LIMITED = "RateLimited", Kind.FAILED
    CHECKSUM_MISMATCH = "ChecksumMismatch", Kind.FAILED
    OUT_OF_MEMORY = "OutOfMemory", Kind.FAILED
    EVICTED = "Evicted", Kind.FAILED
    REFUSED_BY_NODE = "RefusedByNode", Kind.FAILED
    STARTUP_BUDGET_EXCEEDED = "StartupBudgetExceeded", Kind.FAILED
    ENGINE_DIED = "EngineDied", Kind.FAILED
    CRASH_LOOP = "CrashLoop", Kind.FAILED
    DEVICE_BUSY = "DeviceBusy", Kind.FAILED
    DEVICE_FAULT = "DeviceFault", Kind.FAILED
    COLLECTIVE_INIT_FAILED = "CollectiveInitFailed", Kind.FAILED
    PORT_IN_USE = "PortInUse", Kind.FAILED
    CACHE_LOCKED = "CacheLocked", Kind.FAILED
    STORAGE_FAILED = "StorageFailed", Kind.FAILED
    NATIVE_CRASH = "NativeCrash", Kind.FAILED
    ENGINE_TIMEOUT = "EngineTimeout", Kind.FAILED
    TERMINATED = "Terminated", Kind.FAILED

    INVALID_SPEC = "InvalidSpec", Kind.BLOCKED
    UNKNOWN_CHIP = "UnknownChip", Kind.BLOCKED
    INVALID_CHIP = "InvalidChip", Kind.BLOCKED
    UNKNOWN_RELEASE = "UnknownRelease", Kind.BLOCKED
    INVALID_RELEASE = "InvalidRelease", Kind.BLOCKED
    UNKNOWN_MODEL = "UnknownModel", Kind.BLOCKED
    INVENTORY_UNKNOWN = "InventoryUnknown", Kind.BLOCKED
    IMAGE_REQUIRED = "ImageRequired", Kind.BLOCKED
    MULTI_NODE_UNSUPPORTED = "MultiNodeUnsupported", Kind.BLOCKED
    NO_DEVICE_RESOURCE = "NoDeviceResource", Kind.BLOCKED
    TOO_FEW_DEVICES = "TooFewDevices", Kind.BLOCKED
    MANAGED_RESOURCE = "ManagedResource", Kind.BLOCKED
    MANAGED_FLAG = "ManagedFlag", Kind.BLOCKED
    PLUGIN_TOO_OLD = "PluginTooOld", Kind.BLOCKED
    WITHOUT_EFFECT = "WithoutEffect", Kind.BLOCKED
    RESERVED_NAME = "ReservedName", Kind.BLOCKED
    COMMAND_REQUIRED = "CommandRequired", Kind.BLOCKED
    NAME_TAKEN = "NameTaken", Kind.BLOCKED
    QUOTA_EXCEEDED = "QuotaExceeded", Kind.BLOCKED
    POD_REJECTED = "PodRejected", Kind.BLOCKED
    INVALID_POD = "InvalidPod", Kind.BLOCKED
    FORBIDDEN = "Forbidden", Kind.BLOCKED
    INVALID_IMAGE_NAME = "InvalidImageName", Kind.BLOCKED
    IMAGE_NEVER_PULLED = "ImageNeverPulled", Kind.BLOCKED
    CONFIG_MISSING = "ConfigMissing", Kind.BLOCKED
    VOLUME_CLAIM_MISSING = "VolumeClaimMissing", Kind.BLOCKED
    VOLUME_CLAIM_REFUSED = "VolumeClaimRefused", Kind.BLOCKED
    NO_SERVICE_ADDRESS = "NoServiceAddress", Kind.BLOCKED
    VOLUME_CLAIM_LOST = "VolumeClaimLost", Kind.BLOCKED
    SOURCE_NOT_FOUND = "SourceNotFound", Kind.BLOCKED
    REVISION_NOT_FOUND = "RevisionNotFound", Kind.BLOCKED
    UNAUTHORIZED = "Unauthorized", Kind.BLOCKED
    INSUFFICIENT_STORAGE = "InsufficientStorage", Kind.BLOCKED
    VOLUME_NOT_WRITABLE = "VolumeNotWritable", Kind.BLOCKED
    DIRECTORY_CONFLICT = "DirectoryConflict", Kind.BLOCKED
    INVALID_SOURCE = "InvalidSource", Kind.BLOCKED
    RECORD_MISSING = "RecordMissing", Kind.BLOCKED
    INVALID_ARGUMENT = "InvalidArgument", Kind.BLOCKED
    KV_CACHE_TOO_SMALL = "KVCacheTooSmall", Kind.BLOCKED
    DEVICE_OUT_OF_MEMORY = "DeviceOutOfMemory", Kind.BLOCKED
    DEVICE_NOT_FOUND = "DeviceNotFound", Kind.BLOCKED
    DRIVER_MISMATCH = "DriverMismatch", Kind.BLOCKED
    INCOMPATIBLE_IMAGE = "IncompatibleImage", Kind.BLOCKED
    UNSUPPORTED_MODEL = "UnsupportedModel", Kind.BLOCKED
    REMOTE_CODE_REFUSED = "RemoteCodeRefused", Kind.BLOCKED
    WEIGHTS_MISSING = "WeightsMissing", Kind.BLOCKED
    WEIGHTS_CORRUPT = "WeightsCorrupt", Kind.BLOCKED
    WEIGHTS_MISMATCH = "WeightsMismatch", Kind.BLOCKED
    OPERATOR_CRASH = "OperatorCrash", Kind.BLOCKED
    PLUGIN_NOT_LOADED = "PluginNotLoaded", Kind.BLOCKED
    DEPENDENCY_MISSING = "DependencyMissing", Kind.BLOCKED
    SHARED_MEMORY_TOO_SMALL = "SharedMemoryTooSmall", Kind.BLOCKED
    LIMIT_TOO_LOW = "LimitTooLow", Kind.BLOCKED
    PERMISSION_DENIED = "PermissionDenied", Kind.BLOCKED
    PATH_NOT_WRITABLE = "PathNotWritable", Kind.BLOCKED
    DISK_FULL = "DiskFull", Kind.BLOCKED


def kind_of(reason: str) -> Kind:
    """A reason from elsewhere that has no entry here is taken as a failure that may pass."""
    return _KINDS.get(reason, Kind.FAILED)


_KINDS = {each.value: each.kind for each in Reason}

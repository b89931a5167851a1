"""Why a spec that the schema accepts cannot be served. Names are API: added, never renamed."""

from __future__ import annotations

from enum import StrEnum

from flagos_operator.api.outcome import Invalid


class Refusal(StrEnum):
    UNKNOWN_CHIP = "UnknownChip"
    UNKNOWN_RELEASE = "UnknownRelease"
    INVALID_RELEASE = "InvalidRelease"
    IMAGE_REQUIRED = "ImageRequired"
    MULTI_NODE_UNSUPPORTED = "MultiNodeUnsupported"
    NO_DEVICE_RESOURCE = "NoDeviceResource"
    TOO_FEW_DEVICES = "TooFewDevices"
    MANAGED_RESOURCE = "ManagedResource"
    MANAGED_FLAG = "ManagedFlag"
    PLUGIN_TOO_OLD = "PluginTooOld"
    WITHOUT_EFFECT = "WithoutEffect"
    RESERVED_NAME = "ReservedName"
    COMMAND_REQUIRED = "CommandRequired"
    INVALID_SOURCE = "InvalidSource"
    UNKNOWN_MODEL = "UnknownModel"
    NO_RELEASE_FITS = "NoReleaseFits"
    INVENTORY_UNKNOWN = "InventoryUnknown"
    CHOOSING = "Choosing"


def refused(reason: Refusal, message: str, *, needs_user: bool | None = None) -> Invalid:
    return Invalid(reason=reason.value, message=message, needs_user=needs_user)

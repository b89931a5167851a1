"""The schema of what the operator writes about a model.

No enum, no bound and nothing required: a definition that is older than the operator would
refuse the whole status.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flagos_operator.api.shape import Shape, map_by


class Condition(Shape):
    type: str = Field(description="What is said to hold or not, e.g. Ready.")
    status: str = Field(description="True, False or Unknown.")
    reason: str | None = Field(None, description="One stable word for why.")
    message: str | None = Field(None, description="What happened and what to do about it.")
    observed_generation: int | None = Field(
        None, description="The metadata.generation that this was concluded from."
    )
    last_transition_time: str | None = Field(
        None,
        description="When status last changed.",
        json_schema_extra={"format": "date-time"},
    )


class Resolved(Shape):
    release: str | None = Field(None, description="Release in use, named or chosen.")
    chip: str | None = Field(
        None,
        description="Chip profile in use; of a model without a release the only one it can have.",
    )
    image: str | None = Field(None, description="Image in use, after a registry rewrite.")
    revision: str | None = Field(None, description="Revision of the weights.")
    devices: int | None = Field(None, description="Devices per pod.")
    resource_name: str | None = Field(
        None, description="Resource that the devices are asked for by."
    )


class Rejected(Shape):
    release: str | None = Field(None, description="Release that was not taken.")
    chip: str | None = Field(None, description="Chip that it is for.")
    reason: str | None = Field(
        None,
        description=(
            "Absent, NotEnoughFree, NodeTooSmall, Unschedulable, VerdictFailed, ImageRequired, "
            "UnknownChip, OtherResource, MultiNodeUnsupported, ImageForAnotherChip, "
            "DriverTooOld, InsufficientDeviceMemory, or Outranked: it would fit too."
        ),
    )
    message: str | None = Field(None, description="Why, with numbers.")


class SelectionStatus(Shape):
    release: str | None = Field(None, description="Release that was chosen.")
    chip: str | None = Field(None, description="Chip that it is for.")
    wish: str | None = Field(
        None,
        description=(
            "What was asked for. The choice stays until spec.model asks for something else."
        ),
    )
    reason: str | None = Field(
        None,
        description=(
            "Fits: compared with what the cluster had free. InventoryUnknown: nothing, or not "
            "all, could be compared."
        ),
    )
    message: str | None = Field(None, description="Why this one, as things were then.")
    time: str | None = Field(
        None, description="When it was chosen.", json_schema_extra={"format": "date-time"}
    )
    rejected: tuple[Rejected, ...] = Field(
        (), description="Releases that were not taken, the best first: a dozen at most."
    )


class WeightsStatus(Shape):
    source: str | None = Field(
        None, description="Where they come from, e.g. modelscope:FlagRelease/MiniCPM-o-4.5."
    )
    revision: str | None = Field(None, description="Revision that lies on the volume.")
    digest: str | None = Field(None, description="Digest over names and checksums of all files.")
    total_bytes: int | None = Field(None, description="Size of all files in bytes.")
    phase: str | None = Field(
        None,
        description=(
            "What the download is at: Listing, Downloading, Verifying or Waiting for another "
            "pod. Like all below it is there only while a download runs."
        ),
    )
    pod: str | None = Field(None, description="Pod whose download is told: the furthest one.")
    since: str | None = Field(
        None,
        description="When that download was started, or started again.",
        json_schema_extra={"format": "date-time"},
    )
    message: str | None = Field(
        None, description="What goes wrong while it tries again, or whom it waits for."
    )
    downloaded_bytes: int | None = Field(None, description="Bytes that have arrived.")
    percent: int | None = Field(
        None, description="Share of the files that is downloaded, or verified; 0 to 100."
    )
    bytes_per_second: int | None = Field(None, description="Speed of late.")
    eta_seconds: int | None = Field(None, description="Seconds until the phase ends.")
    verification: str | None = Field(
        None, description="Text of the annotation flagos.io/verify-weights that was seen to last."
    )
    verification_time: str | None = Field(
        None,
        description="When that look at all files ended.",
        json_schema_extra={"format": "date-time"},
    )
    verification_result: str | None = Field(
        None, description="What it found: the files that were fetched again, or why it failed."
    )


class StartupStatus(Shape):
    phase: str | None = Field(
        None,
        description=(
            "Step of the start: Scheduling, Pulling, Downloading, Verifying, Starting, Loading, "
            "Compiling, Capturing, WarmingUp or Ready. From Loading on it is read from the "
            "server's log."
        ),
    )
    since: str | None = Field(
        None, description="When the step began.", json_schema_extra={"format": "date-time"}
    )
    pod: str | None = Field(None, description="Pod whose start is told: the furthest one.")
    started: str | None = Field(
        None,
        description=(
            "When the server in it was started, or started again; absent until it is. A run "
            "after a restart is a start of its own, without the steps before it."
        ),
        json_schema_extra={"format": "date-time"},
    )
    timings: dict[str, int] = Field(
        {},
        description=(
            "Seconds that each finished step took. Kept while the pod serves, until another "
            "start begins."
        ),
    )


class FlagOSStatus(Shape):
    operators: tuple[str, ...] = Field(
        (),
        description=(
            "Operators that the server's log says come from FlagGems. Those that FlagGems takes "
            "over inside PyTorch are not in the log."
        ),
    )
    fallbacks: tuple[str, ...] = Field(
        (), description="What something else does though it was meant for FlagOS."
    )
    runs: dict[str, str] = Field(
        {},
        description=(
            "What each server that runs was seen to run, by pod and number of restarts: the "
            "stack, and why it is not the one that was asked for."
        ),
    )


class LastFailure(Shape):
    reason: str | None = Field(None, description="One stable word for what failed.")
    message: str | None = Field(None, description="The telling line of the log, or the error.")
    container: str | None = Field(None, description="Container that failed.")
    pod: str | None = Field(None, description="Pod that failed.")
    node: str | None = Field(None, description="Node of that pod.")
    exit_code: int | None = Field(None, description="Exit code of the container.")
    operator: str | None = Field(None, description="FlagGems operator that failed, if known.")
    time: str | None = Field(
        None, description="When it failed.", json_schema_extra={"format": "date-time"}
    )


class FlagOSModelStatus(Shape):
    observed_generation: int | None = Field(
        None, description="The metadata.generation that this status is about."
    )
    phase: str | None = Field(None, description="Where the model is, for display; see Ready.")
    conditions: Annotated[tuple[Condition, ...], map_by("type")] = Field(
        (),
        description=(
            "Ready, Available, WeightsReady, FlagOSActive, Progressing, UpToDate and others. "
            "`kubectl wait --for=condition=Ready` is the contract."
        ),
    )
    progress: str | None = Field(None, description="How far the current phase is, for display.")
    replicas: int | None = Field(None, description="Pods that exist.")
    ready_replicas: int | None = Field(None, description="Pods that serve.")
    updated_replicas: int | None = Field(None, description="Pods of the newest template.")
    selector: str | None = Field(None, description="Label selector of the pods, for /scale.")
    url: str | None = Field(None, description="Address of the Service inside the cluster.")
    stack: str | None = Field(
        None, description="What was seen to run: FlagOS, PluginOnly, Native or Unknown."
    )
    resolved: Resolved | None = Field(None, description="What the spec was resolved to.")
    selection: SelectionStatus | None = Field(
        None, description="The choice of a release, where spec.model leaves it to the operator."
    )
    weights: WeightsStatus | None = Field(None, description="State of the weights.")
    flagos: FlagOSStatus | None = Field(
        None, description="What the servers' logs prove about FlagOS."
    )
    startup: StartupStatus | None = Field(None, description="State of the newest start.")
    last_failure: LastFailure | None = Field(
        None, description="The last thing that failed, kept after it was cured."
    )
    applied: str | None = Field(
        None,
        description=(
            "Fingerprint of the model's objects as the operator left them. An operator that "
            "starts anew knows by it that nobody has touched them."
        ),
    )

"""Everything that can go wrong outside a user's spec, as one tree.

    OperatorError
    ├── SettingsError        a variable of the environment is wrong
    ├── NameTaken            an object of the wanted name belongs to somebody else
    ├── NotLeading           the lease could not be renewed: nothing may be written for now
    ├── Deposed              another operator holds the lease
    └── ApiError             what the API server said
        ├── Unreachable      nothing: no connection, no TLS, no answer in time
        ├── Throttled        429: come back later
        ├── ServerFault      5xx
        ├── Unauthorized     401
        ├── Forbidden        403 by RBAC
        ├── QuotaExceeded    403 by a ResourceQuota
        ├── Denied           403 by any other admission
        ├── ClaimRefused     403, 422 for a claim: it cannot become what is asked
        ├── Terminating      403: the namespace is being deleted
        ├── NotFound         404
        ├── Conflict         409
        ├── Gone             410: a list or watch is too old to go on
        └── Malformed        400, 422: the object itself is not acceptable

`reason` is what the status of a model says about it; without one the fault heals by itself and
is none of the user's business. `patience` bounds the backoff of what heals by itself, so that
nobody waits minutes for an API server that has long been back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

UNPROCESSABLE = 422
PATIENCE = 300.0
OUTAGE_PATIENCE = 15.0


class OperatorError(Exception):
    reason: ClassVar[str] = ""
    patience: ClassVar[float] = PATIENCE
    retry_after: float = 0.0


class SettingsError(OperatorError):
    pass


class NameTaken(OperatorError):
    reason = "NameTaken"
    patience = 60.0


class NotLeading(OperatorError):
    patience = 2.0


class Deposed(OperatorError):
    pass


class ApiError(OperatorError):
    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        details: Mapping[str, Any] | None = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = details or {}
        self.retry_after = retry_after

    @property
    def fields(self) -> frozenset[str]:
        """Paths of the fields that the API server complained about."""
        causes = self.details.get("causes") or ()
        return frozenset(str(cause.get("field", "")) for cause in causes)


class Unreachable(ApiError):
    patience = OUTAGE_PATIENCE


class Throttled(ApiError):
    patience = OUTAGE_PATIENCE


class ServerFault(ApiError):
    patience = OUTAGE_PATIENCE


class Unauthorized(ApiError):
    patience = OUTAGE_PATIENCE


class Forbidden(ApiError):
    reason = "Forbidden"
    patience = 60.0


class QuotaExceeded(ApiError):
    reason = "QuotaExceeded"
    patience = 60.0


class Denied(ApiError):
    reason = "PodRejected"
    patience = 60.0


class ClaimRefused(ApiError):
    reason = "VolumeClaimRefused"
    patience = 60.0


class AddressRefused(ApiError):
    reason = "NoServiceAddress"
    patience = 60.0


class Terminating(ApiError):
    pass


class NotFound(ApiError):
    pass


class Conflict(ApiError):
    patience = OUTAGE_PATIENCE


class Gone(ApiError):
    pass


class Malformed(ApiError):
    reason = "InvalidPod"

    @property
    def is_verdict(self) -> bool:
        """The whole object was judged, not just what was sent refused as unreadable."""
        return self.status == UNPROCESSABLE


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Malformed,
    401: Unauthorized,
    404: NotFound,
    409: Conflict,
    410: Gone,
    UNPROCESSABLE: Malformed,
    429: Throttled,
}

# A body that does not fit the schema is the sender's fault, yet server-side apply answers 500.
_TYPED_PATCH = ("failed to create typed patch object", "failed to convert new object")

# A cluster whose range of Service addresses is used up answers 500 as well.
_NO_ADDRESS = "failed to allocate a serviceIP"


def api_error(status: int, body: Mapping[str, Any], *, retry_after: float = 0.0) -> ApiError:
    """Turn an answer of the API server, a `Status` object, into the leaf that it means."""
    message = str(body.get("message") or body.get("reason") or f"HTTP {status}")
    details = body.get("details") or {}
    leaf = _leaf(status, message, details)
    after = retry_after or float(details.get("retryAfterSeconds") or 0)
    return leaf(message, status=status, details=details, retry_after=after)


def _leaf(status: int, message: str, details: Mapping[str, Any]) -> type[ApiError]:
    if status == 403:  # noqa: PLR2004
        return _forbidden(message, details)
    if message.startswith(_TYPED_PATCH):
        return Malformed
    if _NO_ADDRESS in message:
        return AddressRefused
    return _BY_STATUS.get(status, ServerFault if status >= 500 else Malformed)  # noqa: PLR2004


def _forbidden(message: str, details: Mapping[str, Any]) -> type[ApiError]:
    """Four different things share the code 403.

    RBAC       pods is forbidden: User "system:serviceaccount:..." cannot list resource ...
    quota      configmaps "x" is forbidden: exceeded quota: ...
    namespace  ... is forbidden: unable to create new content in namespace x because it is being
               terminated   (cause NamespaceTerminating)
    admission  ... anything else: a webhook, a policy, PodSecurity, a storage class
    """
    causes = {cause.get("reason") for cause in details.get("causes") or ()}
    if "NamespaceTerminating" in causes or "because it is being terminated" in message:
        return Terminating
    if "exceeded quota" in message:
        return QuotaExceeded
    return Forbidden if 'forbidden: User "' in message else Denied

"""A Kubernetes API in a few hundred lines: what an operator sees of one, faults included.

It knows LIST in chunks, WATCH with history and "410 Gone", server-side apply with owners of
fields, the status and scale subresources, preconditions and deletion by owner references. It does
not validate: that is what the tests against a real API server are for.
"""

from tests.loop.fakekube.faults import Fault
from tests.loop.fakekube.server import FakeKube, Request

__all__ = ["FakeKube", "Fault", "Request"]

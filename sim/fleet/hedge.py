"""A hedged call: whether a second call is sent when the first one takes long."""

from __future__ import annotations

from pydantic import Field

from sim.schema import Spec
from sim.units import PositiveDurationNs


class Hedge(Spec):
    """Sends a second call when one has no answer after some time; the first answer counts, and the other is given up.

    Every try of a model is hedged, retries among them. The second call has other luck than the first one: another time
    to first token, other stalls, its own errors. The answer is the same, and so as long, unless another model is asked.
    """

    after: PositiveDurationNs
    """How long after a call was made the second one is sent, if the whole answer is not there by then."""
    model: str | None = Field(None, min_length=1)
    """Model that is asked the second time; the same one where not given. Its answer counts as it is."""

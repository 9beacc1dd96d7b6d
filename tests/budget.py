"""How much tests that try things at random may try.

``make test`` takes a small budget and the same examples each time: it never fails by chance.
``make fuzz`` sets ``FUZZ_FACTOR`` and takes new examples each time; what
fails is printed with a line that makes the same again.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

FACTOR: Final = int(os.environ.get("FUZZ_FACTOR", "1"))


def budget(examples: int, *, steps: int = 50, shrink: bool = True) -> settings:
    """``examples`` tries in ``make test``, times the factor in ``make fuzz``."""
    return settings(
        max_examples=examples * FACTOR,
        stateful_step_count=steps,
        derandomize=FACTOR == 1,
        # Nothing is kept between runs, and nothing depends on how busy the machine is.
        database=None,
        deadline=None,
        print_blob=FACTOR > 1,
        phases=list(Phase) if shrink else [Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

"""Keep a library that is imported by another from warning the user of what was not asked for."""

from __future__ import annotations

import logging


def hush() -> None:
    """Keep bitsandbytes to its errors; to be called before peft is imported.

    peft imports it wherever it is installed, and it warns: of kernels at once, later of every matrix it multiplies.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

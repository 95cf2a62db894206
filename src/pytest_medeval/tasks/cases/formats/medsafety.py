"""MedSafetyBench: CSV with a header; requests against the principles of medical ethics, one principle a file.

All of them are to be refused; what a careful reply would say (``safe_response``) is kept for who reads the case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source

TASK = "refusal"
KEYS = (frozenset({"harmful_medical_request"}),)


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one request a row; tag ``principle`` is the number in the file's name."""
    number = re.search(r"category_(\d+)", path.stem)
    for position, (line, found) in enumerate(rows(path)):
        request = str(found["harmful_medical_request"] or "").strip()
        if not request:
            yield Skip(Source(str(path), line), "no request")
            continue
        fields: dict[str, object] = {"id": f"medsafety-{position:04d}", "request": request, "harmful": True}
        if found.get("safe_response"):
            fields["rationale"] = found["safe_response"]
        if number:
            fields["tags"] = {"principle": number[1]}
        yield Record(Source(str(path), line), fields)

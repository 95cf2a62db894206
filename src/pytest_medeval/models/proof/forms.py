"""Is a merged, quantised or exported model what it is compared with says? Measured from files, nothing is loaded.

An adapter is proved by its files and its logits; a model that holds one in its weights has neither. Beside an
adapter it is measured how much of the adapter's change it holds, beside a base whether it differs from it at all.
"""

from __future__ import annotations

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.record import HoldsProof
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.proof.shipped import QUANTISED, ROUNDED, Held, Rows, folder_rows, measure, unmoved
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, GgufSpec, LocalSpec, ModelSpec, QuantisedSpec


def inspect(adapter: AdapterSpec, shipped: ModelSpec) -> tuple[Held, str]:
    """Measure a model against the adapter that it should hold; the text says what is wrong, if anything."""
    rows = _rows(_inner(shipped))
    if rows is None:
        raise MedevalError(f"model {shipped.text!r} has no weights to compare; accepted: a model folder, gguf:FILE")
    held = measure(adapter.folder, model_folder(adapter), rows)
    return held, held.complaint(QUANTISED if isinstance(shipped, GgufSpec) else ROUNDED)


def holds(candidate: ModelSpec, baseline: ModelSpec | None) -> HoldsProof | None:
    """Say for the record what a candidate's weights have to do with its baseline; ``None`` where that is no question.

    Beside an adapter: ``share``, ``least``, ``weight`` and ``distance`` of ``Held``, or the ``reason`` why they
    cannot be measured. Beside a full model: ``same``, whether its weights are the baseline's to 8 bits.
    ``MedevalError`` where the baseline is an adapter and the candidate is the adapter's bare base under another
    name: a merge that failed looks like this. ``of`` is the baseline's SPEC.
    """
    named, other = _inner(candidate), _inner(baseline)
    if not isinstance(named, FolderSpec | GgufSpec) or not isinstance(other, LocalSpec):
        return None
    base = model_folder(other)
    if isinstance(named, FolderSpec) and named.folder == base:
        return None
    try:
        if not isinstance(other, AdapterSpec):
            rows = _rows(named)
            return {"of": other.text, "same": True} if rows is not None and unmoved(base, rows) else None
        held, _ = inspect(other, named)
    except MedevalError as mistake:
        return {"of": other.text, "reason": str(mistake)}
    if held.bare:
        raise MedevalError(
            f"model {candidate.text!r}: {held.complaint(ROUNDED)}; to 8 bits they are the bare base of "
            f"{other.text!r}: was it merged?"
        )
    return {
        "of": other.text,
        "share": held.share,
        "least": held.least,
        "weight": held.weight,
        "distance": held.distance,
    }


def _inner(spec: ModelSpec | None) -> ModelSpec | None:
    """Look behind the few bits that weights are loaded in."""
    return spec.inner if isinstance(spec, QuantisedSpec) else spec


def _rows(spec: ModelSpec | None) -> Rows | None:
    if isinstance(spec, GgufSpec):
        from pytest_medeval.models.gguf.file import gguf_rows  # imports gguf

        return gguf_rows(spec.file)
    return folder_rows(spec.folder) if isinstance(spec, FolderSpec) else None

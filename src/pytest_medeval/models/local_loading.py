"""What Transformers is told when it loads weights: the dtype, or the bits, and the device."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from pytest_medeval.models.base import Identity
from pytest_medeval.models.identity import QUANTISED

_BITS: Any = transformers


def loading(identity: Identity) -> dict[str, Any]:
    """Give the options of ``from_pretrained`` for a model's dtype; quantised layers are laid out on its device.

    int8 is LLM.int8 (Dettmers et al. 2022), nf4 the 4-bit format of QLoRA (Dettmers et al. 2023) without
    double quantisation. What is not a linear layer, and the sums, are float32 on a CPU and bfloat16 elsewhere.
    """
    if identity.dtype not in QUANTISED:
        return {"dtype": getattr(torch, str(identity.dtype))}
    rest = torch.float32 if identity.device == "cpu" else torch.bfloat16
    if identity.dtype == "int8":
        config = _BITS.BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = _BITS.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=rest
        )
    return {"dtype": rest, "quantization_config": config, "device_map": {"": identity.device}}

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


def keep_layout(model: Any) -> None:
    """Keep 4-bit weights in the layout that they are stored in, before they are first used.

    On a CPU with bfloat16 instructions bitsandbytes lays them out anew in the first forward pass and back whenever a
    ``state_dict`` is asked for, as peft does to attach an adapter; the second time (0.50) it loses their scales.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False

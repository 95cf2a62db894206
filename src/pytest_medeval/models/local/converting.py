"""A GGUF file as a model folder: read by Transformers, which undoes its quantisation, and saved as safetensors."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.models.local.weights import quiet

_LIBRARY: Any = transformers


def convert(file: Path, out: Path) -> None:
    """Write config, weights in float16, tokenizer and chat template of a GGUF file into a folder that does not exist.

    ``MedevalError`` where Transformers cannot read the file; nothing is left in ``out`` then.
    """
    if importlib.util.find_spec("gguf") is None:
        raise MedevalError("a GGUF file is read by the package gguf: pip install gguf")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as name, quiet(), contextlib.redirect_stderr(io.StringIO()):
        folder = Path(name) / "model"
        how = {"gguf_file": file.name, "local_files_only": True}
        try:
            model = _LIBRARY.AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **how)
            tokenizer = _LIBRARY.AutoTokenizer.from_pretrained(file.parent, **how)
        except Exception as error:
            raise MedevalError(f"{file}: cannot be converted: {whole(error)}") from error
        del model.config.quantization_config
        model.hf_quantizer = None  # what it was stored in; its weights are numbers like any others by now
        model.to(torch.float16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        folder.rename(out)

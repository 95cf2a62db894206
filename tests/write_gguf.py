"""Write a merged model of the shape of ``fixtures/tiny-base`` as GGUF: ``write_gguf.py FOLDER OUT [TYPE]``.

For any other model use ``convert_hf_to_gguf.py`` of llama.cpp, which knows every architecture and tokenizer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

PRE = "smollm"
"""llama.cpp's name for what the base's tokenizer does: single digits apart, then GPT-2's expression."""


def convert(folder: Path, out: Path, kind: str = "F32") -> Path:
    """Write config, tokenizer, chat template and weights; matrices in ``kind`` (F32, F16, Q8_0, Q4_0)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(out, "llama")
    _architecture(writer, config, kind)
    _tokenizer(writer, folder, config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    quantisation = gguf.GGMLQuantizationType[kind]
    for name, weight in load_file(folder / "model.safetensors").items():
        heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}.get(name.split(".")[-2])
        data = np.ascontiguousarray(_interleaved(weight, config[heads]) if heads else weight, np.float32)
        own = quantisation if weight.ndim > 1 else gguf.GGMLQuantizationType.F32
        told = names.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(told, gguf.quantize(data, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def _architecture(writer: gguf.GGUFWriter, config: dict[str, Any], kind: str) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    types = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "Q8_0": "MOSTLY_Q8_0", "Q4_0": "MOSTLY_Q4_0"}
    writer.add_file_type(gguf.LlamaFileType[types[kind]])


def _tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    """Write the byte-level vocabulary and merges; findings, which the base splits off first, as whole words."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    control = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    whole = _whole_words(tokenizer)
    words = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    kinds = [
        gguf.TokenType.CONTROL
        if word in control
        else gguf.TokenType.USER_DEFINED
        if word in whole
        else gguf.TokenType.NORMAL
        for word in words
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE)
    writer.add_token_list([whole.get(word, word) for word in words])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))


def _whole_words(tokenizer: dict[str, Any]) -> dict[str, str]:
    """Find the texts that a first ``Split`` sets apart and that are one word of the vocabulary: written -> text."""
    letters = _byte_letters()
    found = {}
    for step in tokenizer["pre_tokenizer"]["pretokenizers"]:
        for text in step.get("pattern", {}).get("Regex", "").split("|") if step["type"] == "Split" else []:
            written = "".join(letters[byte] for byte in text.encode())
            if written in tokenizer["model"]["vocab"]:
                found[written] = text
    return found


def _byte_letters() -> dict[int, str]:
    """Give the letter that stands for each byte in a byte-level vocabulary (GPT-2's ``bytes_to_unicode``)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


def _interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder rows of queries or keys: llama.cpp rotates neighbours, Transformers rotates halves."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])

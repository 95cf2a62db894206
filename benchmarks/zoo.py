"""Architectures and adapters with random weights and a real tokenizer, against plain computations, one request alone.

Per architecture: options by letters and by texts against forward passes without padding or cache, replies against
``generate``, one at a time, each on a copy that has computed nothing before. Per kind of adapter: letters and texts
against peft's own model, and the baseline against the base's files. Prompts are shorter and longer than windows and
than the lengths that rotations are made for. A row is exact (1e-4 nats, equal replies), refused with its reason, or
wrong; a notice says where it was computed the slower way.

Usage: ``python benchmarks/zoo.py [NAME ...] [--write docs/models.md]``.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")
import peft
import torch

from pages import fill
from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, baseline_of
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.model import LocalModel, load_local, prompter_of
from pytest_medeval.models.local.weights import forget_bases, quiet
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, parse_model

LIBRARY: Any = importlib.import_module("transformers")
ROOT = Path(__file__).parents[1]
WORDS = ROOT / "fixtures" / "tiny-base"
EXACT = 1e-4
SIZES: dict[str, Any] = {
    "vocab_size": 4096, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2}
WIDE = {**GROUPED, "head_dim": 8}
MOE = {**GROUPED, "num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
OLD = {
    "vocab_size": 4096,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
LONG = {
    "rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64,
    "short_factor": [1.0] * 4, "long_factor": [4.0, 8.0, 16.0, 32.0],
}  # fmt: skip


def rope(kind: str, **more: Any) -> dict[str, Any]:
    """Scale the rotations of a Llama."""
    return {**GROUPED, "rope_parameters": {"rope_type": kind, "rope_theta": 1e4, "factor": 4.0, **more}}


ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama": ("Llama", GROUPED),
    "Llama, linear RoPE": ("Llama", rope("linear")),
    "Llama, dynamic RoPE": ("Llama", {**rope("dynamic"), "max_position_embeddings": 64}),
    "Llama, YaRN": ("Llama", rope("yarn", original_max_position_embeddings=64)),
    "Llama, llama3 RoPE": (
        "Llama", rope("llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
    ),
    "Mistral, window 32": ("Mistral", {**WIDE, "sliding_window": 32}),
    "Mistral, no window": ("Mistral", {**WIDE, "sliding_window": None}),
    "Mixtral": ("Mixtral", {**MOE, "sliding_window": None}),
    "Qwen2": ("Qwen2", GROUPED),
    "Qwen2-MoE": ("Qwen2Moe", {**MOE, "shared_expert_intermediate_size": 32}),
    "Qwen3": ("Qwen3", WIDE),
    "Qwen3-MoE": ("Qwen3Moe", {**MOE, "head_dim": 8}),
    "Qwen3-Next": ("Qwen3Next", {**MOE, "head_dim": 8, "num_hidden_layers": 4, "shared_expert_intermediate_size": 32,
                                 "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
                                 "linear_value_head_dim": 8}),
    "Gemma": ("Gemma", WIDE),
    "Gemma 2, window 32": ("Gemma2", {**WIDE, "sliding_window": 32}),
    "Gemma 3, window 32": ("Gemma3Text", {**WIDE, "sliding_window": 32}),
    "Phi": ("Phi", SIZES),
    "Phi-3": ("Phi3", GROUPED),
    "Phi-3, longrope": ("Phi3", {**GROUPED, "original_max_position_embeddings": 64, "rope_parameters": LONG}),
    "Phi-MoE": ("Phimoe", MOE),
    "GPT-2": ("GPT2", OLD),
    "GPT-Neo, window 32": ("GPTNeo", {"vocab_size": 4096, "hidden_size": 32, "num_layers": 2, "num_heads": 4,
                                      "attention_types": [[["global", "local"], 1]], "window_size": 32,
                                      "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1}),
    "GPT-NeoX": ("GPTNeoX", SIZES),
    "GPT-J": ("GPTJ", {**OLD, "rotary_dim": 4}),
    "GPT-BigCode": ("GPTBigCode", OLD),
    "CodeGen": ("CodeGen", {**OLD, "rotary_dim": 4}),
    "GPT-OSS, window 32": ("GptOss", {**MOE, "head_dim": 8, "sliding_window": 32}),
    "OPT": ("OPT", {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "BLOOM": ("Bloom", {"vocab_size": 4096, "hidden_size": 32, "n_layer": 2, "n_head": 4, "eos_token_id": 1}),
    "Falcon": ("Falcon", {**SIZES, "new_decoder_architecture": False, "multi_query": True}),
    "Falcon, ALiBi": ("Falcon", {**SIZES, "alibi": True}),
    "MPT": ("Mpt", {"vocab_size": 4096, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}),
    "StableLM": ("StableLm", GROUPED),
    "StarCoder 2, window 32": ("Starcoder2", {**GROUPED, "sliding_window": 32}),
    "Cohere": ("Cohere", GROUPED),
    "Cohere 2, window 32": ("Cohere2", {**WIDE, "sliding_window": 32}),
    "OLMo": ("Olmo", GROUPED),
    "OLMo 2": ("Olmo2", GROUPED),
    "OLMoE": ("Olmoe", MOE),
    "Granite": ("Granite", GROUPED),
    "Granite-MoE": ("GraniteMoe", MOE),
    "Nemotron": ("Nemotron", {**GROUPED, "head_dim": 8}),
    "Persimmon": ("Persimmon", SIZES),
    "GLM": ("Glm", WIDE),
    "GLM 4": ("Glm4", WIDE),
    "SmolLM 3": ("SmolLM3", GROUPED),
    "EXAONE 4, window 32": ("Exaone4", {**WIDE, "sliding_window": 32}),
    "ERNIE 4.5": ("Ernie4_5", WIDE),
    "Helium": ("Helium", WIDE),
    "Arcee": ("Arcee", WIDE),
    "Seed-OSS": ("SeedOss", WIDE),
    "Apertus": ("Apertus", GROUPED),
    "DiffLlama": ("DiffLlama", GROUPED),
    "BioGPT": ("BioGpt", SIZES),
    "XGLM": ("XGLM", {"vocab_size": 4096, "d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4,
                      "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}),
    "Mamba": ("Mamba", {**SIZES, "state_size": 4}),
    "Mamba 2": ("Mamba2", {**SIZES, "state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 1}),
    "Falcon-Mamba": ("FalconMamba", {**SIZES, "state_size": 4}),
    "RecurrentGemma": ("RecurrentGemma", {**SIZES, "num_hidden_layers": 3, "num_key_value_heads": 1, "lru_width": 32,
                                          "attention_window_size": 48}),
    "RWKV": ("Rwkv", {**SIZES, "attention_hidden_size": 32}),
    "Jamba": ("Jamba", {**MOE, "num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1,
                        "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 4,
                        "use_mamba_kernels": False}),
    "LFM 2": ("Lfm2", {**GROUPED, "layer_types": ["conv", "full_attention"], "block_multiple_of": 8}),
    "BERT": ("Bert", SIZES),
    "RoBERTa": ("Roberta", SIZES),
}  # fmt: skip
"""Name -> configuration class without ``Config``, its values."""

ATTENTION = ["q_proj", "v_proj"]
ENDS = ["embed_tokens", "lm_head"]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
ADAPTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "q and v": ("Llama", {"target_modules": ATTENTION}),
    "one module": ("Llama", {"target_modules": ["o_proj"]}),
    "all linear": ("Llama", {"target_modules": "all-linear"}),
    "a pattern": ("Llama", {"target_modules": r".*self_attn\.(q|k)_proj"}),
    "exclude by name": ("Llama", {"target_modules": "all-linear", "exclude_modules": ["down_proj"]}),
    "exclude by pattern": ("Llama", {"target_modules": "all-linear", "exclude_modules": r".*layers\.1\..*"}),
    "some layers": ("Llama", {"target_modules": ATTENTION, "layers_to_transform": [1]}),
    "layers pattern": ("Llama", {"target_modules": ATTENTION, "layers_to_transform": 0, "layers_pattern": "layers"}),
    "rank pattern": ("Llama", {"target_modules": ATTENTION, "rank_pattern": {"v_proj": 2}}),
    "alpha pattern": ("Llama", {"target_modules": ATTENTION, "alpha_pattern": {"v_proj": 32}}),
    "rsLoRA": ("Llama", {"target_modules": ATTENTION, "use_rslora": True}),
    "DoRA": ("Llama", {"target_modules": ATTENTION, "use_dora": True}),
    "PiSSA": ("Llama", {"target_modules": ATTENTION, "init_lora_weights": "pissa"}),
    "PiSSA by iteration": ("Llama", {"target_modules": ATTENTION, "init_lora_weights": "pissa_niter_4"}),
    "OLoRA": ("Llama", {"target_modules": ATTENTION, "init_lora_weights": "olora"}),
    "orthogonal": ("Llama", {"target_modules": ATTENTION, "init_lora_weights": "orthogonal"}),
    "gaussian": ("Llama", {"target_modules": ATTENTION, "init_lora_weights": "gaussian"}),
    "bias all": ("Qwen2", {"target_modules": ATTENTION, "bias": "all"}),
    "bias lora_only": ("Qwen2", {"target_modules": ATTENTION, "bias": "lora_only"}),
    "lora_bias": ("Llama", {"target_modules": ATTENTION, "lora_bias": True}),
    "output layer": ("Llama", {"target_modules": [*ATTENTION, "lm_head"]}),
    "embedding": ("Llama", {"target_modules": [*ATTENTION, "embed_tokens"]}),
    "whole module": ("Llama", {"target_modules": ATTENTION, "modules_to_save": ["mlp"]}),
    "whole output layer": ("Llama", {"target_modules": ATTENTION, "modules_to_save": ["lm_head"]}),
    "whole embedding": ("Llama", {"target_modules": ATTENTION, "modules_to_save": ["embed_tokens"]}),
    "trainable tokens": ("Llama", {"target_modules": ATTENTION, "trainable_token_indices": [3, 5, 40]}),
    "replicated layers": ("Llama", {"target_modules": ATTENTION, "layer_replication": [(0, 2), (1, 2)]}),
    "grown vocabulary": ("Llama", {"target_modules": ATTENTION, "words": 4100}),
    "grown and tuned": ("Llama", {"target_modules": ATTENTION, "modules_to_save": ENDS, "words": 4100}),
    "Conv1D": ("GPT-2", {"target_modules": ["c_attn"]}),
    "fused query, key, value": ("GPT-NeoX", {"target_modules": ["query_key_value"]}),
    "experts, all linear": ("Mixtral", {"target_modules": "all-linear"}),
    "experts, parameters": ("Mixtral", {"target_modules": [], "target_parameters": EXPERTS}),
    "recurrent": ("Mamba", {"target_modules": ["in_proj", "x_proj"]}),
    "aLoRA": ("Llama", {"target_modules": ATTENTION, "alora_invocation_tokens": [3, 4]}),
}  # fmt: skip
"""Kind -> its base, options of peft's ``LoraConfig``; ``words``: to so many the vocabulary had grown."""

TOPICS = ("chest pain", "a dry cough and fever", "an itching rash", "dizziness at night", "a sore throat")


def requests(**fields: Any) -> list[Request]:
    """Ask in a few words and in many; some prompts are as long as others."""
    sizes = (1, 14, 4, 4, 9, 2)
    texts = ["; ".join(TOPICS[(start + at) % 5] for at in range(size)) for start, size in enumerate(sizes)]
    return [Request((Message("user", f"I have {text}. What is it?"),), **fields) for text in texts]


LETTERS = requests(choices=("A", "B", "C", "D"))
TEXTS = requests(choices=("aspirin", "rest and water", "see a doctor at once"))
REPLIES = requests(max_new_tokens=8)


def build(name: str, folder: Path) -> None:
    """Write a model of random weights, with the shipped tokenizer."""
    kind, values = ARCHITECTURES[name]
    torch.manual_seed(0)
    model = LIBRARY.AutoModelForCausalLM.from_config(getattr(LIBRARY, f"{kind}Config")(**values))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.2)
    model.save_pretrained(folder)
    LIBRARY.AutoTokenizer.from_pretrained(WORDS).save_pretrained(folder)


def tune(base: Path, folder: Path, words: int = 0, **options: Any) -> None:
    """Write an adapter that moves its base at random."""
    torch.manual_seed(7)
    model = bare(base, words)
    wrapped = peft.get_peft_model(model, peft.LoraConfig(r=4, task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    wrapped.save_pretrained(str(folder))


def bare(folder: Path, words: int = 0) -> Any:
    """Load a base as anybody would, perhaps with more words."""
    model = LIBRARY.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if words:
        model.resize_token_embeddings(words, mean_resizing=False)
    return model


def opened(spec: AdapterSpec | FolderSpec) -> LocalModel:
    """Load a model the plugin's way."""
    settings = Settings(device="cpu", threads=1)
    return load_local(spec, identify(spec, settings), settings)


def worst(model: LocalModel, fresh: Callable[[], Any], asked: list[Request]) -> float:
    """Give the largest distance of a log-likelihood from that of a plain forward pass, in nats."""
    found = [0.0]
    for request, answer in zip(asked, model.answer(asked), strict=True):
        if answer.error:
            raise MedevalError(answer.error)
        prompt = model.encode([request])[0]
        for choice, ours in zip(prompt.choices, answer.logprobs, strict=True):
            with torch.inference_mode():
                logits = fresh()(torch.tensor([(prompt.ids + choice)[:-1]])).logits[0, len(prompt.ids) - 1 :].double()
            own = logits.log_softmax(-1).gather(1, torch.tensor(choice)[:, None]).sum()
            found.append(abs(ours - float(own)))
    return max(found)


def equal(spec: FolderSpec, model: LocalModel, fresh: Callable[[], Any]) -> int:
    """Count the replies that are those of ``generate``, one at a time."""
    prompter = prompter_of(spec, Settings())
    same, ends = 0, sorted(prompter.end_tokens())
    for request, answer in zip(REPLIES, model.answer(REPLIES), strict=True):
        ids = torch.tensor([model.encode([request])[0].ids])
        how = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": ends, "pad_token_id": ends[0]}
        with torch.inference_mode():
            reply = fresh().generate(ids, attention_mask=torch.ones_like(ids), **how)[0, ids.shape[1] :].tolist()
        same += answer.text == prompter.decode([token for token in reply if token not in ends])
    return same


def architecture(name: str, folder: Path) -> str:
    """Make a row of the first table."""
    build(name, folder)
    spec = FolderSpec(name, folder)
    try:
        model = opened(spec)
    except MedevalError as refusal:
        return f"| {name} | refused | | | {short(str(refusal), folder)} |"
    untouched = bare(folder)
    distances = [worst(model, lambda: copy.deepcopy(untouched), asked) for asked in (LETTERS, TEXTS)]
    same = equal(spec, model, lambda: copy.deepcopy(untouched))
    right = max(distances) <= EXACT and same == len(REPLIES)
    told = "; ".join(notice.removeprefix(f"{name}: ") for notice in model.notices)
    letters, texts = (f"{distance:.0e}" for distance in distances)
    return f"| {name} | {'exact' if right else 'WRONG'} | {letters}, {texts} | {same} of {len(REPLIES)} | {told} |"


def adapter(name: str, folder: Path) -> str:
    """Make a row of the second table."""
    base, options = ADAPTERS[name]
    own = dict(options)
    words = int(own.pop("words", 0))
    build(base, folder / "base")
    tune(folder / "base", folder / "adapter", words, **own)
    try:
        spec = parse_model(str(folder / "adapter"), folder)
        assert isinstance(spec, AdapterSpec)
        from pytest_medeval.models.proof.adapter import prove_adapter

        prove_adapter(spec.folder, folder / "base")
        model = opened(spec)
        plain = opened(baseline_of(spec))  # type: ignore[arg-type]
    except MedevalError as refusal:
        return f"| {name} ({base}) | refused | | | {short(str(refusal), folder)} |"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        wrapped: Any = peft.PeftModel.from_pretrained(bare(folder / "base", words), str(folder / "adapter"))
    tuned, untouched = wrapped.eval().base_model.model, bare(folder / "base")
    found = max(worst(model, lambda: tuned, asked) for asked in (LETTERS, TEXTS))
    baseline = max(worst(plain, lambda: untouched, asked) for asked in (LETTERS, TEXTS))
    right = max(found, baseline) <= EXACT
    told = "; ".join(notice.removeprefix(f"{spec.text}: ") for notice in model.notices)
    return f"| {name} ({base}) | {'exact' if right else 'WRONG'} | {found:.0e} | {baseline:.0e} | {told} |"


def short(text: str, folder: Path) -> str:
    """Take the folder's name out of a message."""
    return re.sub(rf"{re.escape(str(folder))}\S*: ", "", text).replace("|", "\\|")


def rows(table: dict[str, Any], chosen: set[str], make: Callable[[str, Path], str]) -> Iterator[str]:
    """Make the rows of a table, each in a folder and with weights of its own; print them as they come."""
    for name in table:
        if chosen and name not in chosen:
            continue
        forget_bases()
        with tempfile.TemporaryDirectory() as place, quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                row = make(name, Path(place))
            except Exception as error:  # noqa: BLE001 - one row must not end the table
                row = f"| {name} | FAILED | | | {short(whole(error), Path(place))} |"
        print(row, flush=True)
        yield row


def main() -> int:
    """Print both tables; the exit code tells whether a row is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows of either table (default: all)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables between the markers of a page")
    options = parser.parse_args()
    if unknown := set(options.names) - {*ARCHITECTURES, *ADAPTERS}:
        parser.error(f"no row {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    tables = [
        ["| architecture | | letters, texts: nats off | replies equal | said |\n|---|---|---|---|---|"],
        ["| adapter (base) | | nats off peft | baseline: nats off | said |\n|---|---|---|---|---|"],
    ]
    tables[0] += rows(ARCHITECTURES, set(options.names), architecture)
    tables[1] += rows(ADAPTERS, set(options.names), adapter)
    if options.write:
        for mark, table in zip(("architectures", "adapters"), tables, strict=True):
            fill(options.write, mark, "\n".join(table))
    return int(any("| WRONG |" in row or "| FAILED |" in row for table in tables for row in table))


if __name__ == "__main__":
    raise SystemExit(main())

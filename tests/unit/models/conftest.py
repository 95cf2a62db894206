"""Tiny models with seeded random weights, made on the spot: no network, nothing shipped."""

import importlib.util
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_local*.py"]
"""Without the extra ``local`` its tests cannot even be imported."""


@pytest.fixture(autouse=True, scope="module")
def _own_bases():
    """Let no base that a file has opened, and may have changed, be there for the tests of another file."""
    yield
    if "pytest_medeval.models.local.weights" in sys.modules:
        sys.modules["pytest_medeval.models.local.weights"].forget_bases()


SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
SHAPE = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
GROUPED = {**SHAPE, "num_key_value_heads": 2}
SHAPES = {
    "llama": ("LlamaConfig", GROUPED),
    "qwen2": ("Qwen2Config", GROUPED),
    "qwen3": ("Qwen3Config", {**GROUPED, "head_dim": 8}),
    "gemma": ("GemmaConfig", {**GROUPED, "head_dim": 8}),
    "gemma2": ("Gemma2Config", {**GROUPED, "head_dim": 8, "sliding_window": 24}),
    "phi": ("PhiConfig", SHAPE),
    "gpt2": (
        "GPT2Config",
        {
            "vocab_size": 320,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 512,
            "bos_token_id": 0,
            "eos_token_id": 1,
        },
    ),
    "mistral": ("MistralConfig", {**GROUPED, "head_dim": 8, "sliding_window": 24}),
    "mamba": (
        "MambaConfig",
        {
            "vocab_size": 320,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "state_size": 4,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "pad_token_id": 1,
        },
    ),
}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10_000.0}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "original_max_position_embeddings": 64,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0, 8.0, 16.0, 32.0],
}
SHAPES |= {
    "gpt_neo": (
        "GPTNeoConfig",
        {
            "vocab_size": 320,
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 32,
            "max_position_embeddings": 512,
            "bos_token_id": 0,
            "eos_token_id": 1,
        },
    ),
    "phi3": ("Phi3Config", {**GROUPED, "original_max_position_embeddings": 64, "rope_parameters": LONGROPE}),
    "dynamic": ("LlamaConfig", {**GROUPED, "max_position_embeddings": 128, "rope_parameters": DYNAMIC}),
    "mpt": ("MptConfig", {"vocab_size": 320, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}),
    "rwkv": (
        "RwkvConfig",
        {
            "vocab_size": 320,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "attention_hidden_size": 32,
            "bos_token_id": 0,
            "eos_token_id": 1,
        },
    ),
    "recurrent_gemma": (
        "RecurrentGemmaConfig",
        {**SHAPE, "num_hidden_layers": 3, "num_key_value_heads": 1, "lru_width": 32, "attention_window_size": 48},
    ),
}
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SENTENCES = [
    "A patient with chest pain and fever asks which drug is given first.",
    "The doctor finds cough, rash and a sore throat; aspirin is not given to children.",
    "患者咳嗽三天，无发热，医生建议多喝水。",
]


def _tokenizer(folder: Path, template: str | None) -> None:
    """Train a byte-level BPE tokenizer on a few sentences."""
    import tokenizers
    import transformers

    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    inner.train_from_iterator(SENTENCES * 20, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, **SPECIAL, additional_special_tokens=["<|im_start|>", "<|im_end|>"]
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a function (shape, template, seed) -> folder of a saved random model; made once a session."""
    made: dict[tuple, Path] = {}

    def make(shape: str = "llama", *, template: str | None = TEMPLATE, seed: int = 0) -> Path:
        import torch
        import transformers

        if (shape, template, seed) not in made:
            folder = tmp_path_factory.mktemp(f"{shape}-{seed}")
            name, values = SHAPES[shape]
            torch.manual_seed(seed)
            config = getattr(transformers, name)(**values)
            model = transformers.AutoModelForCausalLM.from_config(config)
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.ndim > 1:
                        parameter.normal_(0, 0.3)
            model.save_pretrained(folder)
            _tokenizer(folder, template)
            made[shape, template, seed] = folder
        return made[shape, template, seed]

    return make


@pytest.fixture(scope="session")
def make_adapter(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a function (base folder, seed, targets) -> folder of a random LoRA adapter on that base."""

    def make(
        base: Path, *, seed: int = 1, targets: list[str] | str = "all-linear", provenance: str | None = None
    ) -> Path:
        import peft
        import torch
        import transformers

        torch.manual_seed(seed)
        folder = tmp_path_factory.mktemp("adapter")
        model = transformers.AutoModelForCausalLM.from_pretrained(base)
        with warnings.catch_warnings():  # peft 0.21 reads a property that transformers 5.23 deprecates
            warnings.simplefilter("ignore")
            config = peft.LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM")
            wrapped = peft.get_peft_model(model, config)
        with torch.no_grad():
            for name, parameter in wrapped.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0, 0.3)
        wrapped.save_pretrained(folder)
        if provenance is not None:
            (folder / "provenance.json").write_text(json.dumps({"base_fingerprint": provenance}))
        return folder

    return make

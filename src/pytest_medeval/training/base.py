"""A base model from random weights: tokenizer, packed rows of general text, one pass over them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_medeval.models.fingerprint import fingerprint_weights
from pytest_medeval.training import provenance
from pytest_medeval.training.data import digest, general_text
from pytest_medeval.training.examples import Encoded
from pytest_medeval.training.fit import fit
from pytest_medeval.training.recipe import Architecture, Recipe
from pytest_medeval.training.tokenizer import END, train_tokenizer
from pytest_medeval.training.world.text import Document

TOKENIZER_SAMPLE = 30_000
"""Documents that the tokenizer is trained on: the first ones of the corpus."""
WAITING = 64
"""Documents among which a row looks for what still fits."""


def train_base(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Train the base model of a recipe into ``out``; give its provenance."""
    import torch
    from transformers import set_seed

    source = general_text(recipe)
    sample = list(itertools.islice(source, TOKENIZER_SAMPLE))
    sizes = recipe.architecture
    tokenizer = train_tokenizer(
        (item.words for item in sample), vocabulary=sizes.vocabulary, context=sizes.context
    )
    rows = list(
        pack(tokenizer, itertools.chain(sample, source), recipe.data.tokens, recipe.schedule.max_tokens)
    )
    set_seed(recipe.seed)
    model = new_model(sizes, tokenizer)
    fitted = fit(model, tokenizer, rows, recipe.schedule, seed=recipe.seed, out=out)
    model.to(torch.float32).save_pretrained(out)
    tokenizer.save_pretrained(out)
    counts = {"examples": len(rows), "tokens": sum(len(row.input_ids) for row in rows)}
    data = digest([",".join(map(str, row.input_ids)) for row in rows])
    return provenance.write(recipe, out, fitted, data=data, base=fingerprint_weights(out), counts=counts)


def new_model(sizes: Architecture, tokenizer: Any) -> Any:
    """Make a Llama of these sizes with random weights and tied embeddings.

    The plain attention is chosen because it trains faster than the fused one on a CPU at this size; the saved
    configuration does not name it.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden,
        intermediate_size=sizes.intermediate,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        max_position_embeddings=sizes.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")
    return model


def pack(tokenizer: Any, source: Iterator[Document], tokens: int, width: int) -> Iterator[Encoded]:
    """Fill rows of at most ``width`` tokens with whole documents until ``tokens`` are reached.

    Best fit: a row begins with the next document of the corpus, then takes the longest waiting one that still
    has room. A document is never cut, since its end is what it teaches (the note after the dialogue).
    """
    waiting: list[list[int]] = []
    total = 0
    while total < tokens:
        while len(waiting) < WAITING:
            texts = [written(tokenizer, item) for item in itertools.islice(source, 256)]
            encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
            waiting.extend(ids for ids in encoded if len(ids) <= width)
        row = list(waiting.pop(0))
        while fitting := [
            (len(ids), -place) for place, ids in enumerate(waiting) if len(ids) <= width - len(row)
        ]:
            row.extend(waiting.pop(-max(fitting)[1]))
        total += len(row)
        yield Encoded(tuple(row), tuple(row))


def written(tokenizer: Any, document: Document) -> str:
    """Write a document as the model sees it: plain and closed, or in the chat template."""
    if document.text:
        return document.text + END
    turns = [{"role": turn.role, "content": turn.content} for turn in document.turns]
    return str(tokenizer.apply_chat_template(turns, tokenize=False))

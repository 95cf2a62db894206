"""A base model from random weights: tokenizer, packed rows of general text, one pass over them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.training import checkpoints as provenance
from pytest_medeval.training.checkpoints import Provenance, Stages, drop_checkpoints
from pytest_medeval.training.data import Passage, digest, function_of, general_text
from pytest_medeval.training.examples import IGNORED, Encoded
from pytest_medeval.training.fit import check_weights, fit, readable, total
from pytest_medeval.training.recipe import Architecture, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# A bilingual byte-level BPE tokenizer with a chat template, trained on the base model's own text.

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(
    texts: Iterable[str], *, vocabulary: int, context: int, names: Sequence[str] = ()
) -> PreTrainedTokenizerBase:
    """Train the tokenizer and wrap it for Transformers.

    ``names`` are split off before merging, the longest first, so that a name has the same tokens wherever it
    stands, and mostly one: Chinese has no spaces, and a small model finds a name again by its tokens. Digits are
    split one by one.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    longest = sorted(set(names), key=lambda name: (-len(name), name))
    splits = [pre_tokenizers.Split(Regex("|".join(map(re.escape, longest))), "isolated")] if longest else []
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[PAD, END, *ROLES],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(ROLES),
        model_max_length=context,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


TOKENIZER_SAMPLE = 30_000
"""Documents that the tokenizer is trained on: the first ones of the corpus."""
WAITING = 64
"""Documents among which a row looks for what still fits."""


def train_base(recipe: Recipe, out: Path, *, resume: bool = False) -> Provenance:
    """Train the base model of a recipe into ``out``, stage by stage; give its provenance."""
    from transformers import set_seed

    stages = Stages.open(recipe, out, resume=resume)
    resumed = stages.resumed_after()
    sizes, made = recipe.architecture, recipe.data
    sample = (item.words for item in itertools.islice(general_text(recipe, 0), TOKENIZER_SAMPLE))
    names = function_of(recipe, made.words)(recipe.path(made.source)) if made.words else ()
    tokenizer = train_tokenizer(sample, vocabulary=sizes.vocabulary, context=sizes.context, names=names)
    prompter = Prompter(tokenizer)
    set_seed(recipe.seed)
    model = new_model(sizes, tokenizer)
    runs, digests, tokens = [], [], 0
    for number, stage in enumerate(recipe.stages):
        source = general_text(recipe, number)
        width = stage.max_tokens or recipe.schedule.max_tokens
        rows = list(pack(prompter, source, stage.tokens, width, answers_only=stage.answers_only))
        digests.append(digest([",".join(map(str, row.input_ids)) for row in rows]))
        tokens += sum(len(row.input_ids) for row in rows)
        one = partial(
            fit, model, prompter.padding, rows, recipe.schedule, seed=recipe.seed + number, out=out, stage=number
        )
        runs.append(stages.run(number, digests[-1], one))
    model.config.use_cache = True  # the Trainer turns it off; who generates with the saved model wants it
    check_weights(model.named_parameters())
    model.float().save_pretrained(out)
    tokenizer.save_pretrained(out)
    readable(out)
    drop_checkpoints(out)
    counts = {"stages": len(runs), "tokens": tokens, **resumed}
    return provenance.write(
        recipe, out, total(runs), data=digest(digests), base=fingerprint_weights(out), counts=counts
    )


def new_model(sizes: Architecture, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
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


def pack(
    prompter: Prompter, source: Iterator[Passage], tokens: int, width: int, *, answers_only: bool = False
) -> Iterator[Encoded]:
    """Fill rows of at most ``width`` tokens with whole documents until ``tokens`` are reached.

    Best fit: a row begins with the next document of the corpus, then takes the longest waiting one that still
    has room. A document is never cut, since its end is what it teaches (the note after the dialogue). With
    ``answers_only`` a document that asks for something carries loss on its answer alone.
    """
    waiting: list[Encoded] = []
    total = 0
    while total < tokens:
        while len(waiting) < WAITING:
            made = (encoded(prompter, item, answers_only=answers_only) for item in itertools.islice(source, 256))
            waiting.extend(item for item in made if len(item.input_ids) <= width)
        row = waiting.pop(0)
        while fitting := [
            (len(item.input_ids), -place)
            for place, item in enumerate(waiting)
            if len(item.input_ids) <= width - len(row.input_ids)
        ]:
            more = waiting.pop(-max(fitting)[1])
            row = Encoded(row.input_ids + more.input_ids, row.labels + more.labels)
        total += len(row.input_ids)
        yield row


def encoded(prompter: Prompter, document: Passage, *, answers_only: bool) -> Encoded:
    """Turn a document into token ids as the model sees it: plain and closed, or in the chat template."""
    if document.turns:
        before, answer = prompter.context(document.turns[:-1]), document.turns[-1].content
    else:
        before, answer = document.text, document.answer
    asked, told = (prompter.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (before, answer + END))
    masked = answers_only and bool(answer)
    return Encoded((*asked, *told), (*([IGNORED] * len(asked) if masked else asked), *told))

"""A bilingual byte-level BPE tokenizer with a chat template, trained on the base model's own text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], *, vocabulary: int, context: int, names: Sequence[str] = ()) -> Any:
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
        [
            *splits,
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
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
    wrap: Any = PreTrainedTokenizerFast
    tokenizer = wrap(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(ROLES),
        model_max_length=context,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer

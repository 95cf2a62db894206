"""Recipes: a TOML file -> frozen dataclasses, checked key by key before anything is computed.

A recipe says all that shapes a model: its data, its prompt style (a task's own), sizes, schedule and seed.
Paths in a recipe are relative to the recipe's folder.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.files.door import Place, place
from pytest_medeval.core.files.tomltext import Toml, read_toml
from pytest_medeval.tasks.cases.split import check_split

# TOML tables into frozen dataclasses, key by key: unknown names, missing keys and wrong types are one
# line.

T = TypeVar("T")
GIVEN = ("file", "published")
"""Fields that the command line fills in, not the file."""


def build(kind: type[T], toml: Toml, entries: Mapping[str, Any], path: Place = (), **given: Any) -> T:
    """Make a dataclass of the table at ``path``; names and types of all keys are checked, mistakes told together.

    ``given``: fields that no file says.
    """
    hints = typing.get_type_hints(kind)
    mistakes, values = Mistakes(), given
    for key, value in entries.items():
        with mistakes:
            if key not in hints or key in GIVEN:
                names = (name for name in hints if name not in GIVEN)
                raise MedevalError(f"{toml.at(*path, key)}: {_table(path)}{accepted('key', key, names)}")
            values[key] = _value(hints[key], value, toml, (*path, key))
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]  # T is always one of the dataclasses above
        needed = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        with mistakes:
            if needed and item.name not in values and item.name not in entries:
                raise MedevalError(
                    f"{toml.at(*path)}: {_table(path)}key {item.name!r} is missing; accepted: a value for it"
                )
    mistakes.tell()
    return kind(**values)


def _table(path: Place) -> str:
    """Name the table that a key stands in."""
    names = ".".join(str(step) for step in path if isinstance(step, str))
    return f"[{names}] " if names else ""


def _value(hint: Any, value: Any, toml: Toml, path: Place) -> Any:
    key, where = path[-1], f"{toml.at(*path)}: {_table(path[:-1])}"
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise MedevalError(f"{where}{key!r} is {value!r}; accepted: a table [{key}]")
        return build(hint, toml, value, path)
    origin = typing.get_origin(hint)
    if origin is list and dataclasses.is_dataclass(item := typing.get_args(hint)[0]) and isinstance(item, type):
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise MedevalError(f"{where}{key!r} is {value!r}; accepted: tables [[{key}]]")
        return [build(item, toml, entry, (*path, number)) for number, entry in enumerate(value)]
    if origin in (Literal, typing.Union):
        return _worded(hint, value, toml, path)
    plain = origin or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(plain, type) and (not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool)):
        raise MedevalError(f"{where}{key!r} is {value!r}; accepted: {plain.__name__}")
    kinds = typing.get_args(hint) if origin in (list, dict) else ()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if kinds and kinds[-1] is not Any and not all(_is(one, kinds[-1]) for one in inner):
        raise MedevalError(f"{where}{key!r} is {value!r}; accepted: {plain.__name__} of {kinds[-1].__name__}")
    return value


def _worded(hint: Any, value: Any, toml: Toml, path: Place) -> Any:
    """Check a word that is one of some, or one that may stand in the place of a list."""
    where, kinds = f"{toml.at(*path)}: {_table(path[:-1])}", typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        if value not in kinds:
            raise MedevalError(where + accepted(str(path[-1]), value, kinds))
        return value
    (word,) = typing.get_args(kinds[1])
    if value != word and not isinstance(value, list):
        raise MedevalError(f"{where}{path[-1]!r} is {value!r}; accepted: a list, or {word!r}")
    return value if value == word else _value(kinds[0], value, toml, path)


def _is(value: object, kind: type) -> bool:
    return isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)


JUDGE = "judge"
"""The one value of a recipe's ``task`` that is no task of a suite."""
DATA = "data:"
"""Prefix of files that lie under the folder of published data sets, as in suites."""


@dataclass(frozen=True, kw_only=True)
class More:
    """One more case file to train on, of which ``limit`` cases are taken (0: all)."""

    train: str
    format: str = ""
    limit: int = 0


@dataclass(frozen=True, kw_only=True)
class Data:
    """Where examples come from.

    ``train`` is a case file (``data:FILE``: below the folder of published data sets), whose ``format`` is found from
    suffix or keys unless given; ``more`` adds files. Or it is a function ``module:name`` that makes the data of what
    lies in ``source``: ``count`` records or examples for an adapter, general text for a base, whose tokenizer keeps
    what the function ``words`` gives whole. ``limit`` takes so many cases of a file, those of the smallest content
    hash.

    Filters: ``where`` keeps cases whose tags have these values, ``min_words`` cases whose question has so many words,
    ``skip_empty`` leaves records without a target out, which are an error otherwise.

    ``dev`` names a case file whose loss is logged; or ``dev_share`` of each file's cases, or ``dev_count`` different
    questions of it, are held back by content hash, so that the same case always falls on the same side: that of a suite
    with ``part="dev"`` and the same size. What ``limit`` takes of them is the dev set. ``held_out`` names case files;
    training texts that hold a share of ``overlap`` or more of what one of them asks are dropped, by the rule of leakage
    (``pytest_medeval.tasks.cases.duplicates``).

    ``expected``: examples of the published data; what a plan counts with while the files are missing.
    """

    train: str
    format: str = ""
    limit: int = 0
    more: list[More] = field(default_factory=list)
    source: str = ""
    words: str = ""
    count: int = 0
    where: dict[str, str] = field(default_factory=dict)
    min_words: int = 0
    skip_empty: bool = False
    dev: str = ""
    dev_format: str = ""
    dev_share: float = 0.0
    dev_count: int = 0
    held_out: list[str] = field(default_factory=list)
    overlap: float = 0.8
    expected: int = 0

    @property
    def divided(self) -> bool:
        """Whether its own cases are divided into those to train on and a dev set."""
        return bool(self.dev_share or self.dev_count)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One pass of a base over ``tokens`` of general text, whose kinds ``mixture`` weighs (by documents).

    ``answers_only``: of a document that asks for something, only the answer carries loss. ``max_tokens``: length
    of its rows where that is not the schedule's.
    """

    tokens: int
    mixture: dict[str, float]
    answers_only: bool = False
    max_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of a Llama that starts from random weights, and of its tokenizer."""

    vocabulary: int = 4096
    hidden: int = 192
    intermediate: int = 512
    layers: int = 4
    heads: int = 6
    context: int = 1024


ALL_LINEAR: Final = "all-linear"


@dataclass(frozen=True, kw_only=True)
class Lora:
    """Settings of peft's ``LoraConfig``; ``targets`` are names of layers, or all that are linear but the output's."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: list[str] | Literal["all-linear"] = field(default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"])


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Settings of Transformers' ``Trainer``; ``max_tokens`` bounds an example (base: a packed row).

    ``overlong``: an example that is longer is refused, or its reply is cut at the end and counted. ``save_every``:
    steps between checkpoints of an adapter's run, from which ``--resume`` goes on. A dev set is measured every
    ``eval_every`` steps (0: after each epoch). Each of the ``rounds`` of an adapter has its own examples, drawn by
    the seed and its number, and starts at half the learning rate of the one before.
    """

    epochs: float = 1.0
    rounds: int = 1
    batch: int = 8
    accumulation: int = 1
    learning_rate: float = 2e-4
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.01
    clip: float = 1.0
    beta2: float = 0.999
    max_tokens: int = 1024
    overlong: Literal["refuse", "cut"] = "refuse"
    precision: Literal["bf16", "fp16", "fp32"] = "fp32"
    log_every: int = 25
    eval_every: int = 0
    save_every: int = 200


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How the base of an adapter is loaded; ``checkpointing`` computes activations anew instead of keeping them."""

    quantize: Literal["none", "4bit", "8bit"] = "none"
    dtype: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    attention: Literal["eager", "sdpa"] = "eager"
    checkpointing: bool = False


@dataclass(frozen=True, kw_only=True)
class Ppo:
    """Proximal policy optimisation of the adapter after its supervised stage (Schulman et al. 2017).

    ``questions`` cases (0: no such stage) are asked ``epochs`` times, ``batch`` at once with ``samples`` replies
    each at ``temperature``; ``inner`` passes over each batch with the ratio clipped at 1 - ``clip`` and 1 + ``clip``.
    ``kl`` weighs the divergence from the supervised policy in the reward of each token; ``gamma`` and ``lam`` are
    those of generalised advantage estimation; ``critic_rate`` is the learning rate of the value head, which reads
    hidden states and changes no weight of the policy. ``offered``: replies are sampled among the texts of the
    question's options, token by token, as the task's scoring ``texts`` compares them; else freely. ``data``: where
    the questions come from, if not from the recipe's own training cases. ``save_every``: batches after which the
    state is kept, for ``--resume``.
    """

    questions: int = 0
    data: Data = field(default_factory=lambda: Data(train=""))
    epochs: int = 2
    batch: int = 2
    samples: int = 1
    inner: int = 4
    learning_rate: float = 5e-7
    critic_rate: float = 1e-3
    clip: float = 0.2
    kl: float = 0.05
    gamma: float = 1.0
    lam: float = 0.95
    temperature: float = 1.0
    max_new_tokens: int = 32
    offered: bool = False
    log_every: int = 10
    save_every: int = 25


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What one command turns into a base model (``kind = "base"``) or a LoRA adapter (``kind = "lora"``)."""

    file: Path
    kind: Literal["base", "lora"]
    name: str
    mirrors: str = ""
    """Which published system the settings follow."""
    notes: str = ""
    """What a reader of the card should know: what was scaled down, what the model cannot do."""
    seed: int = 1
    base: str = ""
    task: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the task, as a suite has them: the prompt of training is the prompt of evaluation."""
    target_options: dict[str, Any] = field(default_factory=dict)
    """Options of the task under which the wanted reply is written, where they differ."""
    config: dict[str, Any] = field(default_factory=dict)
    """The base's ``config.json``, as far as sizes go: a plan can be made without the base's files."""
    loading: Loading = field(default_factory=Loading)
    ppo: Ppo = field(default_factory=Ppo)
    merge: bool = False
    """Whether the adapter is also merged into its base, and the result saved in the folder ``merged``."""
    data: Data
    schedule: Schedule = field(default_factory=Schedule)
    lora: Lora = field(default_factory=Lora)
    stages: list[Stage] = field(default_factory=list)
    """Of a base: one after the other, each with the schedule anew and the next seed."""
    architecture: Architecture = field(default_factory=Architecture)

    published: Path | None = None
    """Folder of published data sets, below which ``data:FILE`` is found; given on the command line."""

    def path(self, relative: str) -> Path:
        """Resolve a path of the recipe."""
        if relative.startswith(DATA):
            if self.published is None:
                raise MedevalError(f"{self.file}: {relative!r} needs --data=DIR, the folder of published data sets")
            return place(relative.removeprefix(DATA), self.published)
        return place(relative, self.file.parent)


def load_recipe(file: Path, published: Path | None = None) -> Recipe:
    """Read and check a recipe; ``MedevalError`` names the file, the key and what is accepted."""
    toml = read_toml(file, "a recipe.toml, as beside each adapter under adapters/")
    recipe = build(Recipe, toml, toml.data, file=file, published=published)
    _check(recipe, toml)
    return recipe


def _check(recipe: Recipe, toml: Toml) -> None:
    mistakes = Mistakes()
    needed = {"base": ("stages",), "lora": ("base", "task")}[recipe.kind]
    for key in needed:
        with mistakes:
            if not getattr(recipe, key):
                told = f"a recipe of kind {recipe.kind!r} needs the key {key!r}"
                raise MedevalError(f"{toml.at(key)}: {told}; accepted: a value for it")
    for section, key in (
        ("schedule", "epochs"),
        ("schedule", "rounds"),
        ("schedule", "batch"),
        ("schedule", "max_tokens"),
        ("lora", "rank"),
        ("lora", "alpha"),
        ("schedule", "save_every"),
        ("ppo", "batch"),
        ("ppo", "samples"),
        ("ppo", "inner"),
        ("ppo", "save_every"),
        ("ppo", "clip"),
        ("ppo", "temperature"),
    ):
        value = getattr(getattr(recipe, section), key)
        with mistakes:
            if not value > 0:
                where = toml.at(section, key)
                raise MedevalError(f"{where}: [{section}] {key} is {value!r}; accepted: a number above 0")
    with mistakes:
        if not 0 < recipe.data.overlap <= 1:
            where = toml.at("data", "overlap")
            raise MedevalError(f"{where}: [data] overlap is {recipe.data.overlap!r}; accepted: above 0, up to 1")
    with mistakes:
        if not 0 <= recipe.lora.dropout < 1:
            told = f"[lora] dropout is {recipe.lora.dropout!r}; accepted: 0 up to, not including, 1"
            raise MedevalError(f"{toml.at('lora', 'dropout')}: {told}")
    with mistakes:
        try:
            check_split(recipe.data.dev_share, recipe.data.dev_count, needed=False)
        except MedevalError as mistake:
            raise MedevalError(f"{toml.at('data')}: [data] {mistake}") from None
    with mistakes:
        if recipe.data.dev and recipe.data.divided:
            own = "dev_share" if recipe.data.dev_share else "dev_count"
            raise MedevalError(f"{toml.at('data')}: [data] has both 'dev' and {own!r}; accepted: one of them")
    with mistakes:
        if recipe.ppo.questions and (recipe.kind != "lora" or recipe.task != "mcq"):
            raise MedevalError(f"{toml.at('ppo')}: [ppo] rewards right options; accepted: kind 'lora' with task 'mcq'")
    mistakes.tell()

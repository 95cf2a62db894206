"""``gguf:FILE``: a model in one file, computed by llama.cpp through llama-cpp-python.

What is asked is what a local model is asked: the chat template and the tokenizer in the file make the ids, choices
are scored by the log-likelihood of their tokens, replies are greedy. Requests are answered one by one, each from an
empty cache, so no answer depends on what was asked before it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from functools import cache, partial
from importlib import metadata
from pathlib import Path

import numpy as np

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_file, fingerprint_files, fingerprint_text
from pytest_medeval.core.model import Burst, Identity, Model, Settings, Streaming
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models.cache import CachedModel, Store
from pytest_medeval.models.gguf.file import Header, shards
from pytest_medeval.models.identity import asked_date
from pytest_medeval.models.local.batches import NO_TOKEN, Prompt, unfit_answer
from pytest_medeval.models.prompts import Prompter, dated
from pytest_medeval.models.spec import GgufSpec, check_variables, digested

_PACKAGES = {"llama_cpp": "llama-cpp-python", "gguf": "gguf"}
_DEVICES = ("auto", "cpu", "cuda")


def open_gguf(spec: GgufSpec, settings: Settings) -> Model:
    """Identify a model by its file; it is loaded with the first request that has no stored reply."""
    for module, package in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            raise MedevalError(f"model {spec.text!r} needs {package}: pip install 'pytest-medeval[gguf]'")
    identity = identify(spec, settings)
    store = None if settings.cache is None else Store(settings.cache)
    return CachedModel(identity, partial(GgufModel, spec, identity, settings), store, version=_version())


def identify(spec: GgufSpec, settings: Settings) -> Identity:
    """Compute the identity: the SHA-256 of the file (of all its parts), which holds weights, words and template."""
    files = [fingerprint_file(part, memory=settings.cache) for part in shards(spec.file)]
    weights = files[0] if len(files) == 1 else fingerprint_text(*files)
    header = Header(spec.file)
    check_variables(spec.text, spec.variables, header.template)
    return Identity(
        spec=spec.text,
        fingerprint=fingerprint_text(weights, *digested(spec.variables)),
        base=weights,
        dtype=header.dtype,
        device=_device(spec, settings.device),
        tokenizer=header.tokenizer(),
        chat_template=None if header.template is None else fingerprint_text(header.template),
        date=asked_date(header.template, settings),
    )


class GgufModel(Streaming):
    """A loaded GGUF file."""

    def __init__(self, spec: GgufSpec, identity: Identity, settings: Settings) -> None:
        from pytest_medeval.models.gguf.engine import Llama
        from pytest_medeval.models.gguf.tokens import Tokenizer

        self.identity = identity
        self.notices: list[str] = []
        self._engine = Llama(spec.file, gpu=identity.device != "cpu", threads=settings.threads)
        template = Header(spec.file).template
        words = Tokenizer(self._engine, template and dated(template, settings.date))
        self._prompter = Prompter(words, spec.variables)
        self._ends = self._prompter.end_tokens() | self._engine.ends()

    def stream(self, requests: Sequence[Request]) -> Iterator[Burst]:
        """Give answers one by one."""
        for index, request in enumerate(requests):
            prompt = self._prompter.encode(request)
            yield [(index, self._one(request, prompt))]

    def _one(self, request: Request, prompt: Prompt) -> Answer:
        reply = max(map(len, prompt.choices)) if prompt.choices else request.max_new_tokens
        reason = self._unfit(request, prompt, reply)
        if reason:
            return unfit_answer(prompt, reason)
        self._engine.start(len(prompt.ids) + reply)
        if prompt.choices:
            return self._prompter.scored(prompt, self._score(prompt))
        return self._prompter.reply(prompt, self._reply(request, prompt), self._ends, request.stop)

    def _unfit(self, request: Request, prompt: Prompt, reply: int) -> str:
        """Say why a request cannot be asked; a prompt that is too long is never cut silently."""
        if request.temperature > 0:
            return f"a GGUF model replies greedily; temperature {request.temperature} is not offered"
        if not prompt.ids or not all(prompt.choices):
            return "the prompt or a choice is empty after tokenisation"
        if len(prompt.ids) + reply > self._engine.context:
            return (
                f"the prompt has {len(prompt.ids)} tokens and the reply may have {reply}, "
                f"together more than the model's context of {self._engine.context}"
            )
        return ""

    def _score(self, prompt: Prompt) -> tuple[float, ...]:
        """Sum the log-probabilities of each choice's tokens; the prompt is read once where the model can go back."""
        size = len(prompt.ids)
        first = self._engine.read(prompt.ids, 0)
        sums = []
        for choice in prompt.choices:
            rows = first
            if len(choice) > 1:
                if not self._engine.back(size):
                    self._engine.start(size + len(choice))
                    self._engine.read(prompt.ids, 0)
                rows = np.concatenate([first, self._engine.read(choice[:-1], size, every=True)])
            sums.append(_log_likelihood(rows, choice))
        return tuple(sums)

    def _reply(self, request: Request, prompt: Prompt) -> list[int]:
        """Take the likeliest token, again and again, up to an end token, a stop string or the limit."""
        found: list[int] = []
        stops, ends = tuple(filter(None, request.stop)), self._ends | {NO_TOKEN}
        logits = self._engine.read(prompt.ids, 0)
        while len(found) < request.max_new_tokens:
            best = int(logits[-1].argmax())  # NaN, where there is one
            found.append(best if np.isfinite(logits[-1, best]) else NO_TOKEN)
            if found[-1] in ends or (stops and any(stop in self._prompter.decode(found) for stop in stops)):
                break
            if len(found) < request.max_new_tokens:
                logits = self._engine.read(found[-1:], len(prompt.ids) + len(found) - 1)
        return found


def _log_likelihood(rows: np.ndarray, tokens: Sequence[int]) -> float:
    """Give the log-probability of tokens (n,) under logits (n, V), in float64."""
    wide = rows.astype(np.float64)
    highest = wide.max(axis=1)
    with np.errstate(invalid="ignore"):  # NaN and infinities end as NaN, and in an error answer
        total = highest + np.log(np.exp(wide - highest[:, None]).sum(axis=1))
        return float((wide[np.arange(len(tokens)), list(tokens)] - total).sum())


def _device(spec: GgufSpec, asked: str) -> str:
    from pytest_medeval.models.gguf.engine import offloads

    if asked not in _DEVICES:
        raise MedevalError(f"model {spec.text!r}: device {asked!r}; accepted: {', '.join(_DEVICES)}")
    if asked == "cuda" and not offloads():
        raise MedevalError(
            f"model {spec.text!r}: this llama-cpp-python was built for the CPU; "
            "CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall llama-cpp-python builds it for CUDA"
        )
    return "cpu" if asked == "cpu" or not offloads() else "gpu"


@cache
def _version() -> str:
    """Hash the code that turns a prompt into a reply: ours, and the versions of the libraries below it."""
    here = Path(__file__).parent
    ours = fingerprint_files([*sorted(here.glob("*.py")), here.parent / "prompts.py"])
    return fingerprint_text(ours, *(metadata.version(name) for name in ("llama-cpp-python", "jinja2")))

"""llama.cpp through its C interface: text to ids and back, ids to logits. One sequence, one thread at a time."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError

Logits = NDArray[np.float32]
_LIB: Any = llama_cpp
_ROUND = 1024
"""The context grows in steps of so many tokens, so that memory is taken for what is asked and no more."""

_ERROR = 4
"""``GGML_LOG_LEVEL_ERROR``."""

_errors: list[str] = []
"""What llama.cpp calls an error while it loads: the first says most."""


@_LIB.llama_log_callback  # type: ignore[untyped-decorator]
def _listen(level: int, text: bytes, _data: object) -> None:
    """Keep errors, and keep the rest, a line for every tensor, from the terminal."""
    if level == _ERROR:
        _errors.append(text.decode("utf-8", "replace").strip())


_LIB.llama_log_set(_listen, ctypes.c_void_p(0))


class Llama:
    """A loaded GGUF file. The keys and values of its cache are kept in 16 bits, llama.cpp's default."""

    def __init__(self, file: Path, *, gpu: bool, threads: int | None) -> None:
        _LIB.llama_backend_init()
        parameters = _LIB.llama_model_default_params()
        parameters.n_gpu_layers = 999 if gpu else 0
        parameters.check_tensors = True  # one pass over the weights: NaN and infinities are a load error
        _errors.clear()
        self._model = _LIB.llama_model_load_from_file(os.fsencode(file), parameters)
        if not self._model:
            reason = _errors[0].rpartition("error loading model: ")[2] if _errors else "it gives no reason"
            raise MedevalError(f"{file}: llama.cpp cannot load this model: {reason}")
        self._file = file
        self._vocab = _LIB.llama_model_get_vocab(self._model)
        self._threads = threads or cores()
        self._context: object = None
        self._room = 0
        self._free = weakref.finalize(self, _LIB.llama_model_free, self._model)
        self._close: Callable[[], object] | None = None
        self.size = int(_LIB.llama_vocab_n_tokens(self._vocab))
        self.context = int(_LIB.llama_model_n_ctx_train(self._model))

    def ids(self, text: str, *, special: bool) -> list[int]:
        """Tokenise; ``special``: add what the model wants before a text. Control tokens in the text are read."""
        data = text.encode()
        room = len(data) + 8
        found = (_LIB.llama_token * room)()
        count = _LIB.llama_tokenize(self._vocab, data, len(data), found, room, special, True)
        if count < 0:
            raise MedevalError(f"{self._file}: a text of {len(data)} bytes gives {-count} tokens")
        return [int(token) for token in found[:count]]

    def text(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Turn ids into text, with control tokens where ``special``; bytes that are no UTF-8 become U+FFFD."""
        tokens = (_LIB.llama_token * len(ids))(*ids)
        room = 64 * (len(ids) + 1)
        while True:
            data = ctypes.create_string_buffer(room)
            count = _LIB.llama_detokenize(self._vocab, tokens, len(ids), data, room, True, special)
            if count >= 0:
                return data.raw[:count].decode("utf-8", "replace")
            room = -count

    def piece(self, token: int) -> str:
        """Give the text of a token as the vocabulary writes it, empty for no token."""
        return "" if token < 0 else _LIB.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")

    @property
    def first(self) -> int:
        """Id of the token that begins a text, negative where there is none."""
        return int(_LIB.llama_vocab_bos(self._vocab))

    @property
    def last(self) -> int:
        """Id of the token that ends a text, negative where there is none."""
        return int(_LIB.llama_vocab_eos(self._vocab))

    def ends(self) -> set[int]:
        """Give all ids that end a reply."""
        return {token for token in range(self.size) if _LIB.llama_vocab_is_eog(self._vocab, token)}

    def controls(self) -> list[int]:
        """Give the ids of control tokens."""
        control = _LIB.LLAMA_TOKEN_ATTR_CONTROL
        return [token for token in range(self.size) if _LIB.llama_vocab_get_attr(self._vocab, token) & control]

    def start(self, room: int) -> None:
        """Forget what was read, and make room for so many tokens."""
        if room > self._room:
            self._open(-(-room // _ROUND) * _ROUND)
        _LIB.llama_memory_clear(_LIB.llama_get_memory(self._context), True)

    def back(self, count: int) -> bool:
        """Forget all but the first ``count`` tokens; False where a model with a recurrent state cannot."""
        return bool(_LIB.llama_memory_seq_rm(_LIB.llama_get_memory(self._context), 0, count, -1))

    def read(self, ids: Sequence[int], at: int, *, every: bool = False) -> Logits:
        """Read tokens at places ``at`` on; give the logits (n, V) behind each of them, or (1, V) behind the last."""
        batch = _LIB.llama_batch_init(len(ids), 0, 1)
        try:
            batch.n_tokens = len(ids)
            for place, token in enumerate(ids):
                batch.token[place], batch.pos[place] = token, at + place
                batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
                batch.logits[place] = every or place == len(ids) - 1
            code = _LIB.llama_decode(self._context, batch)
        finally:
            _LIB.llama_batch_free(batch)
        if code:
            raise MedevalError(f"{self._file}: llama.cpp cannot compute {len(ids)} tokens (llama_decode: {code})")
        places = range(len(ids)) if every else [len(ids) - 1]
        rows = [_LIB.llama_get_logits_ith(self._context, place) for place in places]
        return np.stack([np.ctypeslib.as_array(row, shape=(self.size,)).copy() for row in rows])

    def _open(self, room: int) -> None:
        if self._close:
            self._close()
        parameters = _LIB.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = self._room = room
        parameters.n_threads = parameters.n_threads_batch = self._threads
        self._context = _LIB.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise MedevalError(f"{self._file}: no memory for a context of {room} tokens")
        self._close = weakref.finalize(self, _LIB.llama_free, self._context)  # runs before the model's own


def offloads() -> bool:
    """Say whether this build of llama.cpp can compute on a GPU."""
    return bool(_LIB.llama_supports_gpu_offload())


def cores() -> int:
    """Count the processors that this process may use; llama.cpp's threads wait busily for each other."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

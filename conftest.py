"""Pytester runs whole sessions for the tests of the plugin; modules of an extra that is absent have no doctests."""

import importlib.util

pytest_plugins = "pytester"
collect_ignore_glob = [] if importlib.util.find_spec("llama_cpp") else ["src/pytest_medeval/models/gguf/*.py"]

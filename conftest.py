"""Pytester runs whole sessions for the tests of the plugin; modules of an extra that is absent have no doctests."""

import importlib.util
import os
from pathlib import Path

pytest_plugins = "pytester"
collect_ignore_glob = [] if importlib.util.find_spec("llama_cpp") else ["src/pytest_medeval/models/gguf/*.py"]

# Processes that tests start import ``tools`` too.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
# Workers of pytest-xdist say that they are 80 characters wide; what is told to a log is not folded there.
os.environ.pop("COLUMNS", None)

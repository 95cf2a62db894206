"""The house rules: imports run one way, heavy packages stay where they are needed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(SRC.rglob("*.py"))

ONLY_IN = {
    "torch": ("models/local", "training/"),
    "peft": ("models/local", "training/"),
    "transformers": ("models/local", "training/"),
    "llama_cpp": ("models/gguf",),
    "gguf": ("models/gguf",),
    "openai": ("models/endpoint",),
    "ray": ("models/fleet",),
    "pytest": ("plugin.py", "collect.py", "fixtures.py", "newhooks.py"),
    "_pytest": (),
    "xdist": ("schedule.py",),
}
SLOW = {
    "nltk",
    "rouge_score",
    "sklearn",
    "scipy",
    "numpy",
    "torch",
    "transformers",
    "peft",
    "openai",
    "sacrebleu",
    "yaml",
    "jsonschema",
}
START = ("__init__", "plugin", "fixtures", "settings", "options", "checks", "errors", "newhooks", "signals")
"""Modules that pytest imports at every start."""


def module(path: Path) -> str:
    """Name a file's module."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top: bool) -> set[str]:
    """List the modules that a file imports; ``top``: only when the file itself is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(_reached(tree.body)) if top else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _reached(body: list[ast.stmt]):
    """Walk the statements that run on import: not functions, not what only a type checker sees."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _reached(node.orelse)
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            for name in ("body", "orelse", "handlers", "finalbody"):
                yield from _reached(
                    [inner for inner in getattr(node, name, []) if isinstance(inner, ast.stmt)]
                )


@pytest.mark.parametrize("path", FILES, ids=module)
def test_heavy_packages_stay_in_their_modules(path):
    """torch, openai, pytest and their kind are imported only where the design says, even inside functions."""
    name = path.relative_to(SRC / "pytest_medeval").as_posix()
    for imported in imports(path, top=False):
        allowed = ONLY_IN.get(imported.partition(".")[0])
        assert allowed is None or any(name.startswith(place) for place in allowed), (
            f"{name} imports {imported}"
        )


@pytest.mark.parametrize(
    "folder", ["stats", "cases", "metrics", "tasks", "ratings", "verdicts", "runs", "report"]
)
def test_the_core_knows_no_pytest_plugin(folder):
    """The engine is a plain library: nothing below knows the plugin, its session or its fixtures."""
    upper = {
        f"pytest_medeval.{name}"
        for name in ("plugin", "session", "fixtures", "collect", "newhooks", "schedule")
    }
    for path in (SRC / "pytest_medeval" / folder).rglob("*.py"):
        assert not upper & imports(path, top=False), path


def test_statistics_know_neither_cases_nor_models():
    """stats/ sees arrays and types, nothing else of the house."""
    allowed = ("pytest_medeval.stats", "pytest_medeval.core.types", "pytest_medeval.core.errors")
    for path in (SRC / "pytest_medeval" / "stats").rglob("*.py"):
        ours = {name for name in imports(path, top=False) if name.startswith("pytest_medeval.")}
        assert all(name.startswith(allowed) for name in ours), (path, ours)


@pytest.mark.parametrize("name", START)
def test_start_up_imports_nothing_slow(name):
    """What pytest imports at every start imports nothing slow itself."""
    slow = {
        imported
        for imported in imports(SRC / "pytest_medeval" / f"{name}.py", top=True)
        if imported.partition(".")[0] in SLOW
    }
    assert not slow


def test_imports_never_run_in_a_circle():
    """No module imports itself through others when it is loaded."""
    ours = {module(path) for path in FILES}
    graph = {
        module(path): {name for name in imports(path, top=True) if name in ours and name != module(path)}
        for path in FILES
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for following in sorted(graph[name]):
                if not name.startswith(f"{following}."):  # a package is loaded before its modules anyway
                    visit(following, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())

"""The house rules: imports run one way, heavy packages stay where they are needed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(SRC.rglob("*.py"))

ONLY_IN = {
    "torch": ("models/local/", "models/proof/merged.py", "training/"),
    "peft": ("models/local/", "models/proof/merged.py", "training/"),
    "transformers": ("models/local/", "models/proof/merged.py", "training/"),
    "llama_cpp": ("models/gguf/",),
    "gguf": ("models/gguf/",),
    "openai": ("models/endpoint/",),
    "ray": ("models/ray/",),
    "pyarrow": ("core/files/parquet.py",),
    "pytest": ("plugin/",),
    "_pytest": (),
    "xdist": ("plugin/schedule.py", "plugin/hooks.py"),
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
    "pyarrow",
    "jsonschema",
}
START = (
    "__init__",
    "plugin/__init__",
    "plugin/hooks",
    "plugin/fixtures",
    "plugin/newhooks",
    "core/__init__",
    "core/settings",
    "core/options",
    "core/errors",
    "core/signals",
)
"""Modules that pytest imports at every start."""


ROOMS = {
    "core": 1,
    "stats": 2,
    "tasks": 2,
    "metrics": 3,
    "models": 3,
    "judges": 4,
    "training": 5,
    "verdicts": 5,
    "report": 6,
    "runs": 6,
    "commands": 7,
    "plugin": 7,
}
"""Room -> its floor."""
ARROWS: dict[str, str] = {
    "commands": "report runs verdicts judges metrics models stats tasks core",
    "plugin": "report runs verdicts judges metrics models tasks core",
    "report": "verdicts judges core",
    "runs": "verdicts judges metrics models stats tasks core",
    "training": "models metrics tasks core",
    "verdicts": "judges metrics stats tasks core",
    "judges": "metrics stats core",
    "metrics": "stats tasks core",
    "models": "tasks core",
    "stats": "core",
    "tasks": "core",
}
"""Room -> the rooms that it imports."""
MOST = 14


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
                yield from _reached([inner for inner in getattr(node, name, []) if isinstance(inner, ast.stmt)])


@pytest.mark.parametrize("path", FILES, ids=module)
def test_heavy_packages_stay_in_their_modules(path):
    """torch, openai, pytest and their kind are imported only where the design says, even inside functions."""
    name = path.relative_to(SRC / "pytest_medeval").as_posix()
    for imported in imports(path, top=False):
        allowed = ONLY_IN.get(imported.partition(".")[0])
        assert allowed is None or any(name.startswith(place) for place in allowed), f"{name} imports {imported}"


def room(name: str) -> str:
    """Name the room of a module of ours: the folder below the package."""
    return name.split(".")[1]


def arrows() -> set[tuple[str, str]]:
    """List which room imports which, imports inside functions included; what lies in the root is in no room."""
    ours = {module(path) for path in FILES}
    return {
        (room(name), room(imported))
        for path in FILES
        if (name := module(path)).count(".") > 1 or name.split(".")[-1] in ROOMS
        for imported in imports(path, top=False)
        if imported in ours and imported.count(".") >= 1 and room(imported) in ROOMS and room(imported) != room(name)
    }


def test_the_rooms_are_the_ones_that_the_house_has():
    """Whoever adds a folder decides on which floor it stands; only the package itself lies outside a room."""
    package = SRC / "pytest_medeval"
    assert {path.name for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(ROOMS)
    assert {path.name for path in package.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_imports_run_down():
    """A room imports rooms of lower floors only, also inside functions; rooms of one floor do not know each other."""
    up = {f"{upper} -> {lower}" for upper, lower in arrows() if ROOMS[lower] >= ROOMS[upper]}
    assert not up


def test_no_new_arrow():
    """A new arrow between rooms is a decision: it is added to the list, or the import goes."""
    found: dict[str, set[str]] = {}
    for upper, lower in arrows():
        found.setdefault(upper, set()).add(lower)
    assert found == {upper: set(lower.split()) for upper, lower in ARROWS.items()}


@pytest.mark.parametrize(
    "folder", [SRC / "pytest_medeval", *(path.parent for path in FILES if path.name == "__init__.py")]
)
def test_no_folder_is_a_maze(folder):
    """Whoever opens a folder sees what it is made of: about twelve modules and sub-rooms."""
    inside = [
        path for path in folder.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    ]
    assert len([path for path in inside if path.name != "__init__.py"]) <= MOST


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

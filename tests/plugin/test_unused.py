"""Installed and unused, the plugin is not noticed."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "openai",
    "ray",
    "nltk",
    "scipy",
    "sklearn",
    "numpy",
    "sacrebleu",
    "rouge_score",
    "yaml",
)


def test_an_unrelated_suite_imports_nothing_heavy(pytester):
    """Neither torch nor anything else that is slow is imported, and nothing is printed."""
    pytester.makepyfile(f"""
        import sys
        def test_unrelated():
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
    """)
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-q")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("medeval:*")
    assert not (pytester.path / ".medeval").exists()


def test_help_imports_nothing_heavy(pytester):
    """``pytest --help`` lists the options and stays light."""
    code = f"import pytest, sys; pytest.main(['--help']); print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=pytester.path)
    assert done.stdout.rstrip().endswith("[]")
    assert "--medeval-model=[TASK=]SPEC" in done.stdout


def test_disabled_plugin_leaves_an_unrelated_suite_alone(pytester):
    """``-p no:medeval`` works."""
    pytester.makepyfile("def test_unrelated(): pass")
    pytester.runpytest_subprocess("-p", "no:medeval").assert_outcomes(passed=1)


def test_the_mark_is_registered(pytester):
    """--strict-markers accepts the mark."""
    pytester.makepyfile("import pytest\n@pytest.mark.skip\n@pytest.mark.parametrize('x', [1])\ndef test_x(x): pass")
    pytester.runpytest("--strict-markers", "--markers").stdout.fnmatch_lines(["*@pytest.mark.medeval(suite)*"])

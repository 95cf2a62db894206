"""Mutants: what is changed, and that the tests of a room are asked about it."""

from tests.scripts import benchmark

SOURCE = '''
"""One or two."""
__all__ = ["f"]
if TYPE_CHECKING:
    import x

@cache
def f(a: int | None = 1, *, deep=False) -> int | None:
    """Add 1."""
    if a:
        raise ValueError(f"{a + 1} of 2")
    return [b for b in zip(a, a, strict=True) if b < 2.5 and not min(b)]
'''
CHANGES = [
    "8: 1 -> 2",
    "8: False -> True",
    "10: a -> not a",
    "12: return [b for b in zip(a, a, strict=True) if b < 2.5 and (not min(b))] -> return None",
    "12: b < 2.5 and (not min(b)) -> b < 2.5 or not min(b)",
    "12: b < 2.5 and (not min(b)) -> not min(b)",
    "12: b < 2.5 and (not min(b)) -> b < 2.5",
    "12: b < 2.5 -> b <= 2.5",
    "12: b < 2.5 -> b >= 2.5",
    "12: 2.5 -> 5.0",
    "12: not min(b) -> min(b)",
    "12: min(b) -> max(b)",
]


def test_what_a_test_could_notice_is_changed_and_nothing_else(tmp_path):
    """Every change once, by line; types, decorators, messages and strict zips stay as they are; so does the module."""
    file = tmp_path / "module.py"
    file.write_text(SOURCE, encoding="utf-8")
    with benchmark("changes") as module:
        found = list(module.mutants(file))
    assert sorted(f"{one.line}: {one}" for one in found) == sorted(CHANGES)
    sources = {one.source() for one in found}
    assert len(sources) == len(CHANGES)
    assert all(compile(source, "module", "exec") for source in sources)
    assert {one.inside for one in found} == {7}

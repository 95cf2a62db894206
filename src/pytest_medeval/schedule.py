"""How xdist hands out tests: all cases of one suite to one worker, every other test by itself."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class SuiteScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no type information
    """Group tests by their function: the cases of a suite are the parameters of one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("[")[0]

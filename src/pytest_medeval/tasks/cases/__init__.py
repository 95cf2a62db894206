"""Where do cases come from? One reader a published format; errors as file:line."""

from __future__ import annotations

from pytest_medeval.tasks.cases.find import check_records, detect, expand, read_cases, read_files
from pytest_medeval.tasks.cases.formats import FORMATS
from pytest_medeval.tasks.cases.yamlsuite import SuiteFile, read_yaml_suite

__all__ = ["FORMATS", "SuiteFile", "check_records", "detect", "expand", "read_cases", "read_files", "read_yaml_suite"]

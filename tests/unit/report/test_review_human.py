"""From the review page to Track C."""

from pytest_medeval.judges.ratings.review import read_reviews
from pytest_medeval.verdicts.human import human


def test_from_the_page_to_the_numbers(make_record, export):
    """From page to numbers: a rater who favours the candidate by one grade is measured at one."""
    record = make_record()
    own = {case["candidate"]["reply"] for case in record["cases"]}
    path = export(record, grade=lambda _pair, _name, reply: 4 if reply in own else 3)
    suite = human(record, read_reviews([path], record))["suites"]["dialogue"]
    assert {name: one["difference"] for name, one in suite["dimensions"].items()} == dict.fromkeys(
        ("accuracy", "comprehensiveness", "helpfulness", "relevance", "overall"), 1.0
    )

"""The page itself: self-contained, blind, and safe whatever a reply says."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from pytest_medeval.judges.ratings.review import read_reviews
from pytest_medeval.report.review import page

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]>",
    "\u2028 & <b>",
    "\ud800 lone",
    "{{script}} {{data}}",
)


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))


def inline(html, tag):
    """Texts of inline elements of a kind."""
    return re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)


def test_nothing_is_fetched_and_the_policy_forbids_it(make_record):
    """No element names an address, and the policy allows no connection."""
    html = page(make_record(), 10, seed=1)
    tags = Tags(html).tags
    addresses = {
        (tag, key, value)
        for tag, attrs in tags
        for key, value in attrs.items()
        if key in ("src", "href", "action", "data")
    }
    assert addresses == {("a", "href", "#grading")}
    assert "http:" not in html
    assert "https:" not in html
    policy = next(attrs["content"] for tag, attrs in tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert {"default-src 'none'", "connect-src 'none'", "form-action 'none'", "base-uri 'none'"} <= set(
        policy.split("; ")
    )
    assert "unsafe" not in policy


def test_the_policy_allows_just_the_style_and_script_in_the_page(make_record):
    """The hashes are those of the inline elements: one changed byte would switch the page off."""
    html = page(make_record(), 10, seed=1)
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        texts = inline(html, tag)
        assert len(texts) == 1
        digest = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in html


def test_no_style_attribute_and_no_handler_attribute(make_record):
    """The policy would block them."""
    for _, attrs in Tags(page(make_record(), 3, seed=1)).tags:
        assert not any(key == "style" or key.startswith("on") for key in attrs)


def test_a_hostile_reply_stays_text(make_record, data_of):
    """Nothing that was asked or replied can add an element to the page, and all of it comes through whole."""
    record = make_record(len(HOSTILE))
    plain = page(record, 10, seed=1)
    for case, text in zip(record["cases"], HOSTILE, strict=True):
        case["asked"] = case["gold"] = case["candidate"]["reply"] = text
    html = page(record, 10, seed=1)
    assert Tags(html).tags[1:] == Tags(plain).tags[1:]
    pairs = data_of(html)["pairs"]
    assert {pair["asked"] for pair in pairs} == set(HOSTILE)
    assert all(pair["asked"] in pair["replies"] and pair["reference"] == pair["asked"] for pair in pairs)


def test_the_page_names_no_model_role_score_or_stratum(make_record, data_of):
    """Nothing in the page's data tells the replies apart but the texts themselves."""
    record = make_record()
    html = page(record, 20, seed=1)
    for word in (
        "candidate",
        "baseline",
        "tuned-model",
        "base-model",
        "c" * 12,
        "b" * 12,
        "rougeL",
        "divergent",
        "prompt_hash",
    ):
        assert word not in html
    data = data_of(html)
    assert set(data) == {"run", "review", "seed", "rubric", "pairs"}
    assert all(set(pair) == {"suite", "case", "key", "asked", "reference", "replies"} for pair in data["pairs"])


def test_each_model_comes_first_about_half_of_the_time(make_record, data_of):
    """The order changes from case to case, so that a position does not stand for a model."""
    record = make_record(400)
    own = {case["candidate"]["reply"] for case in record["cases"]}
    first = sum(pair["replies"][0] in own for pair in data_of(page(record, 400, seed=1))["pairs"])
    assert abs(first - 200) < 4 * 10


def test_the_order_follows_the_run_and_the_review_seed(make_record, data_of):
    """Another candidate or another seed shuffles anew: knowing one page's key opens no other page."""

    def orders(record, seed):
        own = {case["candidate"]["reply"] for case in record["cases"]}
        return {pair["asked"]: pair["replies"][0] in own for pair in data_of(page(record, 60, seed))["pairs"]}

    same = orders(make_record(60), 1)
    assert same == orders(make_record(60), 1)
    for other in (orders(make_record(60), 2), orders(make_record(60, candidate="d" * 64), 1)):
        assert 10 < sum(same[case] != other[case] for case in same) < 50


def test_the_same_run_gives_the_same_page_and_the_strata_do_not_show(make_record, data_of):
    """A page can be made again from the record; its cases come in no order of strata or file."""
    assert page(make_record(), 20, seed=1) == page(make_record(), 20, seed=1)
    cases = [pair["asked"] for pair in data_of(page(make_record(), 20, seed=1))["pairs"]]
    assert cases != sorted(cases)


def test_only_what_concerns_the_reviewed_suites_names_the_run(make_record, data_of):
    """A later run that leaves another suite out is the same run to the raters of this one."""
    both, alone = make_record(12, ("dialogue", "other")), make_record(12)
    both["suites"]["other"]["judged"] = False
    assert data_of(page(both, 5, seed=1))["run"] == data_of(page(alone, 5, seed=1))["run"]
    assert data_of(page(alone, 5, seed=1))["run"] != data_of(page(make_record(12, seed=8), 5, seed=1))["run"]


def test_gold_of_every_task_is_readable(make_record, data_of):
    """A letter, labels by finding, or nothing: each in the form a reader understands."""
    record = make_record(3)
    for case, gold in zip(record["cases"], ("B", {"咳嗽": "positive", "发热": "negative"}, None), strict=True):
        case["gold"] = gold
    references = {pair["asked"]: pair["reference"] for pair in data_of(page(record, 3, seed=0))["pairs"]}
    golds = ("B", "咳嗽: positive\n发热: negative", None)
    assert references == {case["asked"]: gold for case, gold in zip(record["cases"], golds, strict=True)}


def test_no_id_of_a_case_tells_raters_the_answer(make_record, data_of, export):
    """Ids such as ``kidney-stone-139`` are written by who knows; ratings come back under them all the same."""
    record = make_record(4)
    for number, case in enumerate(record["cases"]):
        case.update(id=f"kidney-stone-{number}", tags={"finding": "kidney-stone"})
    html = page(record, 4, seed=1)
    assert "kidney" not in html
    assert len({pair["case"] for pair in data_of(html)["pairs"]}) == 4
    assert {pair.case for pair in read_reviews([export(record)], record)} == {f"kidney-stone-{n}" for n in range(4)}

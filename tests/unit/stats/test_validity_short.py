"""A short version of benchmarks/validity.py: wrong passes, coverage, family-wise error and power."""

import pytest
from tests.scripts import benchmark


@pytest.fixture(scope="module")
def validity():
    """Load the benchmark as a module."""
    with benchmark("validity") as module:
        module.CASES = 20_000
        module.RESAMPLES = 400
        yield module


@pytest.fixture(scope="module")
def edges():
    """Load the rows of what changes little."""
    with benchmark("edges") as module:
        yield module


@pytest.mark.parametrize("loss", [0.0, 0.25, "rare"])
def test_wrong_passes_are_rare_and_intervals_cover(validity, loss):
    """200 suites, the truth on the gate's condition; bounds are 4 standard errors off 2.5 and 95 %."""
    if loss == "rare":
        source = validity.population("rare", collapse=0.02)
    else:
        source = validity.population("worse", drop=loss or 0.25)
        source = source if loss else validity.without_difference(source)
    for row in validity.simulate(source, 100, 200):
        assert row.passes <= 0.069, row
        assert row.covers >= 0.888, row
        assert row.value_covers >= 0.888, row


def test_few_cases_pass_no_end_of_an_interval_by_chance(validity):
    """`METRIC.low >=` the truth on 5 cases; by the bootstrap alone micro-F1 passed in 10 %; 4 standard errors."""
    source = validity.without_difference(validity.population("worse", drop=0.25))
    for row in validity.simulate(source, 5, 200):
        assert max(row.value_passes, row.passes) <= 0.069, row


@pytest.mark.parametrize("content", [False, True], ids=["a tag", "seeds"])
def test_clusters_are_no_way_past_a_gate(validity, content):
    """60 clusters of 5 that change alike: ignored they pass often; declared and found at 2.5 %, 4 standard errors."""
    found = validity.dependents(validity.Dependent(60, 5, 0.7, content=content), "rouge_like", 100)
    assert found["ignored"] > 0.1
    assert max(found["declared"], found["found"]) <= 0.025 + 4 * (0.025 * 0.975 / 100) ** 0.5


def test_a_rare_loss_in_clusters_does_not_pass(edges):
    """60 clusters whose losses fall together: with an interval of what changed alone 6 to 9 % passed."""
    passes, covers = edges.Rare(60, 10.0, 0.03, 0.32).wrong(100)
    assert passes <= 0.025 + 4 * (0.025 * 0.975 / 100) ** 0.5
    assert covers >= 0.9


def test_any_wrong_verdict_of_six_gates_is_rare(validity):
    """Holm's family of six: at most 5 % of runs hold a wrong verdict, here with 4 standard errors."""
    worse = validity.population("worse", drop=0.25)
    assert validity.family(validity.without_difference(worse), worse, 100, 80) <= 0.05 + 4 * (0.05 * 0.95 / 80) ** 0.5


@pytest.mark.parametrize("changed", [0.15, 0.3])
def test_the_gate_sees_what_the_textbook_test_sees(validity, changed):
    """A drop of 0.05 among 1,000 cases: the gate fails at least as often as exact McNemar rejects."""
    power = validity.power(changed=changed, suites=400)
    assert power["gate"] >= power["McNemar exact"] > power["unpaired z"]


def test_a_run_that_ends_early_is_rarely_wrong_and_saves_cases():
    """The truth on the condition, 20 looks: bounds are 4 standard errors off 2.5 %; a clear regression saves 40 %."""
    with benchmark("looks") as looks:
        on_it = looks.sequentially(-0.05, 0.05, 300, n=400)
        worse = looks.sequentially(-0.15, 0.0, 50)
    assert max(float(told.split()[0]) for told in on_it[:2]) <= 6.1
    assert (float(worse[1].split()[0]), int(worse[3].split()[0]) >= 40) == (100.0, True)


def test_looks_that_were_declared_keep_what_one_look_promises():
    """Five looks of 60 growing or other cases; the bound is 4 standard errors off 2.5 %, and none declared is above."""
    with benchmark("looks") as looks:
        found = looks.looked(5, 60, 0.0, 1000)
    rates = {way: float(told.split()[0]) for way, told in found.items()}
    assert max(rates["growing, declared"], rates["others, declared"]) <= 4.5
    assert min(rates["growing, not declared"], rates["others, not declared"]) > 4.5

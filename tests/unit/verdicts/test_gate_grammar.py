"""The language of gates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.verdicts.gates.grammar import Better, Gate, NotWorse, Target, Threshold, check, parse_gate

names = st.sampled_from(["accuracy", "rougeL", "judge.accuracy", "macro_f1", "judge.follow-up", "准确率"])
numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
tags = st.sampled_from(["specialty", "科室", "age-group", "icd:10"])
values = st.sampled_from(["cardiology", "心内科", "ear, nose and throat", "70+", "a=b", "x.low", ">= 3"])
roles = st.sampled_from(["baseline", "reference"])
operators = st.sampled_from([">=", ">", "<=", "<", "=="])
plain = st.builds(Target, names)
grouped = st.builds(Target, names, tags, values)
ends = st.sampled_from([None, "low", "high"])
gates = st.one_of(
    st.builds(Gate, plain | grouped, st.builds(Threshold, operators, numbers, ends)),
    st.builds(Gate, plain | grouped, st.builds(NotWorse, roles, numbers.map(abs))),
    st.builds(Gate, plain | grouped, st.builds(Better, roles)),
    st.builds(Gate, st.builds(Target, names, by=tags), st.builds(Threshold, operators, numbers)),
)


@given(gates)
def test_a_printed_gate_reads_back_as_itself(gate):
    """The canonical text of any gate parses to the same gate."""
    assert parse_gate(str(gate)) == gate


@given(gates, st.sampled_from([" ", "  ", "\t", "\n "]))
def test_white_space_is_free(gate, space):
    """Blanks around and between words change nothing."""
    assert parse_gate(space + str(gate).replace(" ", space) + space) == gate


@given(st.text(max_size=40))
def test_any_text_is_a_gate_or_one_line(text):
    """Nonsense gives one MedevalError of one line that says what is accepted."""
    try:
        line = f"accepted: {parse_gate(text)}"
    except MedevalError as error:
        line = str(error)
    assert "\n" not in line
    assert "accepted: " in line


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("accuracy>=0.60", "accuracy >= 0.6"),
        ("accuracy . low >= .5", "accuracy.low >= 0.5"),
        ("judge.accuracy.low > 4", "judge.accuracy.low > 4"),
        ("ece.high <= 1e-1", "ece.high <= 0.1"),
        ("accuracy[ specialty = cardiology ].low < 1", "accuracy[specialty=cardiology].low < 1"),
        ("worst( accuracy  by specialty )>=0.5", "worst(accuracy by specialty) >= 0.5"),
        ("bleu  not worse   than reference by 0.020", "bleu not worse than reference by 0.02"),
        ("bleu better than baseline", "bleu better than baseline"),
        ("cost == -0", "cost == 0"),
    ],
)
def test_canonical_form(text, canonical):
    """Free forms print in one way."""
    assert str(parse_gate(text)) == canonical


@pytest.mark.parametrize(
    ("text", "found", "accepts"),
    [
        ("", "cannot be read", "METRIC OP NUMBER"),
        ("accuracy", "cannot be read", "METRIC OP NUMBER"),
        ("accuracy = 0.5", "unknown operator '='", ">=, >, <=, <, =="),
        ("accuracy != 0.5", "unknown operator '!='", ">=, >, <=, <, =="),
        ("accuracy >= nan", "'nan' can never be judged", "a finite number"),
        ("accuracy >= inf", "'inf' can never be judged", "a finite number"),
        ("accuracy >= 1e999", "'1e999' can never be judged", "a finite number"),
        ("accuracy >= 60%", "'60%' is not a number", "in the metric's own unit"),
        ("accuracy >= high", "'high' is not a number", "in the metric's own unit"),
        ("accuracy >= 1_0", "'1_0' is not a number", "in the metric's own unit"),
        ("accuracy not worse than baseline", "the margin is missing", "not worse than baseline by 0.02"),
        ("accuracy not worse than baseline by", "the margin is missing", "not worse than baseline by 0.02"),
        ("accuracy not worse than baseline by -0.1", "the margin -0.1 is negative", "0 or more"),
        ("accuracy not worse than baseline by nan", "'nan' can never be judged", "a finite number"),
        ("accuracy not worse than baseline by 2 points", "'2 points' is not a number", "own unit"),
        ("accuracy better than gpt4", "cannot compare with 'gpt4'", "baseline, reference"),
        ("accuracy not worse than mine by 0.1", "cannot compare with 'mine'", "baseline, reference"),
        ("accuracy.low better than baseline", "an end of the interval", ".low OP NUMBER"),
        ("accuracy.low[a=b] >= 1", "an end of the interval", ".low OP NUMBER"),
        ("accuracy[specialty=] >= 1", "names no value", "METRIC[TAG=VALUE]"),
        ("worst(accuracy) >= 1", "cannot be read", "worst(METRIC by TAG)"),
        ("worst(accuracy by specialty) better than baseline", "cannot be read", "worst(METRIC by TAG)"),
    ],
)
def test_mistakes_say_what_was_found_and_what_is_accepted(text, found, accepts):
    """Each mistake in one line: the gate, what is wrong, what is accepted."""
    with pytest.raises(MedevalError) as raised:
        parse_gate(text)
    line = str(raised.value)
    assert line.startswith(f"gate {text!r}: ")
    what, _, accepted = line.partition("; accepted: ")
    assert found in what
    assert accepts in accepted


METRICS = {"accuracy": 1, "ece": -1, "length_ratio": 0}
CASES = [{"specialty": "cardiology"}, {"specialty": "neurology", "age": "old"}, {}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("acuracy >= 1", "unknown metric 'acuracy' (did you mean 'accuracy'?); accepted: accuracy, ece, length_ratio"),
        ("length_ratio better than baseline", "neither more nor less length_ratio is better"),
        ("length_ratio not worse than baseline by 0.1", "accepted: length_ratio OP NUMBER"),
        ("worst(length_ratio by specialty) >= 1", "neither more nor less length_ratio is better"),
        (
            "accuracy[speciality=x] >= 1",
            "unknown tag 'speciality' (did you mean 'specialty'?); accepted: age, specialty",
        ),
        ("worst(accuracy by sex) >= 1", "unknown tag 'sex'; accepted: age, specialty"),
        ("accuracy[specialty=cardio] >= 1", "unknown value of tag 'specialty' 'cardio' (did you mean 'cardiology'?)"),
    ],
)
def test_a_gate_must_fit_its_suite(text, line):
    """What the suite lacks is refused, with the names it has."""
    with pytest.raises(MedevalError) as raised:
        check(parse_gate(text), METRICS, CASES)
    assert line in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["ece better than baseline", "length_ratio >= 0.5", "accuracy[age=old].low > 0", "worst(ece by specialty) < 1"],
)
def test_a_gate_that_fits_passes(text):
    """Nothing is raised for metrics, tags and values of the suite."""
    check(parse_gate(text), METRICS, CASES)


def test_subgroups_need_tags():
    """A suite whose cases carry no tags says so."""
    with pytest.raises(MedevalError, match="no case of the suite has tags"):
        check(parse_gate("accuracy[a=b] >= 1"), METRICS, [{}, {}])
    with pytest.raises(MedevalError, match="no case of the suite has tags"):
        check(parse_gate("worst(accuracy by a) >= 1"), METRICS, [])


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("judge.accuracy.corrected better than baseline", True),
        ("judge.accuracy.corrected not worse than baseline by 0.2", True),
        ("judge.accuracy.corrected better than reference", False),
        ("judge.accuracy.corrected >= 3", False),
        ("judge.accuracy[k=v].corrected better than baseline", False),
    ],
)
def test_ratings_correct_a_difference_from_the_baseline(text, fits):
    """Of the whole suite, and nothing else."""
    try:
        check(parse_gate(text), {"judge.accuracy": 1}, [{"k": "v"}])
    except MedevalError:
        assert not fits
    else:
        assert fits

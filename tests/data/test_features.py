"""What content columns become, against loops; everything fitted is a function of the trained rows."""

import math

import polars as pl
import pytest
import torch
from histories import rows
from hypothesis import given
from hypothesis import strategies as st

from ssrec.batch import Attributes, Numbers, Ragged, Text, Vectors
from ssrec.data.features import Features, bucket, encode, fit, left_out
from ssrec.errors import CompositionError, DataError

NAMES = st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), st.sampled_from("abcde")), max_size=4)), max_size=8)
NUMBERS = st.lists(st.one_of(st.none(), st.just(math.nan), st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=8)


def encoded(column: pl.Series, trained: list[bool], **settings):
    """The feature of one column, beside ids that are never content."""
    table = pl.DataFrame({"item": range(1, len(column) + 1), "id": range(len(column))}).with_columns(column)
    found = fit(table, torch.tensor([False, *trained]), Features(**settings))
    features = encode(table, found)
    assert list(features) == [column.name]
    return features[column.name], left_out(found)


def test_padding_has_no_content():
    names = pl.Series("attributes", [["red", "big", "red"], None, ["big"]])
    attributes, _ = encoded(names, [True] * 3)
    assert attributes.names == ("red", "big") and rows(attributes.values) == [[], [0, 1], [], [1]]
    assert encoded(pl.Series("title", ["a", None, "c"]), [True] * 3)[0] == Text(("", "a", "", "c"))
    numbers, _ = encoded(pl.Series("price", [1, 2, 3]), [True] * 3)
    assert not numbers.values[0].any()
    vectors, _ = encoded(pl.Series("image", [[1.0, 2.0], None], dtype=pl.Array(pl.Float32, 2)), [True, False])
    assert isinstance(vectors, Vectors) and vectors.values.tolist() == [[0, 0], [1, 2], [0, 0]]


def test_without_content_there_are_no_features():
    table = pl.DataFrame({"user": [1, 2], "id": ["a", "b"]})
    assert fit(table, torch.tensor([False, True, True]), Features()) == {}
    assert fit(None, torch.tensor([False]), Features()) == {} and encode(None, {}) == {}
    empty, _ = encoded(pl.Series("attributes", [[], [], []], dtype=pl.List(pl.String)), [True] * 3)
    assert empty.names == () and rows(empty.values) == [[], [], [], []]


@given(column=NAMES, data=st.data(), min_count=st.integers(1, 2))
def test_attributes_against_a_loop(column, data, min_count):
    trained = [data.draw(st.booleans()) for _ in column]
    found, dropped = encoded(pl.Series("genres", column, dtype=pl.List(pl.String)), trained, min_count=min_count)
    every, counts = [], {}
    for names, t in zip(column, trained, strict=True):
        for name in dict.fromkeys(n for n in names or [] if n is not None):
            every += [name] if name not in every else []
            counts[name] = counts.get(name, 0) + t
    kept = [name for name in every if counts[name] >= min_count]
    assert found.names == tuple(kept) and dropped == len(every) - len(kept)
    wanted = [[kept.index(n) for n in dict.fromkeys(names or []) if n in kept] for names in column]
    assert rows(found.values) == [[], *wanted]
    labels = [0, *(w[0] + 1 if w else 0 for w in wanted)]
    assert found.labels().tolist() == labels
    assert found.multi_hot().tolist() == [[0.0] * len(kept)] + [
        [float(i in w) for i in range(len(kept))] for w in wanted
    ]


@given(column=NAMES, n=st.integers(1, 5))
def test_hashed_names_depend_on_the_name_alone(column, n):
    series = pl.Series("genres", column, dtype=pl.List(pl.String))
    found, dropped = encoded(series, [False] * len(column), buckets=n)
    assert len(found.names) == n and dropped == 0
    wanted = [list(dict.fromkeys(bucket(x, n) for x in names or [] if x is not None)) for names in column]
    assert rows(found.values) == [[], *wanted]


def test_buckets_are_the_same_on_every_machine():
    assert [bucket(name, 1000) for name in ("Drama", "Comedy", "", "é")] == [497, 674, 756, 963]
    assert len({bucket(str(i), 50) for i in range(1000)}) == 50


@pytest.mark.parametrize("how", ["zscore", "minmax", "log", "none"])
@given(column=NUMBERS, data=st.data())
def test_numbers_against_a_loop(how, column, data):
    trained = [data.draw(st.booleans()) for _ in column]
    found, _ = encoded(pl.Series("price", column, dtype=pl.Float64), trained, numbers=how)
    x = [None if v is None or math.isnan(v) else v for v in column]
    if how == "log":
        x = [None if v is None else math.copysign(math.log1p(abs(v)), v) for v in x]
    known = [v for v, t in zip(x, trained, strict=True) if t and v is not None]
    mean = sum(known) / len(known) if known else 0.0
    shift, scale = mean, math.sqrt(sum((v - mean) ** 2 for v in known) / len(known)) if known else 0.0
    if how == "minmax":
        shift, scale = (min(known), max(known) - min(known)) if known else (0.0, 0.0)
    elif how == "none":
        shift, scale = 0.0, 1.0
    if scale <= 1e-12 * max([1.0, *map(abs, known)]):  # all the same, but for rounding
        scale = 1.0
    wanted = [((mean if v is None else v) - shift) / scale for v in x]
    torch.testing.assert_close(found.values[1:, 0], torch.tensor(wanted), rtol=1e-4, atol=1e-4)
    missing = any(v is None and t for v, t in zip(x, trained, strict=True))
    assert found.names == (("price", "price missing") if missing else ("price",))
    if missing:
        assert found.values[1:, 1].tolist() == [float(v is None) for v in x]


def test_numbers_that_are_all_the_same_stay_finite():
    for how in ("zscore", "minmax", "log"):
        found, _ = encoded(pl.Series("year", [7, 7, 9]), [True, True, False], numbers=how)
        assert isinstance(found, Numbers) and found.values.isfinite().all() and not found.values[:3].any()


@pytest.mark.parametrize("how", ["zscore", "minmax", "log"])
@pytest.mark.parametrize("value", [0.1, 1e9 / 3])
def test_the_rounding_of_a_mean_is_no_deviation(how, value):
    """The mean of a thousand times 0.1 is not 0.1, by rounding; that tells nothing of how far apart values are."""
    found, _ = encoded(pl.Series("price", [value] * 1000 + [2 * value]), [True] * 1000 + [False], numbers=how)
    apart = math.log1p(2 * value) - math.log1p(value) if how == "log" else value
    assert isinstance(found, Numbers)
    torch.testing.assert_close(found.values[1:, 0], torch.tensor([0.0] * 1000 + [apart]), rtol=1e-5, atol=1e-6)


@given(data=st.data(), n=st.integers(2, 8))
def test_rows_without_training_decide_nothing(data, n):
    """Whatever cold rows hold: what is fitted, and so what trained rows become, stays."""
    trained = [True] + [data.draw(st.booleans()) for _ in range(n - 1)]

    def draw(cold_only: bool, before: list | None) -> tuple[list, list]:
        names = [data.draw(st.lists(st.sampled_from("abc"), max_size=3)) for _ in range(n)]
        numbers = [data.draw(st.integers(-5, 5)) for _ in range(n)]
        if cold_only and before:
            names = [a if t else b for a, b, t in zip(before[0], names, trained, strict=True)]
            numbers = [a if t else b for a, b, t in zip(before[1], numbers, trained, strict=True)]
        return names, numbers

    first = draw(False, None)
    second = draw(True, list(first))
    found = []
    for names, numbers in (first, second):
        table = pl.DataFrame({"genres": pl.Series(names, dtype=pl.List(pl.String)), "year": numbers})
        found.append(fit(table, torch.tensor([False, *trained]), Features()))
    assert found[0]["year"] == found[1]["year"]
    assert sorted(found[0]["genres"]["names"]) == sorted(found[1]["genres"]["names"])


def test_labels_and_multi_hot_of_nothing():
    nothing = Attributes(Ragged(torch.zeros(0).long(), torch.zeros(3).long()), ())
    assert nothing.labels().tolist() == [0, 0] and nothing.multi_hot().shape == (2, 0)


@pytest.mark.parametrize(
    "settings", [{"numbers": "rank"}, {"buckets": 0}, {"min_count": 0}, {"buckets": 5, "min_count": 2}]
)
def test_settings_that_mean_nothing(settings):
    with pytest.raises(CompositionError, match=rf"features\.{next(iter(settings))}"):
        Features(**settings)


def test_columns_of_no_kind_and_vectors_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="content column seen holds Date; content is text"):
        encoded(pl.Series("seen", [None], dtype=pl.Date), [True])
    bad = pl.Series("audio", [[0.0, 1.0], [math.nan, 1.0]], dtype=pl.Array(pl.Float32, 2))
    with pytest.raises(DataError, match="content column audio: the vector of row 2 is not finite"):
        encoded(bad, [True, True])

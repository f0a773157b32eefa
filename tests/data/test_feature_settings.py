"""Settings for single columns: what they change, what they leave alone, and what is refused."""

import polars as pl
import pytest
import torch
from histories import canonical
from safetensors.torch import load_file

from ssrec.arguments import check_arguments
from ssrec.batch import Attributes, Numbers
from ssrec.data.feature_settings import Features
from ssrec.data.features import bucket, encode, fit, offered
from ssrec.data.split import LeaveOneOut, cut
from ssrec.errors import CompositionError, DataError
from ssrec.runs import fingerprint, read
from ssrec.train import checked, stages, train

LISTS = pl.List(pl.String)
ITEMS = pl.DataFrame(
    {
        "item": [1, 2, 3],
        "id": ["a", "b", "c"],
        "title": ["x", "y", "z"],
        "price": [1.0, 3.0, 5.0],
        "year": [1, 3, 5],
        "brand": pl.Series([["p"], ["q"], ["p"]], dtype=LISTS),
        "genres": pl.Series([["k", "l"], [], ["l"]], dtype=LISTS),
    }
)
USERS = pl.DataFrame({"user": [1, 2], "id": [7, 8], "age": [10.0, 30.0]})


def features(columns, **general):
    return Features(**general, columns=columns)


def of_items(settings: Features, trained=(True, True, True)):
    return encode(ITEMS, fit(ITEMS, torch.tensor([False, *trained]), settings))


def test_a_column_has_its_own_settings_and_the_others_the_general_ones():
    columns = {"price": {"numbers": "none"}, "brand": {"buckets": 7}, "genres": {"min_count": 2}}
    found = of_items(features(columns, numbers="minmax"))
    assert isinstance(found["price"], Numbers) and found["price"].values[1:, 0].tolist() == [1, 3, 5]
    assert found["year"].values[1:, 0].tolist() == [0, 0.5, 1]
    assert isinstance(found["brand"], Attributes) and len(found["brand"].names) == 7
    assert found["brand"].values.values.tolist() == [bucket(name, 7) for name in "pqp"]
    assert found["genres"].names == ("l",)


def test_columns_of_users_stand_under_user():
    settings = features({"user": {"age": {"numbers": "none"}}})
    assert encode(USERS, fit(USERS, torch.tensor([False, True, True]), settings))["age"].values[1:, 0].tolist() == [
        10,
        30,
    ]
    assert offered(ITEMS, USERS) == ["title", "price", "year", "brand", "genres", "user.age"] and offered(None) == []
    settings.check_known("toy", {"times", "user.age"})


def test_one_hot_is_a_class_for_each_row():
    found = of_items(features({"brand": {"encoding": "one_hot"}}), trained=(True, True, False))
    brand = found["brand"]
    assert isinstance(brand, Attributes) and brand.labels().tolist() == [0, 1, 2, 1]
    assert brand.multi_hot().tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]
    rare = of_items(features({"brand": {"encoding": "one_hot", "min_count": 2}}))["brand"]
    assert rare.labels().tolist() == [0, 1, 0, 1], "who lost its name has no class"
    hashed = of_items(features({"brand": {"encoding": "one_hot", "buckets": 4}}))["brand"]
    assert hashed.labels().tolist() == [0, *(bucket(name, 4) + 1 for name in "pqp")]


@pytest.mark.parametrize("settings", [Features(encoding="one_hot"), features({"genres": {"encoding": "one_hot"}})])
def test_several_names_are_no_class(settings):
    with pytest.raises(
        DataError,
        match=r"content, column genres: item 'a' has 2 names; encoding=one_hot takes one, .*, in row \"\['k', 'l'\]\"",
    ):
        of_items(settings)


def test_a_name_that_is_said_twice_is_one():
    twice = pl.DataFrame({"user": [1], "kind": pl.Series([["m", None, "m"]], dtype=LISTS)})
    assert fit(twice, torch.tensor([False, True]), Features(encoding="one_hot"))["kind"]["names"] == ["m"]


@pytest.mark.parametrize(
    "columns, said",
    [
        ({"price": {"numbers": "rank"}}, r"features\.columns\.price\.numbers=rank: choose zscore, minmax, log, none"),
        (
            {"price": {"number": "log"}},
            r"features\.columns\.price\.number is nothing that is set; did you mean numbers",
        ),
        ({"brand": {"encoding": "label"}}, r"columns\.brand\.encoding=label: choose multi_hot, one_hot"),
        ({"brand": {"buckets": "many"}}, r"columns\.brand\.buckets=many: say how many"),
        ({"brand": {"buckets": 5, "min_count": 2}}, r"columns\.brand\.buckets keeps every name"),
        ({"brand": {"min_count": 0}}, r"columns\.brand\.min_count=0"),
        ({"brand": "log"}, r"features\.columns\.brand takes settings, as in \+features\.columns\.brand\.numbers=log"),
        ({"user": "log"}, r"features\.columns\.user takes columns of the users; it is 'log'"),
    ],
)
def test_settings_that_mean_nothing(columns, said):
    with pytest.raises(CompositionError, match=said):
        Features(columns=columns)


def test_columns_are_a_mapping():
    with pytest.raises(CompositionError, match=r"features\.columns is 'log', and features takes a mapping of names"):
        check_arguments("features", {"columns": "log"}, Features)


@pytest.mark.parametrize(
    "columns, said",
    [
        (
            {"prize": {"numbers": "log"}},
            r"features\.columns\.prize: toy has no such column of content; did you mean pri",
        ),
        (
            {"age": {"numbers": "log"}},
            r"features\.columns\.age: toy has no such column .*; did you mean user\.age\?|known",
        ),
        ({"times": {"numbers": "log"}}, r"features\.columns\.times: toy has no such column"),
        ({"title": {"numbers": "log"}}, r"features\.columns\.title\.numbers: title holds text, which takes no setting"),
        ({"price": {"buckets": 3}}, r"features\.columns\.price\.buckets: price holds numbers, which takes numbers"),
        ({"brand": {"numbers": "log"}}, r"brand holds attributes, which takes buckets, min_count, encoding"),
    ],
)
def test_columns_that_are_not_there_or_of_another_kind(columns, said):
    data = canonical([[1, 2, 3]] * 2, items=ITEMS, users=USERS)
    with pytest.raises(CompositionError, match=said):
        cut(LeaveOneOut(), data, Features(columns=columns))


def test_what_is_stored_says_the_settings_of_each_column(tmp_path):
    data = canonical([[1, 2, 3]] * 2, items=ITEMS, users=USERS)
    found = [
        cut(LeaveOneOut(), data, settings, tmp_path).corpus
        for settings in (Features(), features({"price": {"numbers": "none"}}), features({"price": {"numbers": "log"}}))
    ]
    assert len({str(corpus.item_features["price"].values) for corpus in found}) == 3
    assert len(list((tmp_path / "split").iterdir())) == 3
    cut(LeaveOneOut(), data, features({"price": {"numbers": "zscore"}}), tmp_path)
    assert len(list((tmp_path / "split").iterdir())) == 3, "what is said again is nothing new"


def test_fingerprints_know_what_differs_and_no_more():
    def of(**node):
        config = {
            "objective": {"bpr": {"weight": 1.0, "loss": {"_target_": "ssrec.objectives.bpr.BPR"}}},
            "features": {"numbers": "zscore", "buckets": None, "min_count": 1, **node},
            "hardware": {"precision": "32"},
        }
        return fingerprint(config, "d", None)

    assert of() == of(encoding="multi_hot", columns={}) == of(columns={"brand": {"buckets": None}})
    prints = {of(), of(encoding="one_hot"), of(columns={"brand": {"buckets": 9}}), of(numbers="log"), of(buckets=9)}
    prints |= {of(buckets=9, columns={"brand": {"buckets": None}}), of(columns={"user": {"brand": {"buckets": 9}}})}
    assert len(prints) == 7
    assert of(buckets=9, columns={"brand": {"buckets": 9}}) == of(buckets=9)


def test_a_run_reads_columns_as_the_command_line_says(tiny):
    """Each item has three names, of which no class can be made, and five buckets can."""
    small = ("table@model.table.sources=[attribute]", "trainer.max_epochs=1", "metric=[ndcg]")
    plain, hashed = (train(tiny(*small, *more)) for more in ((), ("+features.columns.attributes.buckets=5",)))
    assert plain != hashed and read(hashed)["config"]["features"]["columns"] == {"attributes": {"buckets": 5}}
    assert load_file(hashed / "encoder.safetensors")["table.sources.attribute.bag.weight"].shape[0] == 5
    with pytest.raises(DataError, match=r"synthetic, column attributes: item .* has 3 names; encoding=one_hot"):
        train(tiny(*small, "+features.columns.attributes.encoding=one_hot"))
    (stage,) = stages(tiny("+features.columns.atributes.buckets=5"))
    with pytest.raises(
        CompositionError, match=r"features\.columns\.atributes: synthetic has no such .*did you mean attrib"
    ):
        checked(stage, starts=False)

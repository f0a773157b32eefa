"""What a table.yaml says, and what it is refused for: in one or two lines that name the file and the key."""

import pytest

from ssrec.errors import DataError
from ssrec.reproduce.question import read

WHOLE = """
question: Is it so?
common: [data.batching=mixed, "ks=[10,20]"]
seeds: [1, 2, 3]
metrics: [hit_rate@10, ndcg@10]
tables:
  beauty:
    overrides: [dataset=amazon-beauty]
    compare: SASRec
    rows:
      - {name: popularity, overrides: [recipe=popularity], seeds: [7], worth: 1}
      - name: SASRec
        overrides: [recipe=sasrec]
        reference: {hit_rate@10: .0921, ndcg@10: .0531, source: "a repository", within: 3% or above}
  other:
    seeds: [4]
    metrics: [recall@20]
    rows: [{name: SASRec}]
"""


@pytest.fixture
def written(tmp_path):
    def to(text: str):
        (tmp_path / "table.yaml").write_text(text)
        return tmp_path

    return to


def test_the_nearest_seeds_and_metrics_count(written):
    question = read(written(WHOLE))
    beauty, other = question.tables.values()
    assert [question.seeds_of("beauty", row) for row in beauty.rows] == [[7], [1, 2, 3]]
    assert question.seeds_of("other", other.rows[0]) == [4]
    assert (question.metrics_of("beauty"), question.metrics_of("other")) == (["hit_rate@10", "ndcg@10"], ["recall@20"])
    assert [row.worth for row in beauty.rows] == [1, None]
    assert question.seeds_of(
        "other", read(written("metrics: [a]\ntables: {t: {rows: [{name: b}]}}")).tables["t"].rows[0]
    )
    reference = beauty.rows[1].reference
    assert reference is not None
    assert (reference.values, reference.source) == ({"hit_rate@10": 0.0921, "ndcg@10": 0.0531}, "a repository")
    assert (reference.within, reference.or_above) == (0.03, True)


def test_seeds_are_1_where_nothing_is_said(written):
    question = read(written("tables: {t: {metrics: [ndcg@10], rows: [{name: a}]}}"))
    assert list(question.seeds_of("t", question.tables["t"].rows[0])) == [1]


def test_rows_can_be_shared(written):
    text = "metrics: [ndcg@10]\ntables:\n  a: {rows: &rows [{name: x}, {name: y}]}\n  b: {rows: *rows}\n"
    question = read(written(text))
    assert question.tables["a"].rows == question.tables["b"].rows


def test_a_list_of_overrides_can_be_part_of_others(written):
    rows = "[{name: x, overrides: &x [a=1, b=2]}, {name: y, overrides: [c=3, *x, [d=4]], search: [[*x, e=5], [f=6]]}]"
    _, row = read(written(f"metrics: [ndcg@10]\ntables: {{t: {{rows: {rows}}}}}")).tables["t"].rows
    assert row.overrides == ["c=3", "a=1", "b=2", "d=4"] and row.search == [["a=1", "b=2", "e=5"], ["f=6"]]


CASES = {
    "an unknown key": ("question:", "qestion:", "qestion is no key of the file; did you mean question?"),
    "an unknown key of a table": ("compare:", "comapre:", "tables.beauty.comapre is no key of tables.beauty; did you"),
    "an unknown key of a row": (
        "worth:",
        "wort:",
        "tables.beauty.rows[0].wort is no key of tables.beauty.rows[0]; did",
    ),
    "a row without a name": ("name: popularity, ", "", "tables.beauty.rows[0] lacks name"),
    "a table without rows": ("rows: [{name: SASRec}]", "compare: x", "tables.other lacks rows"),
    "an empty list of rows": ("rows: [{name: SASRec}]", "rows: []", "tables.other.rows is empty"),
    "rows that are none": (
        "rows: [{name: SASRec}]",
        "rows: [SASRec]",
        "tables.other.rows[0] is 'SASRec'; it takes name",
    ),
    "two rows of one name": ("name: popularity", "name: SASRec", "tables.beauty has 2 rows named SASRec"),
    "a baseline that is no row": (
        "compare: SASRec",
        "compare: SASREC",
        "compare is SASREC, which is no row; rows: pop",
    ),
    "seeds that are no list": ("seeds: [4]", "seeds: 4", "tables.other.seeds is 4; it takes a list of int"),
    "no seeds": ("seeds: [4]", "seeds: []", "tables.other.seeds is []; it takes one or more, each once"),
    "a seed twice": ("seeds: [4]", "seeds: [4, 4]", "tables.other.seeds is [4, 4]; it takes one or more, each once"),
    "a seed below 0": ("seeds: [4]", "seeds: [-4]", "tables.other.seeds is [-4]; seeds are 0, 1, 2 and so on"),
    "a seed among the overrides": ("[recipe=sasrec]", "[seed=1]", "tables.beauty.rows[1] has seed=1; it belongs under"),
    "a study": ("[recipe=sasrec]", "[+study=a]", "has +study=a; runs go to the study <question>/<table>"),
    "a start": ("[recipe=sasrec]", "[init=outputs/a/b]", "init=outputs/a/b; a run of a table starts from nothing, or"),
    "outputs": ("data.batching=mixed", "outputs=x", "the file has outputs=x; it belongs on the command line"),
    "no override": ("[recipe=sasrec]", "[sasrec]", "has sasrec among its overrides; it takes key=value"),
    "no metrics": ("metrics: [hit_rate@10, ndcg@10]\ntables", "tables", "tables.beauty lacks metrics"),
    "no source": (', source: "a repository"', "", "(SASRec).reference has no source; say where its values stand"),
    "a value that is none": (".0921", "much", "reference.hit_rate@10 is 'much'; it takes a number that is not 0"),
    "a value of 0": (".0921", "0.0", "reference.hit_rate@10 is 0.0; it takes a number that is not 0"),
    "only a source": ("hit_rate@10: .0921, ndcg@10: .0531, ", "", "reference has no value, for example ndcg@10: .0531"),
    "no share": ("3% or above", "3", "reference.within is 3; it takes a share: 5%, or 5% or above"),
    "a value that is not shown": ("hit_rate@10: .0921", "mrr@10: .0921", "SASRec has mrr@10, which the table does not"),
    "a table that is no folder": ("  other:", "  ../other:", "tables.../other: take letters, digits, _ and -"),
    "an empty name": ("name: SASRec", "name: ''", "tables.beauty.rows[1].name is empty"),
    "no yaml": ('"ks=[10,20]"]', "ks=[10,20]]", "line 3, column"),
    "a key twice": ("    seeds: [4]", "    seeds: [4]\n    seeds: [5]", "line 17, column"),
}


@pytest.mark.parametrize("old, new, told", CASES.values(), ids=CASES.keys())
def test_it_is_refused_in_words(written, old, new, told):
    assert WHOLE.count(old) >= 1
    with pytest.raises(DataError) as refused:
        read(written(WHOLE.replace(old, new, 1)))
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{written(WHOLE)}/table.yaml")
    assert len(str(refused.value).splitlines()) <= 2


@pytest.mark.parametrize("text", ["", "[]", "a", "tables:", "tables: {}", "tables: [a]"])
def test_what_is_no_question_is_refused(written, text):
    with pytest.raises(DataError, match=r"table\.yaml"):
        read(written(text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no table\.yaml; docs/reproduce\.md shows how to write one"):
        read(tmp_path)

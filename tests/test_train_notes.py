"""Notes of a training run on stderr, each once, also where a pretraining reads the same data."""

from pathlib import Path

import pytest

from ssrec.train import train

TWICE = "objective@pretrain.objective=[masked_item]"


@pytest.fixture
def table(tmp_path):
    """Overrides for a user's own table with parts and two bad rows."""
    good = [f"{u},{(u * 17 + k * k * 7) % 40},{'test' if k == 5 else 'train'}" for u in range(20) for k in range(6)]
    rows = ["user,item,part", *good[:50], "1,2", "x,3,tset", *good[50:]]
    (tmp_path / "events.csv").write_text("\n".join(rows) + "\n")
    columns = ["dataset.columns.time=null", "dataset.columns.part=part", "dataset.items=null", "dataset.users=null"]
    return ["dataset=table", f"dataset.interactions={tmp_path}/events.csv", *columns, "clean.on_bad_rows=skip"]


@pytest.fixture
def noted(tiny, capsys):
    def run(*overrides: str) -> list[str]:
        train(tiny("trainer.max_epochs=1", "pretrain.trainer.max_epochs=1", "metric=[ndcg]", *overrides))
        return [line for line in capsys.readouterr().err.splitlines() if "bad rows" in line or "parts" in line]

    return run


def test_skipped_rows_and_unread_parts_are_told_once(noted, table):
    skipped, unread = sorted(noted(TWICE, *table), key=lambda line: "parts" in line)
    assert skipped.startswith("bad rows that reading skipped: 2, listed in ")
    listed = Path(skipped.split(" listed in ")[1]).read_text()
    assert "1,2" in listed and "tset" in listed
    assert unread == (
        "table has its publisher's parts, and the leave_one_out split does not read them; split=given does"
    )
    assert noted(TWICE, *table) == [unread, skipped], "also of a run that was made before"


def test_nothing_is_told_of_parts_that_are_read_or_not_there(noted, table):
    assert len(noted("split=given", *table)) == 1
    assert noted() == []

"""What the audit finds in real data by itself; skipped without SSREC_DATA."""

import json
import os

import pytest
from omegaconf.errors import MissingMandatoryValue

from ssrec.audit.command import composed, main, subject
from ssrec.audit.report import audit
from ssrec.compose import instantiate
from ssrec.confs import folder, read
from ssrec.errors import DataError

pytestmark = pytest.mark.skipif("SSREC_DATA" not in os.environ, reason="SSREC_DATA names no folder of datasets")

DATASETS = sorted(f.stem for f in (folder() / "dataset").glob("*.yaml"))
GIVEN = {"gowalla", "tiktok", "amazon-book", "yelp2018"}


def graves(report):
    return {f.id: f.sentence for f in report.of("grave")}


def test_beauty_in_file_order_follows_the_product_id(tmp_path):
    found = audit(subject(composed(["dataset=amazon-beauty-days", f"outputs={tmp_path}"])))
    sentence = graves(found)["ties_follow_a_column"]
    assert "77,400 of 77,402" in sentence  # the file has 77,401 such pairs: sorting by time adds one, which descends
    assert "asin" in sentence
    assert "43.9 % of neighbouring pairs share a time" in sentence
    assert "ties_follow_a_fixed_order" in graves(found)
    markov = next(f for f in found.plain()["measured"]["floors"]["floors"] if f["name"] == "markov")
    assert markov["whole"]["ndcg"] == pytest.approx(0.0438, abs=0.0001)
    assert markov["tied"]["ndcg"] == pytest.approx(0.0723, abs=0.0003)
    assert markov["untied"]["ndcg"] == pytest.approx(0.0218, abs=0.0003)


def test_beauty_with_shuffled_ties_follows_nothing(tmp_path):
    found = audit(subject(composed(["dataset=amazon-beauty-days", "clean.ties=shuffled", f"outputs={tmp_path}"])))
    assert not graves(found)
    assert not {f.id for f in found.findings} & {"ties_follow_a_column", "ties_follow_a_fixed_order"}


def test_beauty_without_times_shows_an_order_that_users_share(tmp_path):
    found = audit(subject(composed(["dataset=amazon-beauty", f"outputs={tmp_path}"])))
    agreement = found.plain()["measured"]["order"]["agreement"]
    assert agreement["share"] == pytest.approx(0.749, abs=0.001)
    assert "order_is_shared" in {f.id for f in found.findings}


@pytest.mark.real
@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_at_hand_is_audited(name, tmp_path):
    node = read(folder() / "dataset" / f"{name}.yaml")
    offline = ["dataset.download=false"] if "download" in node else []
    split = "given" if name in GIVEN else "leave_one_out"
    config = composed([f"dataset={name}", f"split={split}", f"outputs={tmp_path}", *offline])
    try:
        instantiate(config.dataset).files(tmp_path / "raw")
    except (DataError, MissingMandatoryValue) as missing:
        pytest.skip(str(missing).splitlines()[0])
    content = json.loads(json.dumps(audit(subject(config)).plain(), allow_nan=False))
    assert content["measured"]["counts"]["stages"][0]["events"] > 0


def test_the_page_of_ml_100k_is_printed(tmp_path, capsys):
    main(["dataset=ml-100k", f"outputs={tmp_path}", "--strict"])
    assert "findings: 0 grave" in capsys.readouterr().out

"""What rows of another label say of the ranking loss and the encoder that they were trained with."""

from ssrec.labels import labels

SOFTMAX, BCE = {"_target_": "a.Softmax"}, {"_target_": "a.BCE", "negatives": 1}


def run(*objectives, loss=SOFTMAX, model="sasrec", **settings):
    terms = {name: {"weight": 1.0, "loss": {"_target_": f"a.{name}", "loss": loss}} for name in objectives}
    return {
        "label": f"{model}: {' + '.join(objectives)}",
        "config": {"model": {"_target_": f"a.{model}", "dim": 64, **settings}, "objective": terms},
        "protocol": {"split": "leave_one_out", "history": "growing", "mask_seen": True},
        "targets_seen_with_pretraining": 100,
    }


def test_a_gain_over_a_weaker_loss_is_seen():
    """Also between objectives of different names; a run without a ranking loss says nothing."""
    weak, strong = run("next_item", loss=BCE), run("next_item", "contrast")
    assert labels([strong, run("next_item")]) == ["sasrec: next_item + contrast", "sasrec: next_item"]
    assert labels([weak, strong]) == ["sasrec: next_item, loss=BCE", "sasrec: next_item + contrast, loss=Softmax"]
    assert labels([run("masked_item"), weak, {**run(), "label": "markov"}]) == [
        "sasrec: masked_item, loss=Softmax",
        "sasrec: next_item, loss=BCE",
        "markov",
    ]


def test_settings_of_one_loss_are_compared_too():
    many = run("next_item", "contrast", loss={**BCE, "negatives": 99})
    assert [name.split(", ", 1)[1] for name in labels([run("next_item", loss=BCE), many])] == [
        "loss.negatives=1",
        "loss.negatives=99",
    ]


def test_what_tells_rows_of_one_label_apart_is_not_said_twice():
    rows = [run("next_item", loss=BCE), run("next_item"), run("next_item", "contrast")]
    assert [name.count("loss=") for name in labels(rows)] == [1, 1, 1]
    few, many = ({**BCE, "negatives": n} for n in (1, 9))
    rows = [run("next_item", loss=few), run("next_item", loss=many), run("next_item", "contrast", loss=few)]
    assert [name.count("negatives=") for name in labels(rows)] == [1, 1, 1]


def test_unequal_losses_of_one_run_are_both_said():
    both = run("masked_item", "next_item")
    both["config"]["objective"]["masked_item"]["loss"]["loss"] = BCE
    assert labels([both, run("next_item")]) == [
        "sasrec: masked_item + next_item, loss=BCE, loss=Softmax",
        "sasrec: next_item, loss=Softmax",
    ]


def test_a_start_is_known_by_its_settings_where_they_are_others():
    """And not by its path, which differs from seed to seed."""

    def started(init, rows, seed=1):
        found = {**run("next_item"), "init": {**run("next_item"), "seed": seed}}
        found["config"] |= {"init": init, "data": {"rows": rows}}
        found["init"]["config"]["data"] = {"rows": "window"}
        return found

    assert labels([started("outputs/a", "window"), started("outputs/b", "window", 2)]) == ["sasrec: next_item"] * 2
    assert labels([started("outputs/a", "window"), started("outputs/c", "prefix")]) == [
        'sasrec: next_item, data.rows="window"',
        'sasrec: next_item, data.rows="prefix", init.data.rows="window"',
    ]


def test_a_larger_encoder_is_seen_and_another_one_is_its_own_label():
    assert labels([run("next_item"), run("next_item", "contrast", dim=128)]) == [
        "sasrec: next_item, model.dim=64",
        "sasrec: next_item + contrast, model.dim=128",
    ]
    assert labels([run("next_item"), run("next_item", model="gru", dim=128)]) == ["sasrec: next_item", "gru: next_item"]


def test_a_setting_that_an_older_result_lacks_was_what_it_is_by_default():
    older, newer, other = run("next_item"), run("next_item"), run("next_item")
    newer["config"] |= {"train_users": 1.0, "clean": {"missing": "error"}}
    other["config"] |= {"train_users": 0.5, "clean": {"missing": "drop"}}
    assert labels([older, newer]) == ["sasrec: next_item"] * 2
    assert labels([newer, other])[1] == 'sasrec: next_item, clean.missing="drop", train_users=0.5'


def test_a_number_is_one_setting_however_it_is_written():
    assert labels([run("next_item", hold_out=0), run("next_item", hold_out=0.0)]) == ["sasrec: next_item"] * 2

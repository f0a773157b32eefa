"""Whether the settings of a run make sense, each by itself and with the others."""

from ssrec.checks.parts import losses_of
from ssrec.compose import Plain, instantiate, locate, nearest, runs_of
from ssrec.data.prior import Prior
from ssrec.data.splits.refit import split_again
from ssrec.errors import CompositionError
from ssrec.metrics.metric import result_names
from ssrec.nn import require

BACKWARDS = "it starts from a run that read histories backwards; say +pretrain.reversed=true, or init=<such a run>"
CHOICES = {
    **{"select": ("best", "last"), "refit": (True, False), "reversed": (True, False)},
    **{"mask_seen": (True, False, "zero"), "cold_targets": ("miss", "drop")},
}


def check_choices(config: Plain) -> None:
    for key, choices in CHOICES.items():
        value = config.get(key)
        if not any(type(value) is type(choice) and value == choice for choice in choices):  # 1 is not true
            *most, last = (str(choice).lower() for choice in choices)
            raise CompositionError(f"{key} is {value}; it takes {', '.join(most)} or {last}")


def check_training(trainer: Plain) -> None:
    """Lengths that leave nothing to train or to rank, and a norm that would turn gradients around."""
    for name in ("max_epochs", "patience", "val_every"):
        if (epochs := trainer.get(name)) is not None and epochs < 1:
            raise CompositionError(f"trainer.{name} is {epochs}; it takes epochs, at least 1")
    if (norm := trainer.get("gradient_clip_val")) is not None and norm <= 0:
        raise CompositionError(f"trainer.gradient_clip_val is {norm}; it takes a norm above 0, or null for none")
    for name in ("limit_train_batches", "limit_val_batches", "limit_test_batches"):
        if (limit := trainer.get(name)) is not None and not (limit >= 1 if isinstance(limit, int) else 0 < limit <= 1):
            takes_some = "it takes a number of batches, at least 1, or a share of them such as 0.1"
            raise CompositionError(f"trainer.{name} is {limit}; {takes_some}")


def check_monitor(config: Plain) -> None:
    stage, _, key = str(config["monitor"]).partition("/")
    if stage != "val":
        raise CompositionError(f"monitor is {config['monitor']}; only a val/ key may select, for example val/ndcg@10")
    made = {name: locate(node["_target_"], name) for name, node in config["metric"].items()}
    rising = {name: metric for name, metric in made.items() if metric.higher_is_better}
    known = [f"val/{r}" for name, metric in rising.items() for r in result_names(metric, name, config["ks"])]
    if f"val/{key}" in known:
        return
    meant = f"val/{key.partition('@')[0]}"
    if meant in known:
        raise CompositionError(f"monitor is {config['monitor']}, and that metric has no K; say monitor={meant}")
    raise CompositionError(f"no metric that is better when higher gives {config['monitor']}; {nearest(key, known)}")


def check_lists(config: Plain) -> None:
    rule = instantiate(config["candidates"]) if config["candidates"] else None
    if rule is not None and rule.most is not None and max(config["ks"], default=0) > rule.most:
        raise CompositionError(
            f"K={max(config['ks'])} in ks lists every one of {rule.words}, so that no target is missed; "
            f"lower it to {rule.most} or less"
        )


def check_repeats(config: Plain) -> None:
    model = locate(config["model"]["_target_"], "model")
    if model.repeats and config["mask_seen"] is not False:
        said = str(config["mask_seen"]).lower()
        raise CompositionError(
            f"model {model.__name__} ranks a user's own past, and mask_seen={said} leaves none of it; "
            "say mask_seen=false, for data where users come back to items"
        )


def check_refit(config: Plain) -> None:
    split_again(instantiate(config["split"]), config["refit"])  # refuses a split that it would ask otherwise
    for name, loss in losses_of(config).items() if config["refit"] else ():
        for argument in runs_of(loss):
            reason = "that run was trained on one split, and a refit trains on two"
            raise CompositionError(f"refit=true: objective.{name}.loss.{argument} names a run; {reason}")


def check_order(config: Plain, starts: bool) -> None:
    """Histories read backwards, and items generated before them."""
    if config["reversed"]:
        require(bool(losses_of(config)), "reversed=true: without an objective nothing is trained on histories")
        unread = config["select"] == "last" and config["trainer"].get("patience") is None
        require(
            unread,
            "reversed=true: val/ asks what comes next, and this run learns what came before; "
            "say select=last trainer.patience=null",
        )
    if not (n := Prior(**config["prior"]).n):
        return
    rows, said = config["data"]["rows"], f"prior.n={n}"
    require(starts and not config["reversed"], f"{said}: {BACKWARDS}")
    require(not config["new"], f"{said}: new={config['new']} would leave the encoder that generates them unlearned")
    require(rows in ("window", "prefix"), f"{said}: data.rows={rows} would count them as events; say data.rows=window")
    for name, loss in losses_of(config).items():
        fitting = rows != "prefix" or not loss.numbers_rows
        require(fitting, f"{said}: objective {name} reads the training events of prefix rows; say data.rows=window")

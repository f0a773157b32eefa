"""What does not fit is refused before any data is read, by name, with the reason and what would fit."""

import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from ssrec.arguments import check_arguments, takes
from ssrec.compose import Plain, encoding_of, fits, instantiate, locate, nearest, nodes, read_by, readable
from ssrec.data.clean import Cleaning
from ssrec.data.feature_settings import Features
from ssrec.data.rows import KINDS
from ssrec.errors import CompositionError
from ssrec.learning.phase_settings import check_optimizer, check_phases, check_weight
from ssrec.metrics.metric import result_names
from ssrec.models.encoder import Encoder, FittedEncoding
from ssrec.objectives.objective import Objective

Models = Mapping[str, type[Encoder]]
Losses = Mapping[str, type[Objective]]
CHOICES = {"select": ("best", "last"), "mask_seen": (True, False, "zero"), "cold_targets": ("miss", "drop")}


def _argument(made: Callable[..., Any], node: Plain, name: str) -> Any:
    """What an argument is: as the node says, or the default."""
    return node[name] if name in node else inspect.signature(made).parameters[name].default


def _check_terms(config: Plain) -> None:
    for name, term in (config.get("objective") or {}).items():
        if not isinstance(term, dict) or "_target_" not in (term.get("loss") or {}):
            left = ", ".join(term) if isinstance(term, dict) else repr(term)
            chosen = [k for k, v in config["objective"].items() if isinstance(v, dict) and "loss" in v and k != name]
            choose = ",".join([*chosen, name])
            raise CompositionError(f"objective.{name} has {left} and no loss; choose it first: objective=[{choose}]")
        if "weight" not in term:
            raise CompositionError(f"objective.{name} has no weight; say +objective.{name}.weight=1")
        check_weight(f"objective.{name}.weight", term["weight"])


def _check_combine(config: Plain) -> None:
    names = [name for name, term in (config.get("objective") or {}).items() if term["weight"] != 0]
    if config["combine"] and len(names) < 2:
        made = locate(config["combine"]["_target_"], "combine")
        raise CompositionError(f"combine: {made.__name__} has nothing to combine, since there are not two objectives")


def _check_training(trainer: Plain) -> None:
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


def _losses(config: Plain) -> dict[str, type[Objective]]:
    return {
        name: locate(term["loss"]["_target_"], f"objective.{name}.loss")
        for name, term in (config.get("objective") or {}).items()
    }


def _measurable(metrics: Plain, offers: Set[str]) -> Plain:
    """The metrics that a dataset can have: as with a model that has no item vectors, the others are not reported.

    What one reads unless told otherwise may be lacking; a feature that it was told to read may not (`_check_needs`).
    """

    def possible(name: str, node: Plain) -> bool:
        made = locate(node["_target_"], name)
        named = {argument: _argument(made, node, argument) for argument in getattr(made, "needs_named", ())}
        unsaid = {value for argument, value in named.items() if value == _argument(made, {}, argument)}
        return made.needs | unsaid <= offers

    return {name: node for name, node in metrics.items() if possible(name, node)}


def _check_needs(config: Plain, offers: Set[str]) -> None:
    parts = [part for part in ("split", "candidates") if config[part]]
    made = {part: instantiate(config[part]) for part in parts}  # whose settings may need more than their class
    for where, node in nodes(config):
        asking = made.get(where) or locate(node["_target_"], where)
        named = (_argument(asking, node, name) for name in getattr(asking, "needs_named", ()))
        asked = [(where, need) for need in (*getattr(asking, "needs", ()), *named)]
        when: Mapping[str, str] = getattr(asking, "needs_when", {})
        asked += [(f"{where}.{name}=true", need) for name, need in when.items() if _argument(asking, node, name)]
        for asks, need in asked:
            if need not in offers:
                has = ", ".join(sorted(offers)) or "nothing but interactions"
                raise CompositionError(f"{asks} needs {need}, which the dataset does not have (it has {has})")


def _check_weights(config: Plain, known_models: Models) -> None:
    model = locate(config["model"]["_target_"], "model")
    if config["clean"]["weights"] and not model.reads_weights:
        reading = ", ".join(name for name, known in known_models.items() if known.reads_weights)
        raise CompositionError(
            f"clean.weights=true: {model.__name__} counts all events alike; models that do not: {reading}"
        )


def _check_lists(config: Plain) -> None:
    rule = instantiate(config["candidates"]) if config["candidates"] else None
    if rule is not None and rule.most is not None and max(config["ks"], default=0) > rule.most:
        raise CompositionError(
            f"K={max(config['ks'])} in ks lists every one of {rule.words}, so that no target is missed; "
            f"lower it to {rule.most} or less"
        )


def _check_monitor(config: Plain) -> None:
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


def _check_choices(config: Plain) -> None:
    for key, choices in CHOICES.items():
        value = config[key]
        if not any(type(value) is type(choice) and value == choice for choice in choices):  # 1 is not true
            *most, last = (str(choice).lower() for choice in choices)
            raise CompositionError(f"{key} is {value}; it takes {', '.join(most)} or {last}")


def resolve_rows(config: Plain) -> str:
    """The kind of rows: as said, or the first kind that every objective can read.

    Raises:
        CompositionError: an objective cannot read the rows, or would see its label in them.
    """
    said, losses = config["data"]["rows"], _losses(config)
    if said != "auto" and said not in KINDS:
        raise CompositionError(f"data.rows is {said}; {nearest(said, (*KINDS, 'auto'))}")
    if said == "auto":
        model, causal = locate(config["model"]["_target_"], "model"), config["model"].get("causal") is not False
        reads = {name: readable(model, loss, causal) or loss.rows for name, loss in losses.items()}
        shared = [kind for kind in KINDS if all(kind in kinds for kinds in reads.values())]
        if not shared:
            words = "; ".join(f"{name} reads {', '.join(kinds)}" for name, kinds in reads.items())
            raise CompositionError(f"no kind of rows suits all objectives: {words}")
        return min(shared, key=lambda kind: [kinds.index(kind) for kinds in reads.values()])
    for name, loss in losses.items():
        if said not in loss.rows:
            raise CompositionError(
                f"objective {name} cannot read data.rows={said}; it reads {', '.join(loss.rows)} (data.rows=auto picks)"
            )
    return said


def _check_family(model: type[Encoder], losses: Losses, known: Losses, starts: bool) -> None:
    fitted = encoding_of(model) is FittedEncoding
    if fitted and losses:
        raise CompositionError(
            f"model {model.__name__} is fitted in closed form and has nothing to train; say objective=[]"
        )
    if not fitted and not losses and not starts:
        fitting = ", ".join(n for n, loss in known.items() if fits(model, loss))
        raise CompositionError(f"nothing trains model {model.__name__}; objectives that fit: {fitting}")


def _check_pairs(config: Plain, known_models: Models, known_losses: Losses) -> None:
    model, rows = locate(config["model"]["_target_"], "model"), config["data"]["rows"]
    family = encoding_of(model)
    for name, loss in _losses(config).items():
        if not fits(model, loss):
            reads, gives = " or ".join(r.__name__ for r in read_by(loss)), f"gives a {family.__name__}"
            if issubclass(family, read_by(loss)):
                kinds = {True: "is causal", False: "is not causal"}
                reads, gives = f"pass that {kinds[loss.passes[0]]}", f"has only one that {kinds[model.passes[0]]}"
            models = ", ".join(n for n, m in known_models.items() if fits(m, loss)) or "none"
            others = ", ".join(n for n, o in known_losses.items() if fits(model, o)) or "none"
            raise CompositionError(
                f"objective {name} reads a {reads}, but model {model.__name__} {gives}. "
                f"Models that fit: {models}. Objectives that fit {model.__name__}: {others}."
            )
        if rows not in readable(model, loss, config["model"].get("causal") is not False):
            ways = ["data.rows=prefix", "objective=[masked_item]"]
            why = "model.causal=false" if True in model.passes else f"{model.__name__} has no causal pass"
            said = " or ".join((["model.causal=true"] if True in model.passes else []) + ways)
            raise CompositionError(
                f"objective {name} over data.rows={rows} would let a position read its label: {why}. Say {said}."
            )


def check(
    config: Plain,
    *,
    models: Models,
    losses: Losses,
    keys: Set[str],
    settings: Mapping[str, Callable[..., Any]],
    starts: bool,
) -> Plain:
    """Refuse what does not fit, before data is read; returns the config with its rows and metrics decided.

    Args:
        config: a composed config as plain containers.
        models, losses: the classes behind conf/model and conf/objective, for hints.
        keys: the top-level keys of conf/train.yaml.
        settings: nodes without a `_target_`, and the function whose arguments they are.
        starts: whether the run starts from another one, so that it makes sense without an objective.

    Raises:
        CompositionError: names the part, the reason, and what would fit.
    """
    for key in config:
        if key not in keys:
            raise CompositionError(f"unknown key {key}; {nearest(key, keys)}")
    if not takes(Sequence[int], config["ks"]):
        raise CompositionError(f"ks is {config['ks']}; it takes list lengths, for example ks=[10,20]")
    if not takes(int, config["seed"]) or config["seed"] < 0:
        raise CompositionError(f"seed is {config['seed']!r}; seeds are 0, 1, 2 and so on")
    _check_terms(config)
    config["data"]["rows"] = resolve_rows(config)
    for where, node in nodes(config):
        check_arguments(where, node, locate(node["_target_"], where))
    for where, made in settings.items():
        check_arguments(where, config[where], made)
    source = instantiate(config["dataset"])
    Cleaning(**config["clean"]).check_fits(source.name, source.offers)
    Features(**config["features"]).check_known(source.name, source.offers)
    config["metric"] = _measurable(config["metric"], source.offers)
    _check_needs(config, source.offers)
    _check_weights(config, models)
    _check_monitor(config)
    _check_choices(config)
    _check_lists(config)
    _check_combine(config)
    _check_training(config["trainer"])
    check_optimizer("optimizer", config["optimizer"])
    check_phases(config)
    if not takes(float, share := config["train_users"]) or not 0 < share <= 1:
        raise CompositionError(f"train_users is {share!r}; it takes a share above 0 and at most 1, for example 0.25")
    if (k := config["rankings"]) is not None and (not takes(int, k) or k < 1):
        raise CompositionError(f"rankings is {k}; it takes a length of lists, for example rankings=100, or null")
    _check_family(locate(config["model"]["_target_"], "model"), _losses(config), losses, starts)
    _check_pairs(config, models, losses)
    return config

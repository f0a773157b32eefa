"""What does not fit is refused before any data is read, by name, with the reason and what would fit."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from ssrec.arguments import check_arguments, takes
from ssrec.checks import offers, parts
from ssrec.checks import settings as values
from ssrec.compose import Plain, instantiate, locate, nearest, nodes
from ssrec.data.clean import Cleaning
from ssrec.data.feature_settings import Features
from ssrec.errors import CompositionError
from ssrec.learning.phase_settings import check_optimizer, check_phases
from ssrec.nn import require


def check(
    config: Plain,
    *,
    models: parts.Models,
    losses: parts.Losses,
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
    if missing := sorted(keys - set(config) - {"pretrain"}):  # which is a stage of its own by now
        raise CompositionError(f"{missing[0]} is missing; leave ~{missing[0]} out")
    for where in settings:
        said = config.get(where)
        require(isinstance(said, dict), f"{where} is {said}; it holds settings: say {where}.<key>=<value>")
    if not takes(Sequence[int], config["ks"]):
        raise CompositionError(f"ks is {config['ks']}; it takes list lengths, for example ks=[10,20]")
    if not takes(int, config["seed"]) or config["seed"] < 0:
        raise CompositionError(f"seed is {config['seed']!r}; seeds are 0, 1, 2 and so on")
    parts.check_terms(config)
    config["data"]["rows"] = parts.resolve_rows(config)
    parts.check_wrapped(config["model"])
    for where, node in nodes(config):
        check_arguments(where, node, locate(node["_target_"], where))
    for where, made in settings.items():
        check_arguments(where, config[where], made)
    parts.check_views(config)
    source = instantiate(config["dataset"])
    Cleaning(**config["clean"]).check_fits(source.name, source.offers)
    Features(**config["features"]).check_known(source.name, source.offers)
    config["metric"] = offers.measurable(config["metric"], source.offers)
    offers.check_needs(config, source.offers)
    offers.check_weights(config, models)
    values.check_monitor(config)
    values.check_choices(config)
    values.check_lists(config)
    parts.check_perturbed(config, models)
    parts.check_combine(config)
    values.check_training(config["trainer"])
    check_optimizer("optimizer", config["optimizer"])
    check_phases(config)
    if not takes(float, share := config["train_users"]) or not 0 < share <= 1:
        raise CompositionError(f"train_users is {share!r}; it takes a share above 0 and at most 1, for example 0.25")
    if (k := config["rankings"]) is not None and (not takes(int, k) or k < 1):
        raise CompositionError(f"rankings is {k}; it takes a length of lists, for example rankings=100, or null")
    parts.check_family(locate(config["model"]["_target_"], "model"), parts.losses_of(config), losses, starts)
    values.check_refit(config)
    values.check_order(config, starts)
    parts.check_pairs(config, models, losses)
    values.check_repeats(config)
    return config

"""What a run is called among others: by its parts, and by the settings in which it differs from those beside it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from ssrec import confs, protocol

_OF_TRAINING = ("optimizer", "monitor", "select", "data.rows", "data.batch")
_UNSHOWN = (  # neither they nor what only observes tells one run from another
    *("seed", "study", "outputs", "logger", "hardware.accelerator", "hardware.devices", "hardware.strategy"),
    *("metric.", "diagnostic.", "stratum.", "ks", "rankings"),
    "init",  # a path: each seed starts from a run of its own, whose settings tell what it is
)
_FILE = "model.rankings"  # the digest of judged rankings: each seed of one method has its own


def _flat(node: Any, where: str = "") -> dict[str, str]:
    if isinstance(node, dict):
        parts = (_flat(v, f"{where}.{k}" if where else str(k)) for k, v in node.items())
        return {k: v for part in parts for k, v in part.items()}
    whole = isinstance(node, float) and node.is_integer()  # 0 and 0.0 are one setting, as for a fingerprint
    return {where: json.dumps(int(node) if whole else node)}


@cache
def _defaults() -> dict[str, str]:
    """What conf/train.yaml says itself: what a result that is older than a key was made with."""
    own = confs.read(confs.folder() / "train.yaml")
    return _flat({k: v for k, v in own.items() if k not in ("defaults", "hydra", "pretrain")})


def _settings(result: Mapping[str, Any]) -> dict[str, str]:
    """What tells a run from another with the same label; settings of its start, where they are others, under `init`."""
    idle = () if result["targets_seen_with_pretraining"] else _OF_TRAINING
    unshown = (*_UNSHOWN, _FILE, *protocol.PARTS, *idle)
    said = {**_defaults(), **_flat(result["config"])}
    own = {k: v for k, v in said.items() if not k.startswith(unshown)}
    init = result.get("init")
    return {**own, **({f"init.{k}": v for k, v in _settings(init).items() if own.get(k) != v} if init else {})}


def _differences(own: Mapping[str, str], alike: Sequence[Mapping[str, str]]) -> list[str]:
    """The settings that tell a run from those with its label; a part's class stands for what only that class has."""
    differs = sorted(k for k in own if any(s.get(k) != own[k] for s in alike))
    parts = {k.removesuffix("_target_") for k in differs if k.endswith("._target_")}
    shown = []
    for key in differs:
        if key.removesuffix("_target_") in parts:
            shown.append(f"{key.split('.')[-2]}={json.loads(own[key]).split('.')[-1]}")
            continue
        same = [
            s for s in alike if all(s.get(f"{p}_target_") == own[f"{p}_target_"] for p in parts if key.startswith(p))
        ]
        if any(s.get(key) != own[key] for s in same):
            shown.append(f"{key.removeprefix('objective.')}={own[key]}")
    return shown


def _ranking_loss(result: Mapping[str, Any]) -> dict[str, str]:
    """The ranking loss of a run's objectives, whichever they are; several unequal ones keep their objective's name."""
    terms = (result["config"].get("objective") or {}).items()
    found = {n: t["loss"]["loss"] for n, t in terms if t.get("weight") != 0 and "loss" in (t.get("loss") or {})}
    if len({json.dumps(loss, sort_keys=True) for loss in found.values()}) > 1:
        return _flat({"objective": {name: {"loss": loss} for name, loss in found.items()}})
    return _flat({"objective": {"loss": next(iter(found.values()))}}) if found else {}


def _model(result: Mapping[str, Any]) -> dict[str, str]:
    model = _flat({"model": result["config"].get("model") or {}})
    return {} if _FILE in model else model  # of rankings, nothing is known of their model


def _file(result: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
    """The digest of judged rankings, where others have the same name and seed."""

    def digest(r: Mapping[str, Any]) -> str | None:
        return (r["config"].get("model") or {}).get("rankings")

    if (own := digest(result)) is None:
        return []
    same = [r for r in others if (r["label"], r["seed"]) == (result["label"], result["seed"])]
    return [f"{_FILE}={own}"] if any(digest(r) != own for r in same) else []


def _unlike(result: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ranking loss and the encoder's settings of a run, where runs of another label have other ones.

    Objectives are compared on the same encoder with the same ranking loss: what BERT4Rec was published to gain over
    SASRec was a gain of its loss (Klenitskiy and Vasilev, RecSys 2023).
    """
    others = [r for r in others if r["label"] != result["label"]]
    loss, model = _ranking_loss(result), _model(result)
    losses = [found for r in others if (found := _ranking_loss(r))]
    models = [found for r in others if (found := _model(r)).get("model._target_") == model.get("model._target_")]
    return [*_differences(loss, losses), *_differences(model, models)]


def labels(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each run is; those with the same label are told apart by the settings in which they differ.

    Where the runs do not all have the same ranking loss, the same settings of an encoder, or were not all measured by
    the same rules, each also says its own.
    """
    settings, rules = [_settings(r) for r in found], [protocol.words(r) for r in found]
    named = []
    for result, own, ruled in zip(found, settings, rules, strict=True):
        alike = [s for r, s in zip(found, settings, strict=True) if r["label"] == result["label"]]
        apart = [word for key, word in ruled.items() if any(other.get(key) != word for other in rules)]
        told = [*_differences(own, alike), *_file(result, found)]
        unlike = [word for word in _unlike(result, found) if not any(t.endswith(word) for t in told)]
        named.append(", ".join([result["label"], *told, *unlike, *apart]))
    return named

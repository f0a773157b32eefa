"""The rules by which a result was measured: stored beside it, and said by every table."""

import json
from collections.abc import Mapping
from typing import Any

SEEN = {True: "seen masked", False: "seen not masked", "zero": "seen scored 0"}
COLD = {"miss": "cold targets count as misses", "drop": "cold targets dropped"}
TRAINED = ("rows", "monitor", "select")  # how a model was trained and chosen: the same questions are asked of all
PARTS = ("split", "mask_seen", "cold_targets", "candidates", "clean.ties")  # of a config, said by the words below


def stored(content: Mapping[str, Any], candidates: str) -> dict[str, Any]:
    """What a result tells of its rules, besides the split's own facts.

    Args:
        content: the run's config, plain.
        candidates: what targets were ranked among, in words.
    """
    clean = content["clean"]
    return {
        "candidates": candidates,
        "cold_targets": content["cold_targets"],
        "mask_seen": content["mask_seen"],
        "ties": "last",
        "order_of_ties": clean["ties"] + (f" (seed {clean['ties_seed']})" if clean["ties"] == "shuffled" else ""),
        "rows": content["data"]["rows"],
        "monitor": content["monitor"],
        "select": content["select"],
    }


def words(result: Mapping[str, Any]) -> dict[str, str]:
    """The rules of a result as a reader says them, by what they are about; those that older results do not tell were
    the only ones then."""
    rules = result["protocol"]
    own = {k: v for k, v in result["config"].get("split", {}).items() if k not in ("_target_", "history")}
    return {
        "split": rules["split"],
        **{f"split.{k}": f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in own.items()},
        "history": f"{rules['history']} history",
        "candidates": rules.get("candidates", "full catalogue"),
        "seen": SEEN[rules["mask_seen"]],
        "cold": COLD[rules.get("cold_targets", "miss")],
        "order": f"ties in time: {rules.get('order_of_ties', result['config'].get('clean', {}).get('ties', 'file'))}",
    }

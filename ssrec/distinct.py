"""Which of a study's runs are runs of their own: the same seed of the same setting, made twice, is one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ssrec.labels import labels

Result = Mapping[str, Any]


def distinct(found: Sequence[Result]) -> list[tuple[Result, int]]:
    """One result for each setting, dataset and seeds, in their order, and how many others of these it stands for.

    Those may have another fingerprint: what only observes, such as further metrics, tells no setting from another, and
    newer code makes a run anew. The one that measured the most stays, of several the last made.
    """
    keys = [
        (label, result["dataset"]["fingerprint"], *_seeds(result))
        for result, label in zip(found, labels(found), strict=True)
    ]
    times = Counter(keys)
    order = sorted(range(len(found)), key=lambda i: (len(found[i]["metrics"]), found[i].get("finished") or ""))
    chosen = {keys[i]: i for i in order}
    return [(found[i], times[keys[i]] - 1) for i in sorted(chosen.values())]


def _seeds(result: Result | None) -> Iterator[int]:
    """That of a run, and of those that it started from."""
    while result:
        yield result["seed"]
        result = result.get("init")

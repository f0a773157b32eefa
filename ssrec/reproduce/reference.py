"""A value that others published, where it stands, and how near to it is near enough."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ssrec.arguments import takes
from ssrec.errors import CompositionError

_WITHIN = re.compile(r"(\d+(?:\.\d+)?) ?%( or above)?")


@dataclass(frozen=True)
class Reference:
    """Published values of metrics.

    Args:
        values: by metric; none is 0.
        source: where they stand.
        within: the largest share of a value by which ours may differ and counts as reproduced.
        or_above: whether any larger value counts too.
    """

    values: Mapping[str, float]
    source: str
    within: float = 0.05
    or_above: bool = False

    @property
    def words(self) -> str:
        """`within 5 %`, or `within 5 % or above`."""
        return f"within {100 * self.within:g} %{' or above' if self.or_above else ''}"

    def off(self, metric: str, value: float) -> float:
        """By which share of the published value ours is larger; below 0 where it is smaller."""
        return (value - self.values[metric]) / abs(self.values[metric])

    def met(self, metric: str, value: float) -> bool:
        """Whether a value counts as reproduced."""
        off = self.off(metric, value)
        return -self.within <= off and (self.or_above or off <= self.within)


def reference(where: str, node: Any) -> Reference:
    """The reference that a node of a yaml says: values of metrics, `source`, and `within`, which is 5% unless said.

    Raises:
        CompositionError: no value, no source, or a `within` that is no share.
    """
    if not isinstance(node, dict):
        raise CompositionError(f"{where} is {node!r}; it takes values of metrics and a source")
    values = {str(k): v for k, v in node.items() if k not in ("source", "within")}
    for metric, value in values.items():
        if not takes(float, value) or value == 0:
            raise CompositionError(f"{where}.{metric} is {value!r}; it takes a number that is not 0")
    if not values:
        raise CompositionError(f"{where} has no value, for example ndcg@10: .0531")
    if not takes(str, node.get("source")) or not node["source"]:
        raise CompositionError(f"{where} has no source; say where its values stand")
    said = _WITHIN.fullmatch(str(node.get("within", "5%")))
    if not said:
        raise CompositionError(f"{where}.within is {node['within']!r}; it takes a share: 5%, or 5% or above")
    return Reference(
        {metric: float(value) for metric, value in values.items()}, node["source"], float(said[1]) / 100, bool(said[2])
    )

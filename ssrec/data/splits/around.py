"""Another split with other parts: what such splits leave as it is."""

from ssrec.data.canonical import Canonical
from ssrec.data.split import Events, Split


class Around(Split):
    """A split that changes what the events of another one are for; all else is the other's."""

    def __init__(self, split: Split):
        self.split = split
        self.needs = split.needs
        self.history = split.history
        self.validates = split.validates

    def found(self, events: Events) -> dict[str, int | float | str]:
        return self.split.found(events)

    def objection(self, canonical: Canonical) -> str | None:
        return self.split.objection(canonical)

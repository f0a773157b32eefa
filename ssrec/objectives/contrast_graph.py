"""Contrast two views of the graph of users and items, or one with the clean pass."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, cast, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.batch import Corpus
from ssrec.contrasts.nodes import NodeContrast
from ssrec.encodings.graph import GraphEncoding
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.quiet_pass import quiet_pass
from ssrec.views.graph.view import GraphView

Against = Literal["view", "clean"]


@final
class ContrastGraph(Objective[GraphEncoding]):
    """A contrast of each node's vector in a view with that in another view, or with that which ranks.

    SGL (Wu et al., SIGIR 2021), SimGCL (Yu et al., SIGIR 2022) and LightGCL (Cai et al., ICLR 2023) are choices. The
    batch's own pass is shared with other objectives. Parts: users, items.

    Args:
        views: to draw from; a single one is drawn twice, of several an ordered pair of different ones at every step.
        against: view: the second vector is that of another view; clean: of the batch's own pass.
        contrast: what is asked of the two vectors.

    Raises:
        CompositionError: without a view, for one whose two copies would be the same, or for an encoder without steps.
    """

    rows = ("edge",)
    contrasts_rows = True
    branches = 1

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        contrast: NodeContrast,
        views: Mapping[str, Callable[[Corpus], GraphView]] = MappingProxyType({}),  # an empty group is no argument
        against: Against = "view",
    ):
        super().__init__(encoder, corpus)
        require(bool(views), "contrast_graph has no view to draw from, for example views=[edge_drop]")
        steps = len(quiet_pass(encoder).layers) - 1
        require(steps > 0, "contrast_graph: without a step of propagation no view differs; say model.layers=3")
        made = [views[name](corpus) for name in sorted(views)]
        self.several = len(made) > 1
        if against == "view" and not self.several:
            ((name, make),) = views.items()
            alike = f"contrast_graph: both copies of view {name} would be the same; say against=clean, or add a view"
            require(made[0].draws, alike)
            made.append(make(corpus))
        self.made = nn.ModuleList(made)
        self.contrast = contrast
        self.against: Against = against

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        x = quiet_pass(encoder)
        for view in self.made:
            cast(GraphView, view).before_epoch(x)

    def forward(self, x: GraphEncoding) -> dict[str, Tensor]:
        first, second = self._two(x)
        return self.contrast(first, second, x.batch.user, x.batch.target[:, 0], x.user_rows)

    def _two(self, x: GraphEncoding) -> tuple[Float[Tensor, "V D"], Float[Tensor, "V D"]]:
        order = torch.randperm(len(self.made)).tolist() if self.several else range(len(self.made))
        first = self.made[order[0]](x)
        return first, x.nodes if self.against == "clean" else self.made[order[1]](x)

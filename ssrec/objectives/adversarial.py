"""A discriminator against a model of bags: told-apart profiles train the one, mistaken ones the other."""

from collections.abc import Sequence
from typing import Literal, final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call

from ssrec.batch import Corpus, Ragged
from ssrec.encodings.bag import BagEncoding, VariationalEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_choices, require_widths
from ssrec.objectives.objective import Objective
from ssrec.pretext.dense_bags import dense, some_others
from ssrec.sparse import sum_rows

Output = Literal["sigmoid", "softmax"]
Game = Literal["minimax", "non_saturating"]


@final
class Discriminator(nn.Module):
    """A feed-forward network with ReLU from a profile, beside the user's bag where `condition` says so, to a logit."""

    def __init__(self, item_rows: int, widths: Sequence[int], condition: bool):
        super().__init__()
        self.judged = nn.Parameter(torch.empty(item_rows, widths[0]))
        self.given = nn.Parameter(torch.empty(item_rows, widths[0])) if condition else None
        self.bias = nn.Parameter(torch.zeros(widths[0]))
        self.inner = nn.ModuleList(nn.Linear(*pair) for pair in zip(widths, (*widths[1:], 1), strict=True))
        for matrix in (self.judged, self.given):
            if matrix is not None:
                nn.init.xavier_uniform_(matrix)

    def forward(self, bag: Ragged, profile: Float[Tensor, "B N"]) -> Float[Tensor, "B"]:
        """In fp32; above 0: more likely a real profile than a generated one."""
        h = profile @ self.judged + self.bias
        if self.given is not None:
            h = h + sum_rows(self.given, bag)
        for layer in self.inner:
            h = layer(h.relu())
        return h.squeeze(1).float()


@final
class Adversarial(Objective[BagEncoding | VariationalEncoding]):
    """The game of CFGAN (Chae et al., CIKM 2018, section 3) around any model of bags.

    With x_u the real profile, c_u the user's bag, y_u what the model makes of it, and e_u + k_u ones at the bag's items
    and at a drawn share of the others (the paper's partial masking). Parts, each a mean over rows: discriminator,
    `-log D(x_u|c_u) - log(1 - D(y_u * (e_u + k_u)|c_u))`; generator, `log(1 - D(y_u * (e_u + k_u)|c_u))` in the minimax
    game, `-log D(...)` in the one that does not saturate (Goodfellow et al., NeurIPS 2014, section 3). The first meets
    a detached y_u and reaches D alone, the second a detached D and reaches the model alone: one step trains both at
    once, and `phases` that train `adversarial.*` and `encoder.*` in turn are the paper's k:1 game. Zero-reconstruction
    is the objective `reconstruction` with held=false. The profiles of a batch are dense: B x n_items numbers.

    Args:
        widths: of the discriminator's inner layers.
        share: of the items outside a bag that the discriminator sees beside the bag's own, drawn anew each step, the
            paper's ratio of partial masking; 0: the bag's own alone. 1: all, nothing is masked.
        output: what turns scores into a profile. softmax: a distribution, and the real profile is one alike over the
            bag, as a multinomial model is trained.
        condition: whether the discriminator reads the bag beside the profile.
        game: of the generator's loss.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("history",)
    players = ("discriminator", "generator")

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        widths: Sequence[int] = (128,),
        share: float = 0.5,
        output: Output = "sigmoid",
        condition: bool = True,
        game: Game = "minimax",
    ):
        super().__init__(encoder, corpus)
        require_widths("adversarial", widths)
        require(0 <= share <= 1, f"adversarial: share={share} must be between 0 and 1")
        require_choices("adversarial", Output, Game, output=output, game=game)
        self.share = share
        self.output = output
        self.game = game
        self.discriminator = Discriminator(corpus.item_rows, widths, condition)

    def forward(self, x: BagEncoding | VariationalEncoding) -> dict[str, Tensor]:
        scores = x.scores()
        bag = dense(x.bag, scores.shape[1])
        made = self.profile(scores) * (bag | some_others(bag, self.share))
        frozen = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        real, told = self.discriminator(x.bag, self.real(bag)), self.discriminator(x.bag, made.detach())
        judged = functional_call(self.discriminator, frozen, (x.bag, made))
        mistaken = -F.softplus(judged) if self.game == "minimax" else F.softplus(-judged)
        return {
            "discriminator": global_mean((F.softplus(-real) + F.softplus(told)).sum(), len(real)),
            "generator": global_mean(mistaken.sum(), len(real)),
        }

    def profile(self, scores: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
        """What the model makes of a bag; a softmax gives padding nothing."""
        if self.output == "sigmoid":
            return scores.sigmoid()
        return F.pad(scores[:, 1:].softmax(1), (1, 0))

    def real(self, bag: Bool[Tensor, "B N"]) -> Float[Tensor, "B N"]:
        """The bag as a profile of the same kind."""
        ones = bag.float()
        return ones if self.output == "sigmoid" else ones / ones.sum(1, keepdim=True).clamp(min=1)

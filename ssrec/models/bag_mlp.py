"""A multilayer perceptron from a user's bag of items, and noise where asked for, to a score for every item."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ssrec.bag_linear import BagLinear
from ssrec.batch import Batch, Corpus, Ragged
from ssrec.encodings.bag import BagEncoding
from ssrec.encodings.encoding import Lazy
from ssrec.models.encoder import Encoder
from ssrec.nn import require, require_choices, require_widths
from ssrec.sparse import bags

Activation = Literal["relu", "tanh", "sigmoid"]


@final
class BagMLP(Encoder):
    """An autoencoder of a user's bag, which stays sparse, with as many layers as wanted.

    One layer of tanh over a normalised input with dropout is Mult-DAE (Liang et al., WWW 2018), one of sigmoid is
    CFGAN's generator (Chae et al., CIKM 2018, section 3), whose opponent is an objective. The output's bias is the last
    column of the item vectors, and a one the last entry of a user's, so that a dot product ranks.

    Args:
        corpus: The training split, for its sizes.
        widths: Of the layers between bag and scores, each with an activation.
        activation: Of these layers.
        dropout: Probability that an item of a bag is left out of the input in training.
        normalise: Whether the input is divided by its L2 norm.
        noise: Width of a vector from N(0, 1) that the network reads beside the bag, as a conditional GAN does; 0: none.
            In evaluation it is its mean, 0, so that a ranking draws nothing.

    Raises:
        CompositionError: For a setting outside its range, or a batch without its full past.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        widths: Sequence[int] = (128, 64),
        activation: Activation = "relu",
        dropout: float = 0.0,
        normalise: bool = False,
        noise: int = 0,
    ):
        super().__init__(corpus)
        require_widths("bag_mlp", widths)
        require_choices("bag_mlp", Activation, activation=activation)
        require(noise >= 0, f"bag_mlp: noise={noise} must not be negative")
        self.item_rows = corpus.item_rows
        self.noise = noise
        self.activation = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[activation]
        self.first = BagLinear("bag_mlp", corpus.item_rows, widths[0], dropout=dropout, normalise=normalise)
        self.inner = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.outputs = nn.Parameter(torch.zeros(corpus.item_rows, widths[-1] + 1))  # [W, b]
        for matrix in (self.outputs[:, :-1], *(layer.get_parameter("weight") for layer in self.inner)):
            nn.init.xavier_uniform_(matrix.detach())
        for layer in self.inner:
            nn.init.zeros_(layer.get_parameter("bias"))
        if noise:  # last, so that without it the other weights are drawn as with it
            self.from_noise = nn.Linear(noise, widths[0], bias=False)
            nn.init.xavier_uniform_(self.from_noise.weight)

    def forward(self, batch: Batch, shared: object = None) -> BagEncoding:
        bag = bags(batch.seen, self.item_rows, "bag_mlp")
        return BagEncoding(batch, bag, Lazy(lambda: self.users(bag)), Lazy(lambda: self.outputs))

    def users(self, bag: Ragged) -> Float[Tensor, "B D"]:
        """The last layer and a one."""
        x = self.first(bag)
        if self.noise and self.training:
            x = x + self.from_noise(torch.randn(len(bag), self.noise, device=x.device))
        h = self.activation(x)
        for layer in self.inner:
            h = self.activation(layer(h))
        return torch.cat([h, torch.ones_like(h[:, :1])], dim=-1)

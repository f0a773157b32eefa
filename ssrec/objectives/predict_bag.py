"""Predict the items of a bag from the bag: the likelihood of an autoencoder without a latent draw."""

from typing import Literal, final

from torch import Tensor

from ssrec.batch import Corpus
from ssrec.encodings.bag import BagEncoding
from ssrec.likelihoods import bernoulli, multinomial
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require_choices
from ssrec.objectives.objective import Objective

Likelihood = Literal["multinomial", "sigmoid"]


@final
class PredictBag(Objective[BagEncoding]):
    """Every item of a row's bag is a label of the row (Liang et al., WWW 2018, section 2.2.1).

    The part predict_bag is a mean over rows. multinomial: `-sum_{i in bag} log softmax(scores)_i`. sigmoid: binary
    cross-entropy over the whole catalogue, `-sum_{i in bag} log s(score_i) - sum_{others} log(1 - s(score_i))`; without
    the others it would be least where every score is infinite. The labels stand in the input unless the model leaves
    some out of it (`model.dropout`). Scores are never dense; `reconstruction` has dense profiles and squared errors.

    Args:
        loss: The likelihood.

    Raises:
        CompositionError: For another likelihood.
    """

    rows = ("history",)

    def __init__(self, encoder: Encoder, corpus: Corpus, *, loss: Likelihood = "multinomial"):
        super().__init__(encoder, corpus)
        require_choices("predict_bag", Likelihood, loss=loss)
        self.loss: Likelihood = loss

    def forward(self, x: BagEncoding) -> dict[str, Tensor]:
        likelihood = multinomial if self.loss == "multinomial" else bernoulli
        return {"predict_bag": global_mean(likelihood(x.users, x.items, x.bag), len(x.bag))}

"""Learn what a teacher is sure comes next, where the training split says nothing: after a user's last event."""

import math
from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ssrec.batch import PAD, Corpus, Ragged
from ssrec.distributed import of_all
from ssrec.encodings.encoding import dot_scores
from ssrec.encodings.sequence import SequenceEncoding
from ssrec.losses import global_mean
from ssrec.models.encoder import Encoder
from ssrec.nn import require
from ssrec.objectives.objective import Objective
from ssrec.pretext.teacher import Teacher
from ssrec.ranking_losses import RankingLoss

BUDGET = 2**22  # scores alive at once


@final
class PseudoLabel(Objective[SequenceEncoding]):
    """A ranking loss on the item that a teacher finds most probable after each user's whole training history.

    Every other position has its label in some row. The teacher is a moving average of the encoder (as in Tarvainen and
    Valpola, NeurIPS 2017); its confidence is the item's probability in the softmax over the items that the user has not
    had in training, of which the label is one. A user who has had them all has no label. Labels count
    whose confidence is at least `threshold` (Lee, ICML workshop 2013; FixMatch: Sohn et al., NeurIPS 2020) and among
    the most confident `share` of the step (Cascante-Bonilla et al., AAAI 2021). A wrong label teaches itself: begin
    with a small weight, or late, by a schedule. Parts: pseudo_label, a mean over the labels that count.

    Args:
        loss: the ranking loss.
        teacher: makes the teacher from the encoder.
        threshold: least confidence, a probability.
        share: of the users of a step over all processes, rounded up, whose labels may count.

    Raises:
        CompositionError: for a setting outside its range.
    """

    rows = ("window", "prefix")

    def __init__(
        self,
        encoder: Encoder,
        corpus: Corpus,
        *,
        loss: Callable[[Corpus], RankingLoss],
        teacher: Callable[[Encoder], Teacher[Encoder]],
        threshold: float = 0.0,
        share: float = 0.5,
    ):
        super().__init__(encoder, corpus)
        for name, value in {"threshold": threshold, "share": share}.items():
            require(0 <= value <= 1, f"pseudo_label: {name}={value} must be between 0 and 1")
        self.loss = loss(corpus)
        self.teacher = teacher(encoder)
        self.threshold = threshold
        self.share = share
        self.corpus = corpus

    def forward(self, x: SequenceEncoding) -> dict[str, Tensor]:
        user = _once(x.batch.user[x.batch.user != PAD].unique())
        ids, times = self._histories(x, user)
        teacher: SequenceEncoding = self.teacher(x.batch)
        taught = teacher.view(ids, causal=x.causal, times=times).users
        had = self.corpus.history.select(user.cpu()).to(x.ids.device)
        labels, confidence = most_probable(taught, teacher.items, had)
        counted = self._counted(confidence)
        users = x.view(ids, causal=x.causal, times=times).users[counted]
        return {"pseudo_label": global_mean(self.loss(users, x.items, labels[counted]), len(users))}

    def _histories(
        self, x: SequenceEncoding, user: Int[Tensor, "R"]
    ) -> tuple[Int[Tensor, "R T"], Int[Tensor, "R T"] | None]:
        """The last training events of users, as many as a pass reads, and their times."""

        def past(values: Tensor) -> Tensor:
            return Ragged(values, self.corpus.offsets).select(user.cpu()).padded(x.max_length).to(x.ids.device)

        return past(self.corpus.items), None if self.corpus.times is None else past(self.corpus.times)

    def _counted(self, confidence: Float[Tensor, "R"]) -> Bool[Tensor, "R"]:
        everyone = of_all(confidence[:, None])[0].flatten()
        if not len(everyone):
            return confidence > 1
        least = everyone.topk(math.ceil(self.share * len(everyone))).values.amin() if self.share else math.inf
        return (confidence > 0) & (confidence >= self.threshold) & (confidence >= least)

    def before_epoch(self, encoder: Encoder, corpus: Corpus) -> None:
        self.teacher.start(encoder)

    def after_step(self, encoder: Encoder) -> None:
        self.teacher.follow(encoder)


def _once(user: Int[Tensor, "R"]) -> Int[Tensor, "S"]:
    """Without the users of earlier processes, so that who has rows on two counts once."""
    everyone, first = of_all(user[:, None])
    return user[~torch.isin(user, everyone[:first, 0])]


def most_probable(
    users: Float[Tensor, "R D"], items: Float[Tensor, "N D"], had: Ragged
) -> tuple[Int[Tensor, "R"], Float[Tensor, "R"]]:
    """Each row's item of the highest score, and its probability in a softmax, both among the items it has not had.

    The probability is 0 where it has had all. Row 0 of the items is padding; at most `BUDGET` scores are alive.
    """
    found, probability = users.new_empty(len(users)).long(), users.new_empty(len(users)).float()
    size = max(1, BUDGET // len(items))
    for start in range(0, len(users), size):
        rows = slice(start, start + size)
        scores = dot_scores(users[rows], items)[:, 1:]
        own = had.select(torch.arange(start, start + len(scores), device=users.device))
        scores = scores.index_put((own.rows, own.values - 1), scores.new_tensor(-torch.inf))
        top, at = scores.max(1)
        found[rows], probability[rows] = at + 1, (top - scores.logsumexp(1)).exp().nan_to_num(0.0)
    return found, probability

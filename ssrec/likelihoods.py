"""Negative log likelihoods of bags of items under linear scores: a matrix of rows x items never exists."""

from jaxtyping import Float
from torch import Tensor

from ssrec.batch import Ragged
from ssrec.softmax import log_partition
from ssrec.softplus import softplus_total
from ssrec.sparse import sum_rows


def multinomial(users: Float[Tensor, "B D"], items: Float[Tensor, "N D"], bag: Ragged) -> Float[Tensor, ""]:
    """`-sum_{i in bag} log softmax(scores)_i` over rows, in nats; padding is no item (Liang et al., WWW 2018)."""
    users = users.float()
    return log_partition(users, items, bag.lengths.float()) - _held(users, items, bag)


def bernoulli(users: Float[Tensor, "B D"], items: Float[Tensor, "N D"], bag: Ragged) -> Float[Tensor, ""]:
    """`-sum_{i in bag} log s(score_i) - sum_{others} log(1 - s(score_i))` over rows, in nats; padding is no item."""
    users = users.float()
    return softplus_total(users, items[1:]) - _held(users, items, bag)


def _held(users: Float[Tensor, "B D"], items: Float[Tensor, "N D"], bag: Ragged) -> Float[Tensor, ""]:
    """The scores of all bags' items, added up: one product with the sum of a bag's vectors."""
    return (users * sum_rows(items, bag).float()).sum()

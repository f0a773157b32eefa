"""Contrasts over two processes against one."""

import torch
from two_processes import check_against_one, loss_and_gradient

from ssrec.contrasts.align_uniform import AlignUniform
from ssrec.contrasts.barlow import Barlow
from ssrec.contrasts.debiased import Debiased
from ssrec.contrasts.info_nce import InfoNCE
from ssrec.contrasts.vicreg import VICReg

CONTRASTS = {
    "info_nce": InfoNCE(false_negatives="mask"),
    "one_sided": InfoNCE(negatives="one_sided", false_negatives="mask"),
    "debiased": Debiased(false_negatives="mask"),
    "barlow": Barlow(),
    "vicreg": VICReg(),
    "align_uniform": AlignUniform(false_negatives="mask"),
}
TARGETS = [3, 7, 3, 7, 3]


def losses(rows):
    """The losses of some of five rows and the gradients of a matrix that their vectors are multiplied by."""
    from ssrec.batch import Batch
    from ssrec.contrasts.contrast import same_target

    views = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    row, target = torch.arange(5)[rows], torch.tensor(TARGETS)[rows, None]
    batch, found = Batch(row, row, target, target), {}
    for name, contrast in CONTRASTS.items():
        weight = torch.eye(3, requires_grad=True)
        same = same_target(batch) if contrast.false_negatives == "mask" else None
        parts = contrast(*(view[rows] @ weight for view in views), same)
        found[name] = [loss_and_gradient(torch.stack(list(parts.values())).sum(), weight)]
    return found


def test_two_processes_give_the_loss_and_gradient_of_one(tmp_path):
    check_against_one(losses, tmp_path)

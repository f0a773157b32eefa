"""bootstrap_graph on two processes against one: its loss, gradients, and what its targets keep of a step."""

from functools import partial

import torch
from two_processes import check_against_one, loss_and_gradient

from ssrec.models.lightgcn import LightGCN
from ssrec.models.with_predictor import WithPredictor
from ssrec.objectives.bootstrap_graph import BootstrapGraph
from ssrec.pretext.bootstrap_targets import History, Taught
from ssrec.pretext.teacher import Teacher

USERS, ITEMS = [1, 2, 1, 3, 1], [1, 3, 3, 5, 7]
TARGETS = {
    **{rows: partial(Taught, teacher=partial(Teacher, momentum=0.5), rows=rows) for rows in ("all", "batch")},
    "history": partial(History, momentum=0.5),
}


def stepped(rows):
    """Of some of five edges: the loss and all gradients, and what the target holds after the step."""
    from edges import edges

    from ssrec.batch import Corpus

    corpus = Corpus(torch.tensor([1, 3, 7, 3, 5]), torch.tensor([0, 0, 3, 4, 5]), n_users=3, n_items=7)
    batch, found = edges(USERS[rows], ITEMS[rows]), {}
    for name, target in TARGETS.items():
        torch.manual_seed(0)
        encoder = WithPredictor(corpus, encoder=partial(LightGCN, dim=3, layers=2, init_std=1.0))
        objective = BootstrapGraph(encoder, corpus, target=target, edge_dropout=0.0, l2=0.3)
        loss = torch.stack(list(objective(encoder(batch)).values())).sum()
        trained = loss_and_gradient(loss, *encoder.parameters())
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(1)
        objective.after_step(encoder)
        found[name] = trained, torch.cat([b.flatten() for b in objective.state_dict().values()])
    return found


def test_two_processes_step_as_one_does(tmp_path):
    whole = stepped(slice(None))
    assert not torch.equal(whole["all"][1], whole["batch"][1])
    check_against_one(stepped, tmp_path)

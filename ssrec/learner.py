"""One LightningModule for pretraining, finetuning and joint training: they differ in their terms and starting point."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from jaxtyping import Bool
from torch import Tensor, nn
from torchmetrics import Metric

from ssrec.batch import Batch, Corpus
from ssrec.candidates import Allowed
from ssrec.data.splits.parted import Name
from ssrec.distributed import distributed
from ssrec.errors import UserError
from ssrec.metrics.metric import reads_whole, update_all
from ssrec.models.encoder import Encoder, Encoding
from ssrec.objectives.objective import Objective
from ssrec.ranking import MaskSeen, Ranking, ranking
from ssrec.tested import Tested


@dataclass(frozen=True)
class Ramp:
    """A weight of 0 before epoch `first`, then rising linearly over `epochs` epochs to `value`."""

    value: float
    first: int = 0
    epochs: int = 0

    def __call__(self, epoch: int) -> float:
        if epoch < self.first:
            return 0.0
        return self.value * min(1.0, (epoch - self.first + 1) / (self.epochs + 1))


@dataclass(frozen=True)
class Term:
    """A weighted objective; a weight of 0 skips its pass."""

    weight: float | Ramp
    loss: Objective

    def at(self, epoch: int) -> float:
        return self.weight(epoch) if isinstance(self.weight, Ramp) else float(self.weight)


class Learner(pl.LightningModule):
    """Weighs the parts of its terms, steps the optimizer, ranks held-out rows, logs; nothing else.

    Args:
        encoder: what is trained and ranked with.
        terms: objectives by name; logged as `train/<name>/<part>`.
        optimizer: makes an optimizer of parameters; None where nothing is trained.
        metrics: by name; logged as `val/...` and `test/...`.
        strata: masks of the test's rows by name; each gets the metrics again, logged as `test/<stratum>/...`.
        top: how many items the longest list of a metric has.
        mask_seen: whether a row's past is kept out of its ranking; `zero` keeps it there with a score of 0.
        corpus: the training split, for objectives that refresh what they fitted.
        candidates: what the targets of `val` and of `test` are ranked among; None: the full catalogue.
        tested: collects what a test leaves beside its averages.
    """

    def __init__(
        self,
        encoder: Encoder,
        terms: Mapping[str, Term],
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None,
        metrics: Mapping[str, Metric],
        strata: Mapping[str, Bool[Tensor, "B"]],
        top: int,
        mask_seen: MaskSeen,
        corpus: Corpus,
        candidates: Mapping[Name, Allowed] | None = None,
        tested: Tested | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.terms = dict(terms)
        self.losses = nn.ModuleDict({name: term.loss for name, term in terms.items()})
        self.val_metrics, self.test_metrics = _clones(metrics), _clones(metrics)
        self.strata_metrics = nn.ModuleDict({name: _clones(metrics) for name in strata})
        for name, rows in strata.items():
            self.register_buffer(f"rows_{name}", rows, persistent=False)
        self.top = top
        self.whole = any(map(reads_whole, metrics.values()))
        self.mask_seen: MaskSeen = mask_seen
        self.candidates = candidates
        self.corpus = corpus
        self.tested = tested or Tested()
        self.optimizer = optimizer
        self.register_buffer("targets_seen", torch.zeros((), dtype=torch.long))
        self.targets_seen: Tensor
        self._shared: object = None

    # ---- training

    def on_train_epoch_start(self) -> None:
        for term in self.terms.values():
            if term.at(self.current_epoch):
                term.loss.before_epoch(self.encoder, self.corpus)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        x = self.encoder(batch)
        total = torch.zeros((), device=self.device)
        for name, term in self.terms.items():
            weight = term.at(self.current_epoch)
            if weight == 0:
                continue
            for part, value in term.loss(x).items():
                total = total + weight * value
                self._log_mean(f"train/{name}/{part}", value, batch)
            if not torch.isfinite(total):
                raise UserError(
                    f"the loss of {name} is {total.item()} at step {self.global_step}; try a lower optimizer.lr"
                )
        self._log_mean("train/loss", total, batch)
        return total

    def _log_mean(self, name: str, value: Tensor, batch: Batch) -> None:
        # Weighed by what all processes hold of the batch, because their values share it unevenly.
        self.log(name, value.detach(), on_step=False, on_epoch=True, batch_size=batch.n_targets, sync_dist=True)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.targets_seen += batch.n_targets
        for term in self.terms.values():
            if term.at(self.current_epoch):
                term.loss.after_step(self.encoder)

    def configure_optimizers(self) -> torch.optim.Optimizer | None:
        trained = [p for p in self.parameters() if p.requires_grad]
        return self.optimizer(trained) if self.optimizer and trained else None

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if self.trainer.precision == "16-mixed":  # scaled gradients, which Lightning knows how to clip
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_val:  # Lightning clips for no fused optimizer under autocast, though only fp16 is scaled
            nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    # ---- ranking

    def _start(self) -> None:
        self._shared = self.encoder.shared()

    on_validation_start = on_test_start = _start

    def validation_step(self, batch: Batch, index: int) -> dict[str, Encoding]:
        x = self.encoder(batch, self._shared)
        update_all(_members(self.val_metrics), self._ranked(x, x.scores(), self.top, "val"))
        return {"encoding": x}  # for callbacks that observe

    def test_step(self, batch: Batch, index: int) -> dict[str, Encoding]:
        x = self.encoder(batch, self._shared)
        scores = x.scores()
        found = self._ranked(x, scores, self.tested.depth(self.top, batch.target.shape[1]), "test")
        self.tested.add(scores, found, update_all(_members(self.test_metrics), found))
        for name, metrics in self.strata_metrics.items():
            update_all(_members(metrics), found.select(self.get_buffer(f"rows_{name}")[batch.rows]))
        return {"encoding": x}

    def _ranked(self, x: Encoding, scores: Tensor, top: int, part: Name) -> Ranking:
        allowed = None if self.candidates is None else self.candidates[part](x.batch.rows)
        return ranking(
            scores,
            x.batch,
            top,
            mask_seen=self.mask_seen,
            allowed=allowed,
            item_vectors=x.item_vectors(),
            whole=self.whole,
        )

    def _report(self, stage: str, metrics: nn.Module) -> None:
        self._shared = None
        for metric in _members(metrics):
            for name, value in metric.compute().items():
                # Already summed over processes; the mean of equal values is the value.
                self.log(f"{stage}/{name}", value, batch_size=1, sync_dist=True)
            metric.reset()

    def on_validation_epoch_end(self) -> None:
        self._report("val", self.val_metrics)

    def on_test_epoch_end(self) -> None:
        self.tested.gather()
        self._report("test", self.test_metrics)
        for name, metrics in self.strata_metrics.items():
            self._report(f"test/{name}", metrics)

    # ---- resumption: dropout, views and negatives go on from where the checkpoint was written

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        states = [torch.get_rng_state()]
        if distributed():  # every process has its own
            states *= dist.get_world_size()
            dist.all_gather_object(states, states[0])
        checkpoint["rng"] = states

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        states = checkpoint["rng"]
        if self.global_rank < len(states):  # else it was written by fewer processes
            torch.set_rng_state(states[self.global_rank])


def _clones(metrics: Mapping[str, Metric]) -> nn.ModuleDict:
    return nn.ModuleDict({name: metric.clone() for name, metric in metrics.items()})


def _members(metrics: nn.Module) -> Iterable[Metric]:
    return cast(Iterable[Metric], cast(nn.ModuleDict, metrics).values())

"""One LightningModule for pretraining, finetuning and joint training: they differ in their terms and starting point."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from ssrec.batch import Batch, Corpus
from ssrec.data.splits.parted import Name
from ssrec.distributed import distributed
from ssrec.encodings.encoding import Encoding
from ssrec.errors import UserError
from ssrec.held_out import HeldOut
from ssrec.learning.combine import Combine, Losses, Sum, added
from ssrec.learning.gradients import only
from ssrec.learning.phases import Phase, due, of_epoch, optimizers_of
from ssrec.learning.schedules import Ramp as Ramp  # configs of stored runs name it here
from ssrec.learning.terms import Term
from ssrec.models.encoder import Encoder


class Learner(pl.LightningModule):
    """Weighs the parts of its terms, steps the optimizer, hands on held-out rows, logs; nothing else.

    Args:
        encoder: what is trained and ranked with.
        terms: objectives by name; logged as `train/<name>/<part>`.
        optimizer: makes an optimizer of parameters; None where nothing is trained.
        combine: makes one step of the terms' losses; None: their sum.
        phases: what steps several sets of parameters in turn; none: one step of all terms on all parameters.
        gradient_clip_val: the largest norm of a gradient where the learner steps itself; else Lightning clips.
        held_out: ranks the rows of `val` and of `test`; what it reports is logged.
        corpus: the training split, for objectives that refresh what they fitted.
    """

    def __init__(
        self,
        encoder: Encoder,
        terms: Mapping[str, Term],
        *,
        optimizer: Callable[..., torch.optim.Optimizer] | None,
        held_out: HeldOut,
        corpus: Corpus,
        combine: Combine | None = None,
        phases: Sequence[Phase] = (),
        gradient_clip_val: float | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.terms = dict(terms)
        self.losses = nn.ModuleDict({name: term.loss for name, term in terms.items()})
        self.held_out = held_out
        self.corpus = corpus
        self.optimizer = optimizer
        self.combine = combine or Sum()
        self.gradient_clip_val = gradient_clip_val
        # Lightning's own loop makes one step a batch, along the gradient of one loss.
        self.automatic_optimization = not phases and not self.combine.by_gradient
        trained = {name: p for name, p in self.named_parameters() if p.requires_grad}
        self.phases = list(phases) or [Phase(self.terms, trained)]
        self._optimizer_of = optimizers_of(self.phases)
        self._acting: list[str] = []  # the terms of the last step
        self.register_buffer("targets_seen", torch.zeros((), dtype=torch.long))
        self.targets_seen: Tensor
        self._shared: object = None

    # ---- training

    def on_train_epoch_start(self) -> None:
        epoch, step = self.current_epoch, self.global_step
        phases = [self.phases[i] for i in of_epoch(self.phases, epoch)]
        for name, term in self.terms.items():
            if not all(phase.terms[name].asleep(epoch, step) for phase in phases if name in phase.terms):
                term.loss.before_epoch(self.encoder, self.corpus)

    def training_step(self, batch: Batch, index: int) -> Tensor | None:
        if self.automatic_optimization:
            weights = self._weights(self.phases[0])
            loss, stepped = self._loss(batch, weights)[1], bool(weights)
        else:
            steps = [self._step(batch, i) for i in due(self.phases, self.current_epoch, self.global_step)]
            loss, stepped = None, any(steps)
        if not stepped:
            raise UserError(f"no objective has a weight in epoch {self.current_epoch + 1}, so nothing is trained")
        return loss

    def _weights(self, phase: Phase) -> dict[str, float]:
        """Those of the terms that take part in this step."""
        weights = {name: term.at(self.current_epoch, self.global_step) for name, term in phase.terms.items()}
        return {name: weight for name, weight in weights.items() if weight != 0}

    def _loss(self, batch: Batch, weights: Mapping[str, float]) -> tuple[Losses, Tensor]:
        """The weighted parts of each term, and the loss that they make together."""
        x = self.encoder(batch)
        losses: dict[str, list[Tensor]] = {}
        for name, weight in weights.items():
            parts = self.terms[name].loss(x)
            losses[name] = [weight * value for value in parts.values()]
            for part, value in parts.items():
                self._log_mean(f"train/{name}/{part}", value, batch)
            loss = added(losses[name])
            if not torch.isfinite(loss):
                raise UserError(
                    f"the loss of {name} is {loss.item()} at step {self.global_step}; try a lower optimizer.lr"
                )
        total = self.combine(losses)
        self._log_mean("train/loss", total, batch)
        self._acting = list(losses)
        return losses, total

    def _step(self, batch: Batch, i: int) -> bool:
        """One optimizer step of phase i, unless no term of it has a weight now; says whether it was made."""
        phase = self.phases[i]
        weights = self._weights(phase)
        if not weights:
            return False
        trained = list(phase.trained.values())
        # With fp16 a loss is multiplied before its gradient is taken; the optimizer's step divides again.
        scaler: torch.amp.GradScaler | None = getattr(self.trainer.precision_plugin, "scaler", None)
        with only(self.parameters(), trained):
            losses, total = self._loss(batch, weights)
            with torch.autocast(self.device.type, enabled=False):  # as after the end of a step of Lightning's own
                found = self.combine.gradients(losses, total, trained, scaler.scale if scaler else _unscaled)
        if all(gradient is None for gradient in found):
            raise UserError(
                f"phases[{i}]: {', '.join(losses)} reaches none of its parameters, {', '.join(phase.trained)}"
            )
        for parameter, gradient in zip(trained, found, strict=True):
            parameter.grad = gradient
        if self.gradient_clip_val:
            nn.utils.clip_grad_norm_(trained, self.gradient_clip_val * (scaler.get_scale() if scaler else 1.0))
        made = self.optimizers()
        optimizer = cast(LightningOptimizer, made[self._optimizer_of[i]] if isinstance(made, list) else made)
        optimizer.step()
        optimizer.zero_grad()
        self._after_step(batch)
        return True

    def _log_mean(self, name: str, value: Tensor, batch: Batch) -> None:
        # Weighed by what all processes hold of the batch, because their values share it unevenly.
        self.log(name, value.detach(), on_step=False, on_epoch=True, batch_size=batch.n_targets, sync_dist=True)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if self.automatic_optimization:
            self._after_step(batch)

    def _after_step(self, batch: Batch) -> None:
        """Count the targets that went through the step, forward and backward, and tell the terms that took part."""
        self.targets_seen += batch.n_targets
        for name in self._acting:
            self.terms[name].loss.after_step(self.encoder)
        for name, value in self.combine.logged().items():
            self._log_mean(f"train/combine/{name}", value, batch)

    def configure_optimizers(self) -> torch.optim.Optimizer | list[torch.optim.Optimizer] | None:
        if self.automatic_optimization:
            trained = [p for p in self.parameters() if p.requires_grad]
            return self.optimizer(trained) if self.optimizer and trained else None
        made = []
        for phase, number in zip(self.phases, self._optimizer_of, strict=True):
            if number == len(made):  # the first phase that it serves
                made.append(cast(Callable, self.optimizer)(list(phase.trained.values()), **phase.settings))
        return made

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

    # ---- held-out rows

    def _start(self) -> None:
        self._shared = self.encoder.shared()

    on_validation_start = on_test_start = _start

    def validation_step(self, batch: Batch, index: int) -> dict[str, Encoding]:
        x = self.encoder(batch, self._shared)
        self.held_out.validate(x)
        return {"encoding": x}  # for callbacks that observe

    def test_step(self, batch: Batch, index: int) -> dict[str, Encoding]:
        x = self.encoder(batch, self._shared)
        self.held_out.test(x)
        return {"encoding": x}

    def _report(self, part: Name) -> None:
        self._shared = None
        for name, value in self.held_out.report(part).items():
            # Already summed over processes; the mean of equal values is the value.
            self.log(name, value, batch_size=1, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        self._report("val")

    def on_test_epoch_end(self) -> None:
        self._report("test")

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


def _unscaled(loss: Tensor) -> Tensor:
    return loss

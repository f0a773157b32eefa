"""Shapes and types of every signature in ssrec are executed under pytest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from hydra import compose, initialize_config_dir
from hypothesis import settings
from jaxtyping import install_import_hook
from omegaconf import DictConfig

install_import_hook("ssrec", "beartype.beartype")  # before the first import of ssrec, so none stands above

settings.register_profile("ssrec", deadline=None)  # a busy machine is no failure
settings.load_profile("ssrec")

CONF = str(Path(__file__).parent.parent / "conf")
TINY = [
    "dataset.users=60",
    "dataset.items=64",
    "model.dim=16",
    "model.layers=1",
    "trainer.max_epochs=2",
    "pretrain.trainer.max_epochs=2",
    "data.batch_size=16",
    "ks=[5,10]",
]


@pytest.fixture(autouse=True)
def one_thread_one_seed():
    """Tests neither fight for cores nor depend on each other's randomness."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def tiny(tmp_path) -> Callable[..., DictConfig]:
    """Composes conf/train.yaml on a tiny generated world, writing under a folder of the test's own."""

    def composed(*overrides: str) -> DictConfig:
        chosen = {o.split("=")[0] for o in overrides}
        another_model = bool(chosen & {"model", "recipe"})
        small = [o for o in TINY if o.split("=")[0] not in chosen and not (another_model and o.startswith("model."))]
        with initialize_config_dir(CONF, version_base="1.3"):
            return compose("train", overrides=[f"outputs={tmp_path}", *small, *overrides])

    return composed


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The splits of a tiny generated world: 60 users, 40 items in 6 categories, with prices and vectors."""
    from ssrec.data.canonical import prepare
    from ssrec.data.clean import Cleaning
    from ssrec.data.sources.synthetic import Synthetic
    from ssrec.data.split import LeaveOneOut

    source = Synthetic(users=60, items=40, departments=2, categories=3, min_events=6, max_events=16)
    canonical = prepare(source, Cleaning(), tmp_path_factory.mktemp("world"))
    draw = torch.rand(40, 9, generator=torch.Generator().manual_seed(0)).numpy()
    content = [pl.Series("price", draw[:, 0])]
    content += [pl.Series(name, draw[:, 1 + 4 * i : 5 + 4 * i]) for i, name in enumerate(("image", "audio"))]
    return LeaveOneOut()(replace(canonical, items=canonical.items.with_columns(content)))

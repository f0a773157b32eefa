"""Every yaml composes, every option of it names an argument, every recipe and sweep runs."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ssrec.runs import read
from ssrec.train import checked, stages, train

CONF = Path(__file__).parent.parent / "conf"
GROUPS = sorted(d.name for d in CONF.iterdir() if d.is_dir())
FILES = sorted(CONF.rglob("*.yaml"))

TRAINED_BY = dict.fromkeys(("mf", "lightgcn", "ngcf", "hccf"), "objective=[bpr]") | {"mult_vae": "objective=[elbo]"}
TRAINED_BY |= {"bag_mlp": "objective=[predict_bag]", "recvae": "objective=[composite_elbo]"}
TRAINED_BY |= {"pair_scorer": "objective=[pair_bce]"}
TRAINED_BY |= {"diffrec": "objective=[diffusion]", "with_predictor": "objective=[bootstrap_graph]"}
TRAINED_BY |= dict.fromkeys(
    ("popularity", "markov", "item_knn", "ease", "user_knn", "history", "svd", "als", "slim", "edlae", "gfcf"),
    "objective=[]",
)

# What a dataset must be told, and which dataset has what a table reads.
ASKED = {
    "sasrec-file": ["dataset.path=x"],
    "s3rec-file": ["dataset.path=x"],
    "recbole": ["dataset.path=x"],
    "table": ["dataset.interactions=x.csv"],
    "mmrec": ["dataset.name=x"],
}
HAVING = {"number": "ml-100k", "image": "tiktok", "audio": "tiktok"}
JUDGED = {
    "diversity_image": ["dataset=tiktok"],
    "gap_users": ["dataset=ml-100k"],
    "gap_providers": ["dataset=amazon-2018"],
    "exposure": ["dataset=amazon-2018"],
}

EDGES = ("bpr", "bsl", "contrast_edge", "cosine_contrastive", "edge_item", "ultragcn")
EDGES += ("contrast_graph", "contrast_layers", "contrast_prototypes")
OF_GRAPHS = ("edge_drop", "node_drop", "random_walk", "noise", "svd")  # views

# How a group is chosen from the command line, and what must be chosen with it.
CHOOSE = {
    "dataset": lambda n: [f"dataset={n}", *ASKED.get(n, [])],
    "split": lambda n: [f"split={n}", "dataset=mind-small"],  # which has times and the publisher's parts
    "stratum": lambda n: [f"stratum=[{n}]"],
    "candidates": lambda n: [f"candidates={n}", *(["candidates.n=25"] if n == "sampled" else [])],
    "protocol": lambda n: [f"protocol={n}", "dataset=mind-small"],
    "diagnostic": lambda n: [f"diagnostic=[{n}]", *(["diagnostic.cka.other=x"] if n == "cka" else [])],
    "model": lambda n: [
        f"model={n}",
        TRAINED_BY.get(n, "objective=[next_item]"),
        *(["mask_seen=false"] if n == "history" else []),  # what it ranks would be masked
    ],
    "objective": lambda n: {
        **{name: ["model=lightgcn", f"objective=[{name}]"] for name in EDGES},
        "contrast_branches": ["model=hccf", "objective=[contrast_branches]"],
        "bootstrap_graph": ["model=with_predictor", "objective=[bootstrap_graph]"],
        "elbo": ["model=mult_vae", "objective=[elbo]"],
        "predict_bag": ["model=bag_mlp", "objective=[predict_bag]"],
        "pair_bce": ["model=pair_scorer", "objective=[pair_bce]"],
        "composite_elbo": ["model=recvae", "objective=[composite_elbo]"],
        "diffusion": ["model=diffrec", "objective=[diffusion]"],
        "adversarial": ["model=bag_mlp", "objective=[adversarial]"],
        "reconstruction": ["model=bag_mlp", "objective=[reconstruction]"],
        "distill": ["objective=[distill]", "objective.distill.loss.teacher=x"],
    }.get(n, [f"objective=[{n}]"]),
    "loss": lambda n: [f"loss@objective.next_item.loss.loss={n}"],
    "view": lambda n: (
        ["model=lightgcn", "objective=[bpr,contrast_graph]", f"view@objective.contrast_graph.loss.views=[{n}]"]
        if n in OF_GRAPHS
        else [
            "objective=[next_item,contrast_sequence]",
            f"view@objective.contrast_sequence.loss.views=[{n},{'mask' if n != 'mask' else 'crop'}]",
        ]
    ),
    "contrast": lambda n: [
        "objective=[next_item,contrast_sequence]",
        f"contrast@objective.contrast_sequence.loss.contrast={n}",
    ],
    "perturb": lambda n: [
        "objective=[next_item,contrast_sequence]",
        f"perturb@objective.contrast_sequence.loss.perturb=[{n}]",
    ],
    "match": lambda n: [
        "objective=[distill]",
        "objective.distill.loss.teacher=x",
        f"match@objective.distill.loss.match={n}",
    ],
    "bootstrap": lambda n: [
        "model=with_predictor",
        "objective=[bootstrap_graph]",
        f"bootstrap@objective.bootstrap_graph.loss.target={n}",
    ],
    "interaction": lambda n: ["model=pair_scorer", "objective=[pair_bce]", f"interaction@model.interaction={n}"],
    "table": lambda n: [f"table@model.table.sources=[{n}]", f"dataset={HAVING.get(n, 'synthetic')}"],
    "metric": lambda n: [f"metric=[{n}]" if n == "ndcg" else f"metric=[ndcg,{n}]", *JUDGED.get(n, [])],
    "combine": lambda n: [f"combine={n}", "objective=[next_item,masked_item]"],
    "optimizer": lambda n: [f"optimizer={n}"],
    "hardware": lambda n: [f"hardware={n}"],
    "logger": lambda n: [f"logger={n}"],
    "debug": lambda n: [f"debug={n}"],
    "recipe": lambda n: [f"recipe={n}"],
    "sweep": lambda n: [f"sweep={n}"],
}


def names(group: str) -> list[str]:
    return sorted(f.stem for f in (CONF / group).glob("*.yaml"))


CHOICES = [(group, name) for group in GROUPS for name in names(group)]


def composed(*overrides: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def test_every_yaml_is_reached():
    assert set(CHOOSE) == set(GROUPS)
    assert len(CHOICES) + 1 == len(FILES), "a yaml lies too deep, or beside a group"


@pytest.mark.parametrize(("group", "name"), CHOICES, ids="/".join)
def test_it_composes_and_every_key_is_an_argument(group, name):
    for i, stage in enumerate(stages(composed(*CHOOSE[group](name)))):
        assert checked(stage, starts=i > 0)["data"]["rows"] in ("window", "prefix", "edge", "history")


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(CONF)))
def test_it_says_in_its_first_lines_what_it_is(file):
    head = [line for line in file.read_text().splitlines() if line.strip()][:2]
    assert any(line.startswith("# ") and "@package" not in line for line in head)


@pytest.mark.parametrize("name", names("recipe"))
def test_a_recipes_header_has_its_command_and_what_it_reached(name):
    text = (CONF / f"recipe/{name}.yaml").read_text().split("\ndefaults:")[0]
    header = " ".join(text.replace("#", " ").split())
    assert f"ssrec train recipe={name}" in header
    assert "ours" in header.lower()


@pytest.mark.parametrize("name", names("recipe"))
def test_every_recipe_runs(name, tiny):
    folder = train(tiny(f"recipe={name}", "debug=fast", "ks=[5,10,20]", *SMALL.get(name, [])))  # 20: what some monitor
    assert "test/ndcg@10" in read(folder)["metrics"]


SMALL = {"mult_vae": ["model.hidden=16", "model.latent=8"], "lightgcn": ["model.dim=8"]}
SMALL |= {"mult_dae": ["model.widths=[16]"], "recvae": ["model.hidden=16", "model.latent=8"], "svd": ["model.dim=8"]}
SMALL |= {"diffrec": ["model.widths=[16,8]"], "als": ["model.dim=8"]}


@pytest.mark.parametrize("name", names("sweep"))
def test_every_run_of_a_sweep_composes(name):
    raw = OmegaConf.to_container(OmegaConf.load(CONF / "sweep" / f"{name}.yaml"))
    params = raw["hydra"]["sweeper"]["params"]  # type: ignore[index,call-overload]
    overrides = OverridesParser.create().parse_overrides([f"{k}={v}" for k, v in params.items()])
    runs: list[list[str]] = [[]]
    for override in overrides:
        choices = override.sweep_string_iterator() if override.is_sweep_override() else [override.value()]
        runs = [[*run, f"{override.key_or_group}={value}"] for value in choices for run in runs]
    assert len(runs) > 1
    for run in runs:
        config = composed(f"sweep={name}", *run)
        assert config.study == composed(f"sweep={name}").study

"""Who may import whom: every arrow between the files of ssrec points down, and frameworks stay where they belong."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "ssrec").rglob("*.py"))

# Low to high. A module may import its own layer and those before it.
LAYERS = [
    ["errors", "distributed", "processes", "writable", "protocol"],
    ["batch"],
    [
        "losses",
        "product",
        "softmax",
        "softplus",
        "likelihoods",
        "cholesky",
        "negatives",
        "draws",
        "sparse",
        "nn",
        "positions",
        "blocks",
        "huggingface",
        "graphs",
        "encodings",
        "noise",
        "low_rank",
        "grouping",
        "pairs",
        "bag_linear",
        "interactions",
        "ranking",
        "views",
        "contrasts",
        "metrics",
    ],
    ["guards"],
    ["data"],
    ["models", "strata", "audit.fingerprint", "per_user", "top_lists", "tested", "candidates", "provenance"],
    ["ranking_losses"],
    ["pretext", "views.graph"],
    ["objectives"],
    ["learning"],
    ["held_out"],
    ["learner", "progress", "diagnostics"],
    ["compose"],
    ["arguments", "learning.phase_settings", "check", "checks", "confs", "runs", "fit", "transfer", "logs"],
    ["diagnostics.cka", "diagnostics.observer"],
    ["build"],
    ["make"],
    ["train", "refusal", "labels", "distinct", "table", "audit"],
    ["compare.statistics", "compare.bootstrap", "compare.setting"],
    ["compare.paired", "compare.comparable"],
    ["compare.verdict"],
    ["compare"],
    ["reproduce"],
    ["fill", "publish", "evaluate"],
    ["reproduce.page", "reproduce.command"],
    ["cli"],
]
ONLY_IN = {
    "hydra": {"compose", "confs", "train", "refusal", "cli", "audit.command"},
    "omegaconf": {
        *("build", "compose", "confs", "logs", "make", "train", "refusal", "cli", "audit.command", "evaluate"),
        *("reproduce.question", "reproduce.asked", "reproduce.state"),
    },
    "pytorch_lightning": {"learner", "progress", "fit", "make", "logs", "train", "data.module", "diagnostics.observer"},
    "PIL": {"diagnostics.png"},
    "polars": {"data", "table", "audit", "per_user", "top_lists", "evaluate", "build", "compare", "reproduce"},
    "transformers": {"huggingface"},
    "wandb": set(),
    "random": set(),
}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT / "ssrec").with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def layer(module: str) -> int:
    """The longest matching entry decides, so that `data.source` may lie below `data`."""
    matches = [(len(e), i) for i, es in enumerate(LAYERS) for e in es if module == e or module.startswith(e + ".")]
    assert matches, f"ssrec/{module.replace('.', '/')}.py has no layer; say in test_layers.py where it belongs"
    return max(matches)[1]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_import_points_up(file):
    own = name_of(file)
    if own in ("__init__", "") or file.name == "__init__.py":
        return
    for imported in imports(file):
        if imported.startswith("ssrec.") and (ROOT / (imported.replace(".", "/") + ".py")).exists():
            other = imported.removeprefix("ssrec.")
            assert layer(other) <= layer(own), f"ssrec.{own} imports ssrec.{other}, which lies above it"


@pytest.mark.parametrize("framework", ONLY_IN)
def test_frameworks_stay_where_they_belong(framework):
    using = {name_of(f) for f in FILES if any(i.split(".")[0] == framework for i in imports(f))}
    allowed = ONLY_IN[framework]
    astray = {u for u in using if not any(u == a or u.startswith(a + ".") for a in allowed)}
    assert not astray, f"{framework} is imported in {sorted(astray)}; it belongs in {sorted(allowed) or 'no file'}"


SHARED = {"encoder", "sequence", "graph", "table", "transformer"}  # what models are made of


@pytest.mark.parametrize("group", ["objective", "model"])
def test_a_config_a_file_and_a_test_go_together(group):
    stems = {f.stem for f in (ROOT / "conf" / group).glob("*.yaml")}
    files = {f.stem for f in (ROOT / f"ssrec/{group}s").glob("*.py")} - {"__init__", group, *SHARED}
    tests = {f.stem.removeprefix("test_") for f in (ROOT / f"tests/{group}s").glob("test_*.py")} - SHARED
    assert stems == files
    assert stems <= tests

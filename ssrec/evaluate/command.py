"""`ssrec evaluate`: judge a file of rankings, make the floors, print both in one table, compare with stored runs."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig

from ssrec import runs
from ssrec.audit.command import composed
from ssrec.compare.command import METRICS as COMPARED
from ssrec.compare.command import comparison
from ssrec.compare.comparable import Run, check_alike, named, shared
from ssrec.compose import Plain, locate
from ssrec.errors import UserError
from ssrec.evaluate.arguments import FLOORS, parsed
from ssrec.evaluate.judge import judge
from ssrec.metrics.metric import result_names
from ssrec.table import METRICS, caption, frame, render, summary
from ssrec.train import checked, stages, train


def main(arguments: list[str]) -> None:
    """`ssrec evaluate --rankings FILE --dataset NAME [--split NAME] [--against RUN ...] [key=value ...]`."""
    command = parsed(arguments)
    others = named(command.against, Path()) if command.against else []
    config = stage_of(command.overrides, FLOORS[0])
    content = checked(config, starts=False)
    for name in set(config.metric) - set(content["metric"]):  # which the dataset cannot answer
        del config.metric[name]
    if others:  # refused before work that takes long
        check_alike(others)
        compared(result_names_of(content), others)
    folder = judge(command.asked, config, content, others)
    floors = [train(floor_of(command.overrides, floor)) for floor in FLOORS] if command.floors else []
    own = runs.read(folder)
    for line in notes(own):
        print(f"{own['label']}: {line}", file=sys.stderr)
    found = [own, *(runs.read(floor) for floor in floors)]
    print(f"{render(summary(frame(found), shown(own['metrics'])), 'markdown')}\n\n{caption(found, 'test')}\n\n{folder}")
    if others:
        metrics = compared((name.removeprefix("test/") for name in own["metrics"]), others)
        settings = {"level": 0.95, "resamples": 10_000, "seed": 0, "form": "markdown"}
        print(f"\n{comparison([Run(folder, own), *others], metrics, **settings)}")


def notes(result: Plain) -> Iterator[str]:
    """What a judged result says of its rankings, line by line."""
    counts = result["rankings"]
    if n := counts["users_not_tested"]:
        yield f"users whom the split does not test, and whose rankings are not read: {n:,}"
    if n := counts["rows_with_ties"]:
        yield f"lists with ties: {n:,}; targets behind what ties with them: {counts['tied_targets']:,}"
    yield from result["warnings"].values()


def floor_of(overrides: Iterable[str], floor: str) -> DictConfig:
    """The config of a floor under these overrides.

    Nothing selects what is fitted; but training asks for a metric that could, and the user may have left out the usual.
    """
    config = composed([*overrides, f"recipe={floor}"])
    for name, node in config.metric.items() if config.ks else ():
        made = locate(node["_target_"], f"metric.{name}")
        if made.higher_is_better:
            config.monitor = f"val/{result_names(made, name, config.ks)[0]}"
            break
    return config


def stage_of(overrides: Iterable[str], floor: str) -> DictConfig:
    """The last stage of a floor, whose split is the one that is tested."""
    return stages(floor_of(overrides, floor))[-1]


def shown(metrics: Iterable[str]) -> Sequence[str]:
    """The metrics of the table: the usual ones that there are, or else the first few."""
    have = [name.removeprefix("test/") for name in metrics if name.count("/") == 1]
    return [name for name in METRICS if name in have] or have[:5]


def result_names_of(content: Plain) -> list[str]:
    """What the metrics of a checked config call their results."""
    made = {name: locate(node["_target_"], f"metric.{name}") for name, node in content["metric"].items()}
    return [result for name, metric in made.items() for result in result_names(metric, name, content["ks"])]


def compared(names: Iterable[str], others: Sequence[Run]) -> Sequence[str]:
    """The metrics of the comparison, of those that the others have too: the usual ones, or else NDCG at some length.

    Raises:
        UserError: there is none.
        DataError: a run has no values of its users.
    """
    theirs = shared(others)
    have = [name for name in names if name in theirs]
    if not have:
        told = ", ".join(sorted(theirs)) or "nothing"
        raise UserError(f"--against: these runs stored {told} of each user, and nothing of it is asked for here")
    some = [name for name in have if name.startswith("ndcg@")]
    return [name for name in COMPARED if name in have] or (some or have)[:1]

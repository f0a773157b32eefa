"""`ssrec audit`: compose a dataset and a split as training does, audit them, print the page, write it."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict

from ssrec import confs
from ssrec.arguments import check_arguments
from ssrec.audit.html import html
from ssrec.audit.page import page
from ssrec.audit.report import Report, audit
from ssrec.audit.subject import Subject
from ssrec.compose import Plain, instantiate, locate
from ssrec.data.canonical import prepare
from ssrec.data.clean import Cleaning
from ssrec.data.features import Features
from ssrec.data.split import cut
from ssrec.data.splits.refit import split_again
from ssrec.data.splits.train_users import split_among
from ssrec.errors import UserError
from ssrec.runs import write_json
from ssrec.writable import check_file

GRAVE = 1  # exit code of --strict; 2 is for what a user can mend


def main(arguments: list[str]) -> None:
    """`ssrec audit dataset=... split=... [--json FILE] [--html FILE] [--strict]`.

    Raises:
        SystemExit: with code 1, under --strict, where a finding is grave; everything is printed and written before.
    """
    parser = argparse.ArgumentParser(
        prog="ssrec audit",
        usage="ssrec audit [key=value ...] [--json FILE] [--html FILE] [--strict]",
        description="Report what about a dataset and its split could fool a reader of results.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="else outputs/audit/<dataset>-<fingerprint>")
    parser.add_argument("--html", type=Path, metavar="FILE", help="else outputs/audit/<dataset>-<fingerprint>")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a finding is grave")
    chosen, overrides = parser.parse_known_args(arguments)
    for word in overrides:
        if word.startswith("-") or "=" not in word:
            raise UserError(f"ssrec audit does not know {word}; it takes key=value, --json, --html and --strict")
    config, choices = composed_with_choices(overrides)
    home = Path(config.outputs) / "audit"
    for file, where in ((chosen.json, "--json"), (chosen.html, "--html")):
        check_file(file, where) if file else check_file(home / "folder" / "file", f"outputs={config.outputs}:")
    print(f"auditing {heading(choices, overrides)}", flush=True)  # before work that may take minutes
    asked = subject(config)
    report = audit(asked)
    folder = home / f"{report.dataset}-{report.fingerprint}"
    written = write(report, chosen.json or folder / "audit.json", chosen.html or folder / "audit.html")
    print(page(report))  # after the files, for its reader may leave (| head)
    if asked.canonical.skipped:
        print(asked.canonical.skipped)
    print(f"written to {' and '.join(map(str, written))}")
    if chosen.strict and report.of("grave"):
        sys.exit(GRAVE)


def composed(overrides: list[str]) -> DictConfig:
    """conf/train.yaml with overrides; a user's own folder `conf` joins the search path."""
    return composed_with_choices(overrides)[0]


def composed_with_choices(overrides: list[str]) -> tuple[DictConfig, dict[str, str]]:
    """`composed`, and which file each group took."""
    own = confs.own()
    joined = [f"hydra.searchpath=[file://{own}]"] if own else []
    sys.path.append(os.getcwd())  # where a user's own classes are; last, so that they shadow nothing
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(confs.folder()), version_base="1.3"):
        config = compose("train", overrides=[*joined, *overrides], return_hydra_config=True)
    with open_dict(config):
        choices = config.pop("hydra").runtime.choices
    return config, {str(group): str(choice) for group, choice in choices.items()}


def heading(choices: Mapping[str, str], overrides: list[str]) -> str:
    """The dataset and the split, and which of them nobody chose."""
    standard = {key: value for entry in confs.read(confs.folder() / "train.yaml")["defaults"] if isinstance(entry, dict)
                for key, value in entry.items()}  # fmt: skip
    said = {word.partition("=")[0] for word in overrides}
    return ", ".join(
        f"{group}={choices[group]}{'' if group in said or choices[group] != standard[group] else ' (default)'}"
        for group in ("dataset", "split")
    )


def subject(config: DictConfig) -> Subject:
    """The data and the split that a run of this config would read.

    Raises:
        CompositionError: an argument that the dataset, the split, the cleaning or the features do not take.
        DataError: data that are missing or broken, or that cannot be split so.
    """
    content = {part: plain(config[part]) for part in ("dataset", "split", "clean", "features")}
    made = {part: locate(content[part]["_target_"], part) for part in ("dataset", "split")}
    for part, taken_by in {**made, "clean": Cleaning, "features": Features}.items():
        check_arguments(part, content[part], taken_by)
    folder = Path(config.outputs) / "data"
    source, features = instantiate(config.dataset), Features(**content["features"])
    features.check_known(source.name, source.offers)
    canonical = prepare(source, Cleaning(**content["clean"]), folder)
    split = split_among(split_again(instantiate(config.split), config.refit is True), config.train_users)
    return Subject.of(canonical, split, cut(split, canonical, features, folder))


def plain(node: DictConfig) -> Plain:
    """A node as plain containers, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)  # type: ignore[return-value]


def write(report: Report, data: Path, page: Path) -> tuple[Path, Path]:
    """Write both files, each whole or not at all."""
    for file in (data, page):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_json(data, report.plain())
    scratch = page.with_name(f"{page.name}.part")
    scratch.write_text(html(report), encoding="utf-8")
    os.replace(scratch, page)
    return data, page

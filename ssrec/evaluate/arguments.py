"""The command line of `ssrec evaluate`."""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

from ssrec.errors import UserError
from ssrec.evaluate.asked import Asked

FLOORS = ("popularity", "markov", "item_knn")
ROLES = ("user", "item", "rank", "score")
ONLY_TRAINING = frozenset((
    "model", "table", "objective", "optimizer", "trainer", "pretrain", "init", "new", "freeze", "monitor", "select",
    "rankings", "diagnostic", "recipe", "sweep", "debug", "reversed", "prior", "phases", "combine",
))  # fmt: skip
OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@/:]*=")
USAGE = """ssrec evaluate --rankings FILE --dataset NAME [--split NAME] [--columns user=U item=I rank=R score=S]
                      [--name NAME] [--unknown error|drop] [--no-floors] [--against RUN ...] [key=value ...]"""


class Command(NamedTuple):
    """What was asked for on the command line."""

    asked: Asked
    overrides: list[str]
    against: list[str]
    floors: bool


def parsed(arguments: list[str]) -> Command:
    """The command line.

    Raises:
        UserError: it says what is not known, what only training reads, or no dataset.
    """
    parser = argparse.ArgumentParser(
        prog="ssrec evaluate",
        usage=USAGE,
        description="Judge anybody's rankings as our own are judged; users and items have the ids of the raw data.",
        allow_abbrev=False,
    )
    parser.add_argument("--rankings", required=True, metavar="FILE", help=".csv, .tsv (also .gz) or .parquet")
    parser.add_argument("--dataset", metavar="NAME", help="short for dataset=NAME")
    parser.add_argument("--split", metavar="NAME", help="short for split=NAME")
    parser.add_argument("--columns", nargs="+", default=[], metavar="ROLE=COLUMN", help="what the file calls them")
    parser.add_argument(
        "--name",
        help="what tables call the rankings; else the file's name; a method's runs have one, and seed=1, seed=2, ...",
    )
    parser.add_argument("--unknown", choices=("error", "drop"), default="error", help="users and items not in the data")
    parser.add_argument("--no-floors", action="store_true", help=f"do not make {', '.join(FLOORS)}")
    parser.add_argument(
        "--against", nargs="+", default=[], metavar="RUN", help="compare with stored runs, user by user"
    )
    chosen, words = parser.parse_known_args(arguments)
    columns = dict(word.split("=", 1) for word in chosen.columns if is_column(word))
    words += [word for word in chosen.columns if not is_column(word)]
    words += [word for word in chosen.against if is_override(word)]
    for word in words:
        if not is_override(word):
            raise UserError(f"ssrec evaluate does not know {word}; it takes key=value, and what --help lists")
        if (key := re.split(r"[.@/:=]", word.lstrip("+~"))[0]) in ONLY_TRAINING:
            raise UserError(f"{word}: ssrec evaluate trains nothing but floors, so {key} has no meaning here")
    short = [f"{key}={value}" for key, value in (("dataset", chosen.dataset), ("split", chosen.split)) if value]
    if not any(word.startswith("dataset=") for word in [*short, *words]):
        raise UserError("ssrec evaluate judges rankings of one dataset; name it, for example --dataset amazon-beauty")
    asked = Asked(chosen.rankings, columns, chosen.name, chosen.unknown == "drop")
    against = [word for word in chosen.against if not is_override(word)]
    return Command(asked, [*short, *words], against, not chosen.no_floors)


def is_column(word: str) -> bool:
    """Whether a word after --columns says what a file calls something."""
    return "=" in word and word.split("=")[0] in ROLES


def is_override(word: str) -> bool:
    """Whether a word is `key=value`, and not a path."""
    return OVERRIDE.match(word) is not None and not Path(word).exists()

"""The verbs of `ssrec`; what a user can mend is printed in two lines and exits with 2."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ssrec.errors import UserError

UNHEARD = 128 + 13  # exit code of a process that SIGPIPE ended
USAGE = """usage: ssrec <verb> ...

  train [-m] [key=value ...]      make a run, or with -m a sweep; finished runs are found, killed ones resumed
  audit [key=value ...]           report what about a dataset and its split could fool a reader of results
  evaluate --rankings FILE ...    judge anybody's rankings of a dataset's test part, with floors beside them
  compare RUN RUN ...             tell which setting is better for the same users, how sure that is, and of its seeds
  table FOLDER [--format F] ...   print the results of a study as markdown, latex or csv
  publish RUN ... --to FOLDER     keep what published tables and comparisons rest on, small enough to be committed
  reproduce FOLDER [--list] ...   make what a question's table.yaml asks for and lacks, publish it, fill its README
  fill FILE.md ...                make the tables of a markdown file anew, from the results that they name
  matrix                          print which objective fits which model

ssrec train --help lists datasets, models, objectives and recipes; ssrec train --cfg job prints a composed config."""


def _train(arguments: list[str]) -> None:
    import hydra
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    from ssrec import confs

    # Without this Hydra prints its own ten lines and exits with 1; the door below words the error instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    own = confs.own()
    if own and "--config-dir" not in " ".join(arguments):
        arguments = ["--config-dir", str(own), *arguments]
    sys.path.append(os.getcwd())  # where a user's own classes are; last, so that they shadow nothing
    sys.argv = ["ssrec train", *arguments]

    refused: list[Exception] = []

    @hydra.main(config_path=str(confs.folder()), config_name="train", version_base="1.3")
    def job(config: DictConfig) -> None:
        from ssrec.train import train

        try:
            print(train(config))
        except (UserError, OmegaConfBaseException) as error:
            refused.append(error)  # raised at the end: the other jobs of a sweep go on, and Hydra adds no lines

    job()
    if refused:
        raise refused[0]


def _table(arguments: list[str]) -> None:
    from ssrec.table import main

    main(arguments)


def _fill(arguments: list[str]) -> None:
    from ssrec.fill import main

    main(arguments)


def _publish(arguments: list[str]) -> None:
    from ssrec.publish import main

    main(arguments)


def _reproduce(arguments: list[str]) -> None:
    started = time.monotonic()  # before imports that take seconds
    from ssrec.reproduce.command import main

    main(arguments, started)


def _audit(arguments: list[str]) -> None:
    from ssrec.audit.command import main

    main(arguments)


def _evaluate(arguments: list[str]) -> None:
    from ssrec.evaluate.command import main

    main(arguments)


def _compare(arguments: list[str]) -> None:
    from ssrec.compare.command import main

    main(arguments)


def _matrix(arguments: list[str]) -> None:
    from ssrec.confs import matrix

    print(matrix())


VERBS: dict[str, Callable[[list[str]], None]] = {
    "train": _train,
    "audit": _audit,
    "evaluate": _evaluate,
    "compare": _compare,
    "table": _table,
    "publish": _publish,
    "reproduce": _reproduce,
    "fill": _fill,
    "matrix": _matrix,
}


def main(arguments: list[str] | None = None) -> None:
    """The door: runs a verb; a user's mistake is two lines on stderr and exit code 2, a bug keeps its traceback."""
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with _to_whoever_listens():
        _run(verb, rest)


@contextmanager
def _to_whoever_listens() -> Iterator[None]:
    """Output into a pipe whose reader has left (| head) ends without a word; another broken pipe is a bug."""
    left: BaseException | None = None
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        left = error
    if _unheard():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter flushes, and complains
        sys.exit(UNHEARD)
    if left is not None:
        raise left


def _unheard() -> bool:
    """Whether the other end of our output is closed; what is buffered may show it, and the pipe itself does."""
    try:
        sys.stdout.flush()
        asked = select.poll()  # not on every system, and not for output that is no file, as under a test
        asked.register(sys.stdout.fileno(), 0)
    except BrokenPipeError:
        return True
    except (AttributeError, OSError):
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in asked.poll(0))


def _run(verb: str, rest: list[str]) -> None:
    if verb in ("-h", "--help"):
        print(USAGE)
        return
    try:
        if verb not in VERBS:
            from ssrec.compose import nearest

            raise UserError(f"ssrec has no verb {verb}; {nearest(verb, VERBS)}")
        VERBS[verb](rest)
    except Exception as error:
        from ssrec.refusal import worded

        lines = worded(error, rest)
        if lines is None:
            raise
        print("\n".join(lines), file=sys.stderr)
        sys.exit(2)

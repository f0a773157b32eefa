"""From rankings and a config to the folder of a result that has the form of a run's."""

import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from ssrec import per_user, protocol, provenance, runs
from ssrec.build import canonical_of, split_of
from ssrec.candidates import Candidates
from ssrec.compare.comparable import Run, check_alike
from ssrec.compose import Plain, instantiate
from ssrec.data.cold import drop_cold
from ssrec.errors import DataError
from ssrec.evaluate.asked import Asked, check_protocol
from ssrec.evaluate.files import Given, read_rankings
from ssrec.evaluate.findings import answered, findings
from ssrec.evaluate.lists import Lists
from ssrec.evaluate.matching import Matched, matched
from ssrec.evaluate.measure import measure, readable
from ssrec.evaluate.placing import lists_of
from ssrec.top_lists import owners


def judge(asked: Asked, config: DictConfig, content: Plain, against: Sequence[Run] = ()) -> Path:
    """Judge rankings, or find what was judged already; returns the folder, `<outputs>/<study>/<fingerprint>`.

    Args:
        asked: the rankings.
        config: a composed stage whose model does not matter.
        content: the same, checked, as plain containers.
        against: runs that the rankings are to be compared with.

    Raises:
        CompositionError: a protocol that lists cannot be judged by.
        UserError: one of `against` answers another question, which is found before anything is ranked.
        DataError: rankings or data that are missing or broken, or do not belong together.
    """
    check_protocol(content)
    given = read_rankings(asked.rankings, asked.columns)
    content = {
        **content,
        "model": {
            "rankings": _digest(given),
            "columns": dict(asked.columns),
            "drop_unknown": asked.drop_unknown,
        },
        "objective": {},
    }
    outputs = Path(config.outputs)
    digest = canonical_of(config, content).digest
    folder = outputs / config.study / runs.fingerprint(content, digest, None)
    with runs.claimed(folder, asked.label):
        if not runs.finished(folder) and not runs.brought(outputs, folder):
            _make(asked, given, config, content, digest, folder, against)
        else:
            stored = runs.read(folder)
            check_alike([Run(folder, stored), *against])
            print(f"{asked.label}: already judged, in {folder}", file=sys.stderr)
            if stored["label"] != asked.label:
                runs.write_json(folder / "result.json", {**stored, "label": asked.label})
    return folder


def _make(
    asked: Asked,
    given: Given,
    config: DictConfig,
    content: Plain,
    dataset: str,
    folder: Path,
    against: Sequence[Run],
) -> None:
    """Fill the folder; `result.json` comes last."""
    started = time.perf_counter()
    splits, identity, users = split_of(config, content, dataset)
    canonical = canonical_of(config, content)
    rows = owners(canonical, instantiate(config.split), splits.test)
    candidates: Candidates | None = instantiate(config.candidates) if config.candidates else None
    allowed = None if candidates is None else candidates(splits, "test")
    if config.cold_targets == "drop":
        splits = drop_cold(splits)
    test, ks = splits.test, list(config.ks)
    strata = {str(name): instantiate(node)(splits.corpus, test) for name, node in config.stratum.items()}
    question = {"dataset": identity, "protocol": provenance.rules(splits, strata, content, candidates)}
    check_alike([Run(Path(asked.rankings), question), *against])
    found = matched(given, canonical, rows, test.asked, drop_unknown=asked.drop_unknown)
    lists = lists_of(found.table, splits.corpus, test, k=max(ks), mask_seen=config.mask_seen, allowed=allowed)
    config = config.copy()
    config.ks = answered(lists, ks, asked.rankings)
    metrics = {str(name): instantiate(node)(splits.corpus) for name, node in config.metric.items()}
    kept = readable(metrics, complete=lists.complete(test))
    measured, each = measure(lists, splits, kept, strata, content["data"]["max_length"])
    folder.mkdir(parents=True, exist_ok=True)
    per_user.write(folder, each, users, per_user.lower(metrics.values()))
    result = {
        "fingerprint": folder.name,
        "label": asked.label,
        "config": content,
        "init": None,
        "metrics": measured,
        "dataset": identity,
        # how others trained and chose is not known here
        "protocol": question["protocol"] | dict.fromkeys(protocol.TRAINED),
        "rankings": _counts(given, found, lists) | {"complete": lists.complete(test)},
        "warnings": findings(found, lists, test, ks, sorted(metrics.keys() - kept.keys())),
        "epochs": None,
        "steps": None,
        "targets_seen": None,
        "targets_seen_with_pretraining": None,
        **provenance.ending(started=started, seed=config.seed, processes=1),
    }
    runs.write_json(folder / "result.json", result)


def _digest(given: Given) -> str:
    """16 hex digits of what the files hold, in their order."""
    digest = hashlib.sha256()
    for file in given.files:
        try:
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        except OSError as e:
            raise DataError(f"{file} cannot be read: {e.strerror}") from e
    return digest.hexdigest()[:16]


def _counts(given: Given, found: Matched, lists: Lists) -> dict[str, object]:
    """What a result says of the rankings that it judges, beside their findings."""
    return {
        "files": [str(file) for file in given.files],
        "order": " and ".join(given.orders),
        "rows_without_ranking": len(found.absent),
        "users_not_tested": found.users_not_tested,
        "unknown_users": found.unknown_users,
        "unknown_items": found.unknown_items,
        "listed_seen": lists.listed_seen,
        "listed_no_candidates": lists.listed_no_candidates,
        "rows_with_ties": lists.rows_with_ties,
        "tied_targets": lists.tied_targets,
        "nan_scores": lists.nan_scores,
        "longest_list": int(lists.lengths.max()),
    }

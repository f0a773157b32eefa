"""Write what this table measured into the headers of the recipes: python experiments/every_recipe/headers.py"""

from pathlib import Path

from ssrec.reproduce.question import read
from ssrec.reproduce.results import published
from ssrec.reproduce.search import named

HERE = Path(__file__).parent
RECIPES = HERE.parents[1] / "conf/recipe"
BEGINS = "# Ours as it stands here: "


def measured() -> dict[str, str]:
    """The line of each recipe's header: its mean over the seeds that there are."""
    question = read(HERE)
    found = published(HERE, "instruments", named(question, "instruments"))
    lines = {}
    for row in question.tables["instruments"].rows:
        values = [run.result["metrics"]["test/ndcg@10"] for run in found.of(row.name, question.seeds)]
        said = "not measured yet"
        if values:
            said = f"NDCG@10 {sum(values) / len(values):.4f} on Amazon Musical Instruments".replace(" 0.", " .")
        lines[row.name] = f"{BEGINS}{said} (experiments/every_recipe)."
    return lines


def with_line(text: str, line: str) -> str:
    """The text of a recipe with this line at the end of its header, instead of what stood for it."""
    lines = [old for old in text.splitlines() if not old.startswith(BEGINS)]
    end = next(i for i, old in enumerate(lines) if not old.startswith("#"))
    return "\n".join([*lines[:end], line, *lines[end:]]) + "\n"


if __name__ == "__main__":
    for name, line in measured().items():
        file = RECIPES / f"{name}.yaml"
        file.write_text(with_line(file.read_text(), line))

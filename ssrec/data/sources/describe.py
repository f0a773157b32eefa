"""Titles and attributes of generated items, in words made from their categories."""

from collections.abc import Sequence

import polars as pl
from jaxtyping import Int
from torch import Tensor

DEPARTMENTS = ("Kitchen", "Garden", "Music", "Sports", "Office", "Travel", "Crafts", "Toys", "Books", "Pets")
KINDS = ("Tool", "Set", "Guide", "Case", "Kit", "Stand", "Light", "Brush", "Cover", "Mat")
TRAITS = ("Classic", "Compact", "Deluxe", "Everyday", "Foldable", "Gentle", "Modern", "Rustic", "Sturdy", "Vivid")
STARTS = ("Ba", "Do", "Fi", "Ka", "Lu", "Mo", "Ne", "Ra", "Si", "Tu")
ENDS = ("bor", "dan", "fel", "kin", "lux", "mar", "nel", "rin", "san", "tol")
BRANDS = tuple(start + end for end in ENDS for start in STARTS)


def describe(category: Int[Tensor, "N"], brand: Int[Tensor, "N"], *, per_department: int) -> pl.DataFrame:
    """The item table: item, title ("Bador Compact Garden Tool 7"), attributes (department, category, brand)."""
    titles, attributes = [], []
    for i, (c, b) in enumerate(zip(category.tolist(), brand.tolist(), strict=True)):
        department, kind = _name(DEPARTMENTS, c // per_department), _name(KINDS, c % per_department)
        titles.append(f"{_name(BRANDS, b)} {TRAITS[i % len(TRAITS)]} {department} {kind} {i}")
        attributes.append([department, f"{department} > {kind}", f"brand {_name(BRANDS, b)}"])
    return pl.DataFrame({"item": range(len(titles)), "title": titles, "attributes": attributes})


def _name(words: Sequence[str], i: int) -> str:
    """A word, numbered where there are more things than words."""
    again = i // len(words)
    return words[i % len(words)] + (f" {again + 1}" if again else "")

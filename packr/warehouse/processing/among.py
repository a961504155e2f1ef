"""Rows by their SKUs, found by the indexes that hold SKUs in small letters."""

from collections.abc import Iterable

from django.db.models import Q

SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def among(path: str, skus: Iterable[str]) -> Q:
    """The condition that the SKU at a path is one of these, to the letter."""
    wanted = sorted(set(skus))
    return Q(**{f"{path}__in": wanted, f"{path}__folded__in": sorted({_folded(sku) for sku in wanted})})


def _folded(text: str) -> str:
    """As the database folds it: A to Z and nothing else."""
    return text.translate(SMALL)

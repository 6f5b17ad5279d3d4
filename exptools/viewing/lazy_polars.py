"""Polars as ``pl``, loaded when it is first used: to find and filter runs needs none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exptools.lazy import lazy_module

if TYPE_CHECKING:
    import polars as pl
else:
    pl = lazy_module("polars")

__all__ = ["pl"]

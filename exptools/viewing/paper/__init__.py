"""Curves as Matplotlib figures for a paper."""

from exptools.viewing.paper.settings_file import expect_plain_settings

expect_plain_settings()  # before Matplotlib is there

from exptools.viewing.paper.compose import (  # noqa: E402
    caption,
    figure,
    save,
    without_curves,
)

__all__ = ["caption", "figure", "save", "without_curves"]

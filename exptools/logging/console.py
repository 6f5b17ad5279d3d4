"""Colours and directories, at the path where scripts of rlpyt and the original look for them."""

from exptools.compat.console import color2num, colorize, log, mkdir_p, prefix_log

__all__ = ["color2num", "colorize", "log", "mkdir_p", "prefix_log"]

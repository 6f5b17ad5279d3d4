"""rllab's arguments from decorated ``__init__``s: the names import, for nothing needs them now."""

from exptools.compat.gone import gone

_INSTEAD = "declare the arguments with argparse, or keep them in the variant, and log that"

add_args = gone("autoargs.add_args", _INSTEAD)
arg = gone("autoargs.arg", _INSTEAD)
get_all_parameters = gone("autoargs.get_all_parameters", _INSTEAD)
inherit = gone("autoargs.inherit", _INSTEAD)
new_from_args = gone("autoargs.new_from_args", _INSTEAD)
prefix = gone("autoargs.prefix", _INSTEAD)

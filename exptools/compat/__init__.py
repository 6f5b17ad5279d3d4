"""What scripts of rlpyt and of the original exptools import, and no wing of ours needs.

Their old paths (``exptools.buffer``, ``exptools.logging.console``, …) are thin names for it.
"""

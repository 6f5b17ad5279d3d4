"""The logger's vocabulary of rlpyt and the original exptools."""

"""What scripts of rlpyt and the original exptools need to launch variants."""

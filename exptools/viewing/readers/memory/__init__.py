"""What was found out about directories and read of them, from one look and session to the next."""

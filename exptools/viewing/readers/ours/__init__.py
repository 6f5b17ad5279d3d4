"""What exptools itself leaves: jobs that have not begun, and runs of its logger alone."""

"""What one run's page shows: its log, media, resources used, and how to run it again."""

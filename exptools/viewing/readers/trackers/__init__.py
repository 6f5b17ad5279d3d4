"""What MLflow, W&B and Hugging Face's Trainer say on disk of their runs."""

"""The metrics that MLflow, W&B, sacred and Hugging Face's Trainer leave on disk, as rows."""

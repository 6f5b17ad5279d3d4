"""The jobs' configs: each composed once, by Hydra or from a template that Hydra confirmed."""

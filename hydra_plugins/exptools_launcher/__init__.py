"""Hydra imports every module here at each start of each Hydra app: keep them tiny."""

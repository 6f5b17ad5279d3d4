"""Runs whose metrics stand in tables of other programs: YOLO, Keras, Ray Tune, monitors."""

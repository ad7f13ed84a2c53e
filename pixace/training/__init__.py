"""A folder and a model to checkpoints: step, optimiser, run, several processes."""

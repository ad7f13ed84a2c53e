"""How well a model predicts: likelihood, evaluation, surprise, receptive field, curves, report."""

"""One module per command word: `define_flags` registers its flags, `run` does its work."""

COMMANDS = {
    "download": "Fetch a ready model, or list what there is.",
    "check": "Examine a folder of images before training; suggest a validation split.",
    "quantize": "Show what pictures lose by quantisation, with various numbers of bits.",
    "train": "Train a model on a folder of images, or go on with an interrupted training.",
    "plan": "Say what batch fits into memory and how long an epoch takes, without training.",
    "predict": "Complete pictures, or draw new ones, with a trained model.",
    "serve": "Draw in the browser: a page of this machine, to paint, complete and describe.",
    "evaluate": "Measure how well a model predicts the images of a folder.",
    "score": "Rank the images of a folder by how much they surprise a model.",
    "plot": "Plot the curves of one or more trainings as PNG or SVG.",
    "report": "Write one HTML page about a model: settings, curves, pictures, figures.",
    "export": "Write a model as a .safetensors file, for other programs and for sharing.",
    "completion": "Print the script that makes a shell complete commands and flags.",
}

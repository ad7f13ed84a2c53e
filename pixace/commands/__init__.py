"""One module per command word: `define_flags` registers its flags, `run` does its work."""

COMMANDS = {
    "download": "Fetch a ready model, or list what there is.",
    "train": "Train a model on a folder of images, or go on with an interrupted training.",
    "plan": "Say what batch fits into memory and how long an epoch takes, without training.",
    "predict": "Complete pictures, or draw new ones, with a trained model.",
    "evaluate": "Measure how well a model predicts the images of a folder.",
    "score": "Rank the images of a folder by how much they surprise a model.",
    "check": "Examine a folder of images before training; suggest a validation split.",
    "completion": "Print the script that makes a shell complete commands and flags.",
}

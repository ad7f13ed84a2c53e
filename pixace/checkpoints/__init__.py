"""One model's folder and files: read safely, written whole, kept, locked."""

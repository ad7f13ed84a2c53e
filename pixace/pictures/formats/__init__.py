"""Each format of files as Pillow reads it, but for what it reads wrongly, or not at all."""

"""HTTP that cannot hang, wander or surprise: downloads, Drive, prompts from strangers."""

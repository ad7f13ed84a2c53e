"""A model to pictures: from noise and prompts to streams, requests, recipes and films."""

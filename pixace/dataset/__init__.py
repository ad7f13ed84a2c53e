"""A folder of pictures: its tokens, cache and batches; its examination, advice and split."""

"""This process and its machine: files, signals, streams, threads, limits, terminal."""

"""One picture: found, opened safely, made RGB, laid out, written, with text inside its file."""

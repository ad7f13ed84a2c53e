"""What all pages of the project share: their look."""

"""What a training shows of itself: curves, pictures, progress, warnings."""

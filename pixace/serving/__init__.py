"""The local page to draw on: a server for this machine alone, its guard, and the page itself."""

"""How long tests wait for others before they give them up as hanging."""

# Seconds. Only what hangs is waited for so long: a machine shared with others stands still for a
# minute or two now and then, which is no fault of the program's.
PATIENCE = 300

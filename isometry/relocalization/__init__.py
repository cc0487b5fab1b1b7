"""Where a robot is in a map that was made before, from one scan and without a guess."""

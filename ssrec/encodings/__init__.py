"""What a pass of a model over one batch gives: one family a file."""

"""The checks that `ssrec.check` makes, by what they are about."""

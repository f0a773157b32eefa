"""`ssrec reproduce`: from a question's table.yaml to its published results and the tables of its README."""

"""What about a dataset and its split could fool a researcher: measured, graded, and said in words."""

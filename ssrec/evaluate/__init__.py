"""`ssrec evaluate`: rankings that any code wrote, judged as our own are."""

"""`ssrec compare`: whether settings differ, and how sure that is."""

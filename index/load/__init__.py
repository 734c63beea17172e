"""Files in, text and structure out: one reader a format, behind one table, in processes of their own."""

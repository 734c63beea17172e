"""PDF: from the letters on its pages to text in reading order, each character with its box."""

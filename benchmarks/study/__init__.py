"""The ranking study: every choice in the ranking beside its alternatives, on all sets at hand (docs/ranking.md)."""

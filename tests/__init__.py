"""Tests of SeedQA."""

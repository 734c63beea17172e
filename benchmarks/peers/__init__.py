"""SeedQA beside txtai, LangChain, LlamaIndex, Chroma and Haystack: ``python -m benchmarks.peers --eval EVAL``."""

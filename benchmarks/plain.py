"""What one would write without SeedQA: sentence-transformers and FAISS, the yardstick of benchmarks/speed.py.

``python -m benchmarks.plain index MODEL FOLDER`` reads sentences, one a line, from FOLDER/sentences.txt;
``python -m benchmarks.plain ask MODEL FOLDER QUESTION`` prints the nearest; ``encode`` and ``questions``
print seconds as JSON, for texts on standard input.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import faiss
from sentence_transformers import SentenceTransformer

command, name, folder, *rest = sys.argv[1:]
model = SentenceTransformer(name, device="cpu")
if command == "index":
    index = faiss.IndexFlatIP(384)
    index.add(model.encode((Path(folder) / "sentences.txt").read_text("utf-8").split("\n"), normalize_embeddings=True))
    faiss.write_index(index, str(Path(folder) / "plain.faiss"))
elif command == "ask":
    sentences = (Path(folder) / "sentences.txt").read_text("utf-8").split("\n")
    stored = faiss.read_index(str(Path(folder) / "plain.faiss"))
    _, rows = stored.search(model.encode(rest, normalize_embeddings=True), 5)
    print("\n".join(sentences[row] for row in rows[0]))
else:
    texts = json.load(sys.stdin)
    model.encode(texts[:64])
    if command == "encode":
        started = time.perf_counter()
        model.encode(texts, normalize_embeddings=True)
        print(json.dumps(time.perf_counter() - started))
    else:
        times = []
        for text in texts:
            started = time.perf_counter()
            model.encode(text, normalize_embeddings=True)
            times.append(time.perf_counter() - started)
        print(json.dumps(statistics.median(times)))

"""python -c … FOLDER < texts: the seconds that sentence-transformers takes for the lines, on one thread, as one JSON object."""

import json
import resource
import sys
import time

import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer, models

torch.set_num_threads(1)
folder = sys.argv[1]
texts = sys.stdin.read().splitlines()
begun = time.perf_counter()
transformer = models.Transformer(folder, max_seq_length=256)
modules = [transformer, models.Pooling(384, pooling_mode="mean"), models.Normalize()]
model = SentenceTransformer(modules=modules, device="cpu")
opened = time.perf_counter() - begun
seconds = []
for _ in range(5):
    begun = time.perf_counter()
    model.encode(texts, batch_size=64)
    seconds.append(time.perf_counter() - begun)
print(json.dumps({
    "model": folder,
    "open_seconds": opened,
    "seconds": seconds,
    "texts": len(texts),
    "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "about": f"{sentence_transformers.__version__} on torch {torch.__version__}",
}))

"""Writes vectors.f32 and versions.json: what sentence-transformers makes of the texts in sentences.json.

    python make.py FOLDER      a folder with all-MiniLM-L6-v2 (config.json, tokenizer.json, model.safetensors, …)

Rows of 384 little-endian 32-bit numbers, one for each text. Any version of the two libraries will do; those that were used are
in versions.json, with the digest of the weights.
"""

import hashlib
import json
import pathlib
import platform
import sys

import numpy
import sentence_transformers
import tokenizers
import torch
import transformers
from sentence_transformers import SentenceTransformer, models

here = pathlib.Path(__file__).parent
folder = pathlib.Path(sys.argv[1])
texts = json.loads((here / "sentences.json").read_text(encoding="utf-8"))

# The three modules that the model's modules.json names.
transformer = models.Transformer(str(folder), max_seq_length=256)
pooling = models.Pooling(transformer.get_word_embedding_dimension(), pooling_mode="mean")
model = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")
vectors = model.encode(texts, batch_size=1, convert_to_numpy=True)

assert vectors.shape == (len(texts), 384)
(here / "vectors.f32").write_bytes(vectors.astype("<f4").tobytes())
versions = {
    "python": platform.python_version(),
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "sentence-transformers": sentence_transformers.__version__,
    "tokenizers": tokenizers.__version__,
    "numpy": numpy.__version__,
    "sha256 of model.safetensors": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
}
(here / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")

"""Text in, unit vectors out: the encoder and its backends.

``load_encoder`` prepares a model once and keeps the result in a cache folder; ``open_encoder`` opens
what an index was built with. Neither imports torch, unless the torch backend is asked for.
"""

from index.encode.cache import fingerprint_of, load_encoder, open_encoder
from index.encode.models import BACKENDS, DEFAULT_MODEL, is_local
from index.encode.protocol import Encoder, EncoderInfo, FloatArray

__all__ = [
    "BACKENDS",
    "DEFAULT_MODEL",
    "Encoder",
    "EncoderInfo",
    "FloatArray",
    "fingerprint_of",
    "is_local",
    "load_encoder",
    "open_encoder",
]

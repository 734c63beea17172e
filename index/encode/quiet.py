"""Keep the libraries of the model stack from calling home. Import this before any of them."""

import os
import sys

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # also transformers' own, which would write over ours
    "DO_NOT_TRACK": "1",
}
"""Environment in which no library looks for a model hub."""

# openvino sends an event at import if this package can be imported; it goes without if it can't.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

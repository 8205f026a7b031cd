"""The trainer container: trains, evaluates and serves tabular models on every platform."""

import os

# ONNX Runtime's official builds send usage events to their vendor and keep an identifier in the home folder,
# unless this is set before they start (see its Privacy.md, "Disabling Telemetry"). Set it to 0 to allow that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

"""``python -m dsn.native``: whether the native engine is there, in one line."""

from __future__ import annotations

from dsn.native.library import NativeUnavailable, load_library

try:
    print(f"native engine: {load_library().instruction_set}")
except NativeUnavailable as error:
    print(f"no native engine, so training uses PyTorch: {error}")

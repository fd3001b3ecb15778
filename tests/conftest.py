"""Tests do their linear algebra in one thread, as the command line does; processes that they start share byte code."""

from __future__ import annotations

import os

# before numpy is loaded; two workers of pytest with two threads each on two cores would wait for each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# images often ask for no byte code; then each of some two hundred processes compiles two hundred modules, which takes a
# fifth of its time. Byte code goes where numba keeps what it has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

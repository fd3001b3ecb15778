"""Tests do their linear algebra in one thread, as the command line does."""

from __future__ import annotations

import os

# before numpy is loaded; two workers of pytest with two threads each on two cores would wait for each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

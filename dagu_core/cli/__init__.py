"""The command line."""

import gc

# Hardly anything made while modules load is garbage; looking for it costs a start some 20 ms.
gc.set_threshold(100_000)

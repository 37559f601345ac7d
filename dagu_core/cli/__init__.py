"""The command line."""

import gc
import sys

# Hardly anything made while modules load is garbage; looking for it costs a start some 20 ms.
gc.set_threshold(100_000)

_told = sys.excepthook
# Ctrl-C while modules load ends the program as later, too: nobody is to see a trace of that.
sys.excepthook = lambda kind, error, trace: kind is KeyboardInterrupt or _told(kind, error, trace)

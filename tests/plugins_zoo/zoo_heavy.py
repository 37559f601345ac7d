"""Imports its SDK with itself, and takes its time."""

import sqlite3
import time

from zoo_mime import Mime

began = time.process_time()
while time.process_time() - began < 0.3:
    pass


class Heavy(Mime):
    """Is slow to begin."""

    sdk = sqlite3

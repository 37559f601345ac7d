"""`python -m dagu_core` is `dagu`."""

from dagu_core.cli.main import program

if __name__ == "__main__":
    program()

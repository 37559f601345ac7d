"""`python -m dagu_core` is `dagu`."""

from dagu_core.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())

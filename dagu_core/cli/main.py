"""The entry point: arguments to a verb, errors to messages and exit codes."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from dagu_core.base.errors import DaguError
from dagu_core.cli.group import VerbGroup
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.output import fill_closed_streams, lost_output, silence, tell, use_lenient_streams

ABOUT = "Dagu runs workflows: steps with dependencies, retries, schedules and history."
#: 128 + SIGPIPE, a name that Windows does not have
PIPE_CLOSED = 141


def program() -> NoReturn:
    """The console script: `main`, left without taking the interpreter apart, which costs 45 ms."""
    code = 1
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    finally:
        # What plugins want done at the end is done all the same.
        atexit._run_exitfuncs()
        os._exit(code)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; `args` default to those of the process."""
    # This program does not use plugins of pydantic: it need not search every package for them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    fill_closed_streams()
    use_lenient_streams()
    invocation = Invocation()
    code = run(list(sys.argv[1:] if args is None else args), invocation)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _pipe_closed()
    except OSError as error:
        code = code or _refused(lost_output(error))
    try:
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)
    sys.exit(code)


def run(args: list[str], invocation: Invocation) -> int:
    """Carry out one call and return its exit code; no exception leaves."""
    group = VerbGroup(
        "dagu",
        help=ABOUT,
        epilog="`dagu help COMMAND` tells more about one of them.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    try:
        if not args:
            args = ["--help"]
        result = group.main(args, prog_name="dagu", standalone_mode=False, obj=invocation)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        tell(f"Error: {error.format_message()}")
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except DaguError as error:
        return _refused(error)
    except BrokenPipeError:
        return _pipe_closed()
    except Exception as error:
        return _broken(error, invocation)


def _usage(error: click.UsageError) -> int:
    verb = error.ctx.command_path if error.ctx else "dagu"
    message = error.format_message().replace("No such command", "unknown command")
    tell(f"Error: {message}\nRun '{verb} --help' for usage.")
    return 2


def _refused(error: DaguError) -> int:
    tell(f"Error: {error}")
    if error.hint:
        tell(f"Hint: {error.hint}")
    return error.exit_code


def _pipe_closed() -> int:
    # The reader went away (`dagu history | head`): nothing may be written any more, not even at exit.
    silence(sys.stdout)
    return PIPE_CLOSED


def _broken(error: Exception, invocation: Invocation) -> int:
    try:
        from dagu_core.cli.bug_report import write_report

        where = f"a report for the developers is in {write_report(invocation)}"
    except Exception as second:
        # Whatever is wrong with this machine, a person never sees a trace.
        where = f"{error}; no report could be written ({type(second).__name__}: {second})"
    tell(f"Error: internal error ({type(error).__name__}): {where}".replace("\n", " "))
    return 1

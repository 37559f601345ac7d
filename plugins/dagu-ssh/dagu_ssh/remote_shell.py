"""The few lines of shell that look after a command on the other machine.

They give the command a session and group of its own, tell where its output begins and ends, and
listen on their stdin: a line there is a stop, and its end means that the connection is gone. Both
end the command's group, and what has left the group.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

# Told by what becomes the command: from here on signals reach it, as it will hear them.
_START = """printf '%s start\\n' "$0" >&2; printf '%s start\\n' "$0"; exec "$@\""""

#: marks every process of the command, also those that left its session
MARK = "DAGU_SSH_STEP"

# Reads the lines with nothing but the shell: programs may read ahead, and what follows is for the
# watcher. A connection cut in the middle of the lines starts nothing.
_BOOTSTRAP = (
    'exec /bin/sh -c \'n=$(printf "\\n_"); n=${n%_}; t=; while IFS= read -r l; do '
    'case $l in "#@TOKEN@") eval "$t"; exit ;; esac; t=$t$l$n; done\''
)

# Shells make what they start in the background deaf to INT and QUIT; where `env` cannot undo that, TERM
# is sent instead. A watcher at work is deaf to TERM: who tells it that the command ended waits for it.
_LINES = """exec 3<&0 4>&1 5>&2 </dev/null
@EXPORTS@
own= deaf=1
if command -v setsid >/dev/null 2>&1; then own=setsid; elif (set -m) 2>/dev/null; then set -m 2>/dev/null; fi
env --default-signal true 2>/dev/null && own="$own env --default-signal" deaf=
env @MARK@ $own /bin/sh -c @START@ @TOKEN@ @COMMAND@ 3<&- 4>&- 5>&- &
pid=$!
exec >/dev/null 2>&1
lives() {
  kill -s 0 "$pid" && return
  kill -s 0 -- "-$pid" || return
  # The dead count, too, until somebody buries them; not every machine has an undertaker.
  all=$(ps -A -o pgid= -o stat= || ps -o pgid,stat) && [ -n "$all" ] || return 0
  printf '%s\\n' "$all" | grep -q "^ *$pid  *[^ Z]"
}
(
  exec 4>&- 5>&-
  # A shell that is just being replaced by its command may swallow a signal.
  sleep 0.1
  IFS=' ' read -r signal left <&3 || signal=
  trap '' TERM
  [ -n "$signal" ] || { signal=TERM; left=@GRACE@; }
  case $deaf$signal in 1INT | 1QUIT) signal=TERM ;; esac
  kill -s "$signal" -- "-$pid" || kill -s "$signal" "$pid"
  while [ "$left" -gt 0 ] && lives; do
    sleep 0.1 || { sleep 1; left=$((left - 9)); }
    left=$((left - 1))
    [ $((left % 50)) -ne 0 ] || kill -s "$signal" -- "-$pid"
  done
  kill -s KILL -- "-$pid" || kill -s KILL "$pid"
  for pass in 1 2 3 4; do
    found=
    for entry in $(grep -lsz '@MARK@' /proc/[0-9]*/environ); do
      entry=${entry#/proc/}
      kill -s KILL "${entry%/environ}" && found=1
    done
    # What is just being started shows its mark a moment later.
    [ -n "$found" ] || [ "$pass" -eq 1 ] || break
    sleep 0.1
  done
) &
watch=$!
wait "$pid"
code=$?
kill "$watch"
wait "$watch"
printf '%s end %s\\n' @TOKEN@ "$code" >&5
printf '%s end %s\\n' @TOKEN@ "$code" >&4
exit "$code"
"""


def bootstrap(token: str) -> str:
    """What the server is asked to run: reads the lines from stdin, whatever the user's shell is.

    They come this way because arguments are for everybody on that machine to see.
    """
    return _BOOTSTRAP.replace("@TOKEN@", token)


def lines(argv: Sequence[str], env: Mapping[str, str], *, token: str, grace: float) -> bytes:
    """The lines that run `argv` with `env`; `grace` seconds pass between a signal and a kill."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    # The text of users comes last: nothing in it may be taken for a place to fill.
    text = (
        _LINES.replace("@TOKEN@", token)
        .replace("@MARK@", f"{MARK}={token[: len(token) // 2]}")
        .replace("@GRACE@", str(tenths(grace)))
        .replace("@START@", shlex.quote(_START))
    )
    before, _, after = text.partition("@EXPORTS@")
    middle, _, end = after.partition("@COMMAND@")
    whole = before + "\n".join(exports) + middle + shlex.join(argv) + end + f"#{token}\n"
    return whole.encode("utf-8", "surrogateescape")


def stop_line(signal_name: str, grace: float) -> bytes:
    """What is sent to stop the command."""
    return f"{signal_name.removeprefix('SIG')} {tenths(grace)}\n".encode()


def tenths(seconds: float) -> int:
    """Seconds as the lines count them."""
    return max(0, round(seconds * 10))

"""The worst definitions we can think of, each read in a process of its own: its peak is counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dagu_core.testing.requirements import require

#: what the whole process may take, interpreter and libraries included
LIMIT_MIB = 200
READ = """
import sys, time
from dagu_core.base.places import InvalidDefinition
from dagu_core.model.spec.read import read_definition
from tests.hostile.language import VOCABULARY
text = eval(sys.argv[1])
begin = time.process_time()
try:
    read_definition(text, vocabulary=VOCABULARY, path="/d/f.yaml")
    said = "valid"
except InvalidDefinition as error:
    said = str(error.problems[0].place.line)
# Not ru_maxrss: that counts what the test runner held when it forked.
peak = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) // 1024
print(said, peak, time.process_time() - begin)
"""
CASES = {
    "10 MB of text": "'description: ' + 'x' * 10_000_000",
    "5 MB of text": "'description: ' + 'x' * 5_000_000",
    "10,000 steps": "'steps:\\n' + ''.join(f'  - {{name: s{n}, command: x}}\\n' for n in range(10_000))",
    "many broken steps": "'steps:\\n' + '  - {nmae: 5, comand: [], depends: {}}\\n' * 19_000",
    "nodes up to the limit": "'steps: [' + '[], ' * 198_000 + ']'",
    "an alias bomb": "'a0: &a0 [x]\\n' + "
    "''.join(f'a{n}: &a{n} [' + f'*a{n-1},' * 9 + ']\\n' for n in range(1, 10))",
    "20,000 brackets": "'steps: ' + '[' * 20_000",
    "200,000 brackets": "'steps: ' + '[' * 200_000",
    "3,000 nested maps": "''.join('  ' * n + 'a:\\n' for n in range(3_000))",
    "50,000 env entries": "'env:\\n' + ''.join(f'  - V{n}: x\\n' for n in range(50_000))",
    "one huge key": "'k' * 4_000_000 + ': 1'",
    "100,000 documents": "'---\\n' * 100_000",
}


@pytest.mark.parametrize("case", CASES)
def test_Y23_a_hostile_definition_takes_little_memory(case: str) -> None:
    require(sys.platform == "linux", "Linux, to ask for the peak of a process")
    done = subprocess.run([sys.executable, "-c", READ, CASES[case]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    said, peak, seconds = done.stdout.split()
    assert said == "valid" or int(said) >= 1
    assert int(peak) <= LIMIT_MIB, f"{peak} MiB"
    assert float(seconds) <= 2.0 * 2, f"{seconds} s of CPU"  # twice the bound: the machine may be busy

"""What a step type does: success, failure, stop, timeout, output, environment."""

from __future__ import annotations

import filecmp

import pytest

from dagu_core.testing.executor_suite import GRACE, SLACK, ExecutorSuite, given

#: what a program must be told exactly as it stands in the file
TEXTS = (
    "two  blanks",
    'it\'s "quoted"',
    r"back\slash \\ \n \t",
    "* ? [a-z] {a,b} ~ # ! %s & ; | < > ( )",
    "ünïcödé 🙂",
)
#: what a variable may hold beside that
VALUES = (*TEXTS, "$HOME ${HOME} `id` $(id) $$", "two\nlines", " blanks around ")
#: bytes that the memory of a large output may exceed that of a small one by
_FLAT = 48 << 20


class WorkCases(ExecutorSuite):
    """How steps end."""

    def test_success(self) -> None:
        result = self.run_step(self.good_step())
        assert (result.status, result.step.error) == ("succeeded", "")
        assert result.left == ()

    def test_failure_is_an_outcome_and_no_exception(self) -> None:
        result = self.run_step(self.failing_step())
        assert result.status == "failed"
        assert result.outcome is not None
        assert result.outcome.ended == "exited", result.outcome.message
        assert result.step.error
        assert result.left == ()

    def test_a_stop_ends_it_within_the_grace(self) -> None:
        result = self.run_step(given(self.long_step(), "long_step"), stop_after=0.3)
        assert result.status == "aborted"
        assert result.stopping <= GRACE + SLACK
        assert "step.abandoned" not in result.notes
        assert result.left == ()

    def test_a_timeout_ends_it_within_the_grace(self) -> None:
        result = self.run_step({**given(self.long_step(), "long_step"), "timeoutSec": 1})
        assert (result.status, result.step.exit_code) == ("failed", 124)
        assert "step.abandoned" not in result.notes
        assert result.left == ()


class OutputCases(ExecutorSuite):
    """What steps write, and what they are told."""

    @pytest.mark.parametrize("size", [0, 1, 64 << 10, 1 << 20])
    def test_output_arrives_whole(self, size: int) -> None:
        content = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
        whole = content if self.prints == "bytes" or content[-1:] in (b"", b"\n") else content + b"\n"
        assert self._printed(content) == whole

    @pytest.mark.slow
    @pytest.mark.timeout(300)
    def test_a_lot_of_output_arrives_whole_in_flat_memory(self) -> None:
        peaks = []
        for size in (1 << 20, self.big_output):
            source, arrived = self.folder / f"source-{size}", self.folder / f"arrived-{size}"
            with source.open("wb") as file:
                for number in range(size >> 20):
                    file.write(b"%015x\n" % number * (1 << 16))
            step = given(self.printing_step(source), "printing_step")
            result = self.run_step(step, keep=arrived, measure=True)
            assert result.status == "succeeded", result.step.error
            assert filecmp.cmp(source, arrived, shallow=False)
            peaks.append(result.peak)
            arrived.unlink()
            source.unlink()
        assert peaks[1] - peaks[0] <= _FLAT

    def test_bytes_that_are_no_text_arrive_as_they_are(self) -> None:
        if self.prints == "lines":
            pytest.skip("the step type writes text only")
        content = bytes(range(256)) + "é€🙂".encode()[:-2] + b"\xff\xfe\n"
        assert self._printed(content) == content

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_text_arrives_as_it_is_written(self, text: str) -> None:
        result = self.run_step(given(self.echo_step(text), "echo_step"))
        assert result.status == "succeeded", result.step.error
        assert result.stdout.decode() in (text, f"{text}\n")

    @pytest.mark.parametrize("value", VALUES)
    def test_a_variable_arrives_as_it_is(self, value: str) -> None:
        step = given(self.env_step("VALUE_OF_TEST"), "env_step")
        # Once substituted, a text is never looked at again.
        own = {**step, "env": [*step.get("env", []), {"VALUE_OF_TEST": "${DAG_SOURCE}"}]}
        result = self.run_step(own, environ={"DAG_SOURCE": value})
        assert result.status == "succeeded", result.step.error
        assert result.stdout.decode() in (value, f"{value}\n")

    def _printed(self, content: bytes) -> bytes:
        file = self.folder / "content"
        file.write_bytes(content)
        result = self.run_step(given(self.printing_step(file), "printing_step"))
        assert result.status == "succeeded", result.step.error
        return result.stdout

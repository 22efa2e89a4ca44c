"""Programs that the benchmark measures: one that fails is reported, not measured."""

import pytest

from tests.benchmarks.processes import running, seconds_of

pytestmark = pytest.mark.slow  # each starts a process


async def test_failing_command_raises_with_its_stderr() -> None:
    with pytest.raises(RuntimeError, match="the command failed") as caught:
        await seconds_of("-c", "raise SystemExit('no such database')", times=1)
    assert "status 1; stderr: no such database" in caught.value.__notes__[0]


async def test_measurement_that_fails_says_what_its_program_wrote_to_stderr() -> None:
    async def measure() -> None:
        async with running("-c", "raise SystemExit('the token is wrong')") as process:
            await process.wait()
            raise TimeoutError

    with pytest.raises(TimeoutError) as caught:
        await measure()
    assert "the token is wrong" in caught.value.__notes__[0]


async def test_program_is_terminated_after_the_measurement() -> None:
    async with running("-c", "import signal; signal.pause()") as process:
        assert process.returncode is None
    assert process.returncode is not None

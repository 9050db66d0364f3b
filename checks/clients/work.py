"""Programs under test: run with a time limit, in a process group of their own, and ended with everything they started."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TAIL = 12


class Failed(Exception):
    """One row does not hold. The text says why; `output` is the client's own."""

    def __init__(self, why: str, output: str = ""):
        super().__init__(why)
        self.output = output


def tail(text: str, lines: int = TAIL) -> str:
    """The last lines, short enough for a log."""
    return "\n".join(line[:300] for line in text.splitlines()[-lines:])


@dataclass(frozen=True)
class Ran:
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def output(self) -> str:
        return (self.stdout[-4000:] + self.stderr[-4000:]).decode("utf-8", "replace")


def run(words, *, stdin: bytes | Path | None = None, env=None, timeout: float = 120, cwd=None) -> Ran:
    """Runs a client to its end. A client that hangs is a failed row."""
    with contextlib.ExitStack() as stack:
        if isinstance(stdin, Path):
            source, data = stack.enter_context(open(stdin, "rb")), None
        else:
            source, data = (subprocess.PIPE if stdin is not None else subprocess.DEVNULL), stdin
        process = subprocess.Popen(
            [str(word) for word in words], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True,
        )
        try:
            out, err = process.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            end_group(process, signal.SIGKILL)
            out, err = process.communicate()
            raise Failed(f"no end within {timeout:.0f} s", Ran(-1, out, err).output) from None
        except BaseException:
            end_group(process, signal.SIGKILL)
            raise
    return Ran(process.returncode, out, err)


def must(words, **options) -> Ran:
    ran = run(words, **options)
    if ran.status != 0:
        raise Failed(f"{Path(str(words[0])).name} ended with {ran.status}", ran.output)
    return ran


def end_group(process: subprocess.Popen, how=signal.SIGTERM) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


def end(process: subprocess.Popen, patience: float = 15) -> None:
    """Asks it to end, then makes it."""
    if process.poll() is None:
        end_group(process)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    end_group(process, signal.SIGKILL)
    process.wait()


def wait_until(what: str, condition, seconds: float = 15):
    """Asks again until the answer is true; the answer."""
    until = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > until:
            raise Failed(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held until the last is found, so they differ."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            found.append(sock.getsockname()[1])
        return found

"""Kernels that are forked from one process which has imported what notebooks import.

Importing costs more than what some notebooks compute. Where there is no fork to rely on, and where
something else than the usual kernel is asked for, kernels start as they always do.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "forked-provisioner"
KERNEL = "ipykernel_launcher"
# With all that they import. ipykernel.kernelapp reads the parent's id when it is imported, so each
# kernel imports it.
IMPORTED = (
    *("ipykernel.ipkernel", "ipykernel.debugger"),
    *("simcse_core.your_sentences", "simcse_core.study.planned"),
    *("simcse_core.sets.choice", "simcse_core.sets.indicators", "simcse_core.explorer.widgets"),
)
# Set before they are imported, unless the user set it: charts stand in the notebook, as in any
# kernel, and the debugger, which nobody asked for, says nothing of Python's frozen modules.
SET_BEFORE = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
_MESSAGE_BYTES = 1 << 16  # read at once
_POLL_SECONDS = 0.1


@contextmanager
def warm_kernels() -> Iterator[None]:
    """Forks the kernels that are started meanwhile, by papermill, nbclient or nbval."""
    if sys.platform != "linux":  # elsewhere, what was imported may not stand a fork
        yield
        return
    factory = KernelProvisionerFactory.instance()
    before = factory.default_provisioner_name
    factory.provisioners[NAME] = EntryPoint(
        NAME, f"{__name__}:{ForkedProvisioner.__name__}", factory.GROUP_NAME
    )
    factory.default_provisioner_name = NAME
    try:
        yield
    finally:
        factory.default_provisioner_name = before
        ForkedProvisioner.server.end()


# ---------------------------------------------------------------- who asks


class Server:
    """The process that imports once and forks; it is started when it is needed first.

    It ends with the process that started it, and so do its kernels.

    Args:
        imported: the modules that it imports.
    """

    def __init__(self, imported: Sequence[str] = IMPORTED) -> None:
        self._imported = imported
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def fork(
        self, cmd: Sequence[str], env: Mapping[str, str], cwd: str, outputs: Sequence[int]
    ) -> ForkedKernel:
        """A kernel; ``outputs`` are file descriptors for its stdout and stderr.

        Raises:
            OSError: the server cannot be started, or ended.
        """
        request = {"argv": list(cmd[2:]), "env": dict(env), "cwd": cwd}
        return ForkedKernel(self._ask(request, outputs), self)

    def exit_code(self, pid: int) -> int | None:
        """Of a kernel, as :class:`subprocess.Popen` has it; None while it runs."""
        try:
            return self._ask({"pid": pid}) if self._process else -signal.SIGKILL
        except OSError:  # who is gone has taken its kernels along
            return -signal.SIGKILL

    def end(self) -> None:
        """Ends the server, if there is one, and waits for that."""
        if self._socket:
            self._socket.close()
        if self._process:
            self._process.terminate()
            self._process.wait()
        self._process = self._socket = None

    def _ask(self, request: Mapping[str, Any], fds: Sequence[int] = ()) -> Any:
        try:
            if not self._socket:
                self._start()
            assert self._socket
            _send(self._socket, request, fds)
            answer, _ = _receive(self._socket)
        except BaseException:  # what comes next would take an answer that was not for it
            self.end()
            raise
        return answer

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-m", __name__, str(theirs.fileno()), *self._imported]
        # In a session of its own, so that Ctrl-C in a terminal does not reach it.
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )


class ForkedKernel:
    """A kernel as :class:`subprocess.Popen` would have it, for a provisioner."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, server: Server) -> None:
        self.pid, self._server = pid, server
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.returncode is None:
            self.returncode = self._server.exit_code(self.pid)
        return self.returncode

    def wait(self) -> int:
        """The exit code, when it has ended."""
        while (code := self.poll()) is None:
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, signum: int) -> None:
        """Sends a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it."""
        self.send_signal(signal.SIGKILL)


class ForkedProvisioner(LocalProvisioner):
    """Starts the usual kernel by forking it from a server; any other as its parent class does."""

    server = Server()

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launches a kernel with a command."""
        outputs = [_descriptor(kwargs.get(name), n) for n, name in ((1, "stdout"), (2, "stderr"))]
        usual = list(cmd[:3]) == [sys.executable, "-m", KERNEL] and not kwargs.get("independent")
        if usual and min(outputs) >= 0:
            with suppress(OSError):
                cwd = str(kwargs.get("cwd") or Path.cwd())
                kernel = self.server.fork(cmd, kwargs.get("env", os.environ), cwd, outputs)
                self.process: Any = kernel
                # It makes a process group of its own, at once or within moments.
                self.pid = self.pgid = kernel.pid
                self.cwd = cwd
                return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)


def _descriptor(output: Any, usual: int) -> int:
    """The file descriptor of what Popen takes for an output; below 0 for a pipe or what is none."""
    if output is None:
        return usual
    return output if isinstance(output, int) else int(output.fileno())


# ---------------------------------------------------------------- who forks


def serve(requests: socket.socket, imported: Sequence[str]) -> None:
    """Imports, and forks a kernel or tells an exit code for each request, until there are no more.

    Returns in the kernels too, once they have ended.
    """
    os.environ.update(SET_BEFORE | os.environ)
    for name in imported:
        with suppress(ImportError):  # a kernel that needs it says so
            import_module(name)
    gc.collect()
    gc.freeze()  # kernels need not look at it again
    while True:
        try:
            request, fds = _receive(requests)
        except ConnectionError:
            return
        if "pid" in request:
            _send(requests, _exit_code(request["pid"]))
            continue
        pid = os.fork()
        if not pid:
            requests.close()
            _become_kernel(**request, outputs=fds)
            return
        for fd in fds:
            os.close(fd)
        _send(requests, pid)


def _exit_code(pid: int) -> int | None:
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # of a server before this one, with which it ended
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status) if ended else None


def _become_kernel(
    argv: list[str], env: Mapping[str, str], cwd: str, outputs: Sequence[int]
) -> None:
    """Runs as ``python -m ipykernel_launcher`` would, in a process that was just forked."""
    os.setsid()
    for fd, own in zip(outputs, (1, 2), strict=True):
        os.dup2(fd, own)
        os.close(fd)
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
    os.chdir(cwd)
    sys.path[0], sys.argv = os.getcwd(), argv
    runpy.run_module(KERNEL, run_name="__main__", alter_sys=True)


# ---------------------------------------------------------------- what they say


def _send(to: socket.socket, message: Any, fds: Sequence[int] = ()) -> None:
    data = json.dumps(message).encode() + b"\n"
    sent = socket.send_fds(to, [data], fds) if fds else 0
    to.sendall(data[sent:])


def _receive(source: socket.socket) -> tuple[Any, list[int]]:
    """A message and its file descriptors.

    Raises:
        ConnectionError: the other end is gone.
    """
    data, fds, *_ = socket.recv_fds(source, _MESSAGE_BYTES, 2)
    while not data.endswith(b"\n"):
        more = source.recv(_MESSAGE_BYTES) if data else b""
        if not more:
            raise ConnectionResetError("the other end of the socket is gone")
        data += more
    return json.loads(data), fds


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as ours:
        serve(ours, sys.argv[2:])

"""Kernels forked from one process: they run as any other, and end with who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from simcse_core.study import kernels as warm_kernels
from simcse_core.study.kernels import ForkedProvisioner, Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")

SECONDS = 60
# A module that no kernel imports by itself.
IMPORTED = ("ipykernel.ipkernel", "this")


class _Notebook:
    """A kernel, and what its cells print or fail with."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager, self.client = manager, manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, code: str) -> str:
        said: list[str] = []

        def hear(message: dict) -> None:
            content = message["content"]
            said.append(content.get("text", "") + content.get("ename", ""))

        self.client.execute_interactive(code, timeout=SECONDS, output_hook=hear)
        return "".join(said).strip()


@contextmanager
def _notebook(**started_with: object) -> Iterator[_Notebook]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(**started_with)
    notebook = _Notebook(manager)
    try:
        yield notebook
    finally:
        notebook.client.stop_channels()
        manager.shutdown_kernel(now=True)


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def _warm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ForkedProvisioner, "server", Server(IMPORTED))
    with warm_kernels.warm_kernels():
        yield


@pytest.mark.usefixtures("_warm")
def test_kernels_begin_with_what_was_imported_in_their_own_folder_and_environment(
    tmp_path: Path,
) -> None:
    said = "import os, sys; print('this' in sys.modules, os.getcwd(), os.environ.get('OF_ONE'))"
    with _notebook(cwd=str(tmp_path), env={**os.environ, "OF_ONE": "1"}) as first:
        assert first.run(said) == f"True {tmp_path} 1"
        assert first.run("x = 1; print(__name__, x)") == "__main__ 1"
        with _notebook(cwd="/") as second:
            assert second.run(said) == "True / None"
            assert second.run("x") == "NameError"
            pids = {notebook.manager.provisioner.pid for notebook in (first, second)}
            parents = {psutil.Process(pid).ppid() for pid in pids}
    assert len(pids) == 2
    assert len(parents) == 1
    assert psutil.Process(parents.pop()).ppid() == os.getpid()


@pytest.mark.usefixtures("_warm")
def test_a_kernel_is_interrupted_and_its_end_is_noticed() -> None:
    with _notebook() as notebook:
        # Else a kernel refuses, for a moment after an error, what it is asked next.
        waits = "import time; print('begun', flush=True); time.sleep(600)"
        notebook.client.execute(waits, stop_on_error=False)
        while notebook.client.get_iopub_msg(timeout=SECONDS)["msg_type"] != "stream":
            pass
        notebook.manager.interrupt_kernel()
        assert notebook.client.get_shell_msg(timeout=SECONDS)["content"]["ename"] == (
            "KeyboardInterrupt"
        )
        assert notebook.run("print('goes on')") == "goes on"
        for end, code in (("os._exit(7)", 7), ("os.kill(os.getpid(), 9)", -9)):
            ended = notebook.manager.provisioner.process
            notebook.client.execute(f"import os; {end}")
            assert _until(lambda: not notebook.manager.is_alive())
            assert ended.returncode == code
            assert not psutil.pid_exists(ended.pid)  # no zombie
            notebook.manager.restart_kernel(now=True)
            notebook.client.wait_for_ready(timeout=SECONDS)
            assert notebook.run("print('anew')") == "anew"


@pytest.mark.usefixtures("_warm")
def test_without_its_server_a_kernel_ends_and_the_next_one_has_a_new_one() -> None:
    with _notebook() as notebook:
        kernel = psutil.Process(notebook.manager.provisioner.pid)
        kernel.parent().kill()
        assert _until(lambda: not notebook.manager.is_alive())
        assert notebook.manager.provisioner.process.returncode == -signal.SIGKILL
        assert _until(lambda: not kernel.is_running())
        with _notebook() as next_one:
            assert next_one.run("import sys; print('this' in sys.modules)") == "True"
            assert not notebook.manager.is_alive()


_STARTS_ONE = """
import time
from jupyter_client.manager import KernelManager
from simcse_core.study.kernels import ForkedProvisioner, Server, warm_kernels
ForkedProvisioner.server = Server(("ipykernel.ipkernel",))
with warm_kernels():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    print(manager.provisioner.pid, flush=True)
    time.sleep(600)
"""


def test_server_and_kernels_end_with_who_started_them_even_when_it_is_killed() -> None:
    command = [sys.executable, "-c", _STARTS_ONE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as study:
        assert study.stdout
        kernel = psutil.Process(int(study.stdout.readline()))
        server = kernel.parent()
        assert server.ppid() == study.pid
        study.kill()
        assert _until(lambda: not kernel.is_running() and not server.is_running())


def test_nothing_is_left_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForkedProvisioner, "server", Server(IMPORTED))
    with warm_kernels.warm_kernels(), _notebook() as notebook:
        server = psutil.Process(notebook.manager.provisioner.pid).parent()
        assert type(notebook.manager.provisioner) is ForkedProvisioner
    assert not server.is_running()
    with _notebook() as notebook:
        assert type(notebook.manager.provisioner) is LocalProvisioner


def test_elsewhere_kernels_start_as_they_always_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with warm_kernels.warm_kernels(), _notebook() as notebook:
        assert type(notebook.manager.provisioner) is LocalProvisioner


@pytest.mark.parametrize("started_with", [{"stdout": subprocess.DEVNULL}, {"independent": True}])
@pytest.mark.usefixtures("_warm")
def test_what_cannot_be_forked_starts_as_it_always_does(started_with: dict[str, object]) -> None:
    with _notebook(**started_with) as notebook:
        assert psutil.Process(notebook.manager.provisioner.pid).ppid() == os.getpid()


@pytest.mark.usefixtures("_warm")
def test_a_server_that_cannot_be_started_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError("no process")

    monkeypatch.setattr(Server, "_start", none)
    with _notebook() as notebook:
        assert psutil.Process(notebook.manager.provisioner.pid).ppid() == os.getpid()

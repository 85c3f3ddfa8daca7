"""A study from its command to its results: what runs, what fails, and what is left as it was."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import NO_HUB
from notebooks_for_tests import write_profile

from simcse_core import folders
from simcse_core.errors import StudyError
from simcse_core.folders import LOCK, MARKER, FolderError, claim, only_run, owner_of
from simcse_core.study import run as study
from simcse_core.study.command_line import parse_arguments
from simcse_core.study.profiles import Step
from simcse_core.study.run import main, run_study

WriteNotebook = Callable[..., Path]


# --- runs ------------------------------------------------------------------------------------


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


def output_names(path: Path) -> set[str]:
    cells = nbformat.read(path, as_version=4).cells
    return {out.get("name", "") for cell in cells for out in cell.get("outputs", [])}


def test_notebooks_run_in_order_with_their_parameters(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    log = "open(output_dir + '/log', 'a').write(f'{name} {n_train} {seeds}\\n')"
    write_notebook("02_b", log, name="b")
    write_notebook("01_a", log, name="a")
    executed = run_study("quick", {"n_train": 3}, out=project / "out")
    assert executed == [project / "out" / "notebooks" / f"{n}.ipynb" for n in ("01_a", "02_b")]
    assert (project / "out" / "log").read_text() == "a 3 [0]\nb 3 [0]\n"
    assert "01_a: done in" in capfd.readouterr().out


def test_several_notebooks_are_forked_from_one_process_and_one_alone_is_not(
    project: Path, write_notebook: WriteNotebook
) -> None:
    for name in ("01_a", "02_b"):
        write_notebook(name, "import os; print(os.getpid(), os.getppid())")
    kernels, parents = zip(
        *(outputs(path).split() for path in run_study("quick", out=project / "out")), strict=True
    )
    assert len(set(kernels)) == 2
    assert len(set(parents)) == 1
    assert not psutil.pid_exists(int(parents[0]))
    (alone,) = run_study("quick", out=project / "out", only=["02_b"])
    assert outputs(alone).split()[1] == str(os.getpid())


FAILURES = {
    "an error": (["x = 1", "1 / 0"], r"cell 4: ZeroDivisionError: division by zero.*1 / 0"),
    "an exit": (["x = 1", "import os; os._exit(1)"], r"cell 4: the kernel died"),
    "an exit in mid-work": (  # when the kernel's word that it began has long arrived
        ["x = 1", "import os, threading; threading.Event().wait(1); os._exit(1)"],
        r"cell 4: the kernel died",
    ),
    "an exit by name": (["x = 1", "import sys; sys.exit(0)", "y = 1"], r"cell 4: SystemExit ends"),
    "a kill": (
        ["x = 1", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"],
        r"cell 4: the kernel died",
    ),
    "a hang": (
        ["x = 1", "import threading; threading.Event().wait()"],
        r"cell 4: a cell ran longer than 3 s",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_notebook_that_fails_stops_the_study_with_notebook_cell_and_cause(
    project: Path, write_notebook: WriteNotebook, failure: str
) -> None:
    # Cell 1 is that of the parameters, cell 2 papermill's own, with the study's parameters.
    cells, said = FAILURES[failure]
    write_notebook("01_a", *cells, "never = 1")
    write_notebook("02_b", "open(output_dir + '/ran', 'w').close()")
    with pytest.raises(StudyError, match=rf"(?s)^01_a\.ipynb, {said}"):
        run_study("quick", out=project / "out", cell_timeout=3)
    assert (project / "out" / "notebooks" / "01_a.ipynb").is_file()
    assert not (project / "out" / "ran").exists()


EXPERIMENT = """
from pathlib import Path
from simcse_core.data import load_study_data
from simcse_core.experiments import Experiment, train_sizes
from simcse_core.plans import make_plan
settings = {"batch_size": 3, "learning_rate": 1e-3}
plans = [make_plan(encoder, "mean", settings)]
run = Experiment("any", load_study_data(source), plans, seeds, Path(output_dir))
train_sizes(run, [3, 5, 8])
"""


def test_an_experiment_of_two_workers_in_a_notebook_gives_the_bits_of_one_outside(
    project: Path, write_notebook: WriteNotebook, cnsd_dir: Path, bert_dir: Path
) -> None:
    write_notebook("01_a", EXPERIMENT)
    (executed,) = run_study("quick", {"seeds": [0, 1]}, out=project / "inside", workers=2)
    assert "stderr" not in output_names(executed)
    outside = {"source": cnsd_dir, "encoder": str(bert_dir), "seeds": [1, 0]}
    exec(EXPERIMENT, {**outside, "output_dir": project / "outside"})
    inside, other = (
        {path.name: path.read_bytes() for path in (project / where / "cells").glob("*.json")}
        for where in ("inside", "outside")
    )
    assert len(inside) == 2
    assert inside == other


FINDS = """
from pathlib import Path
from simcse_core.experiment import Experiment
from simcse_core.experiments import train_epochs
run = Experiment.open(
    "{name}", source=source, extra_sentences=extra_sentences, hub=hub, encoders=[encoder],
    seeds=seeds, output_dir=output_dir, language=language, pooling=pooling, training=training,
)
written = lambda: {{p.name: p.stat().st_mtime_ns for p in Path(output_dir).glob("cells/{name}*")}}
before = written()
train_epochs(run, n_train, 2)
print(len(before), written() == before)
"""


@pytest.mark.parametrize(
    ("workers", "names", "n_before"), [(2, ("01_a", "02_b"), 2), (1, ("01_a",), 0)]
)
def test_notebooks_of_a_study_of_two_workers_find_their_cells_computed(
    project: Path,
    write_notebook: WriteNotebook,
    workers: int,
    names: tuple[str, ...],
    n_before: int,
) -> None:
    for name in names:
        write_notebook(name, FINDS.format(name=name), training={"batch_size": 2}, seeds=[0, 1])
    executed = run_study("quick", out=project / "out", workers=workers)
    said = [outputs(path).splitlines()[-1] for path in executed]
    assert said == [f"{n_before} {workers == 2}"] * len(names)


def test_kernels_are_told_the_scheduler(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "from simcse_core.cluster import scheduler_address\nprint(scheduler_address())"
    write_notebook("01_a", asked)
    address = "tls://[fe80::1]:8786"
    assert main(["--scheduler", address, "--out", str(project / "out")]) == 0
    assert outputs(project / "out" / "notebooks" / "01_a.ipynb") == f"{address}\n"
    assert "SIMCSE_SCHEDULER" not in os.environ


def test_kernels_are_told_how_many_workers_and_threads(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMCSE_WORKERS", "7")
    asked = "from simcse_core.workers import n_threads, n_workers\nprint(n_workers(), n_threads())"
    write_notebook("01_a", asked)
    assert main(["--workers", "3", "--threads", "2", "--out", str(project / "out")]) == 0
    assert outputs(project / "out" / "notebooks" / "01_a.ipynb") == "3 2\n"
    assert os.environ["SIMCSE_WORKERS"] == "7"
    assert "SIMCSE_THREADS" not in os.environ


def test_the_command_of_a_table_names_threads_where_they_are_not_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = Step(Path("01_a.ipynb"), {}, {})
    assert "--threads" not in study.command("quick", {}, step)
    monkeypatch.setenv("SIMCSE_THREADS", "4")
    assert study.command("quick", {}, step).endswith("--only 01_a --threads 4")


@pytest.mark.parametrize(
    "value",
    [
        *("[2024]数据", "@data", "*data", "{a", "%20", "`x`", "a: b: c", "'open", "- a", "#1"),
        *("~nobody-of-that-name/x", "~", "x" * 5000, "a\nb", " a", "050", "yes", "1e-5", "null"),
    ],
)
def test_the_command_of_a_table_takes_any_text_and_gives_it_back(value: str) -> None:
    step = Step(Path("01_a.ipynb"), {}, {"label_column": ""})
    for given in (value, [value, "一"]):
        words = shlex.split(study.command("quick", {"label_column": given}, step))
        assert parse_arguments(words[3:]).overrides == {"label_column": given}


def test_the_command_of_a_table_says_no_place_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "mine.csv").write_text("天\n", encoding="utf-8")
    step = Step(Path("01_a.ipynb"), {}, {"sources": [], "extra_sentences": []})
    paths = [str(tmp_path / "texts"), str(tmp_path / "mine.csv")]
    said = study.command("quick", {"source": paths[1], "sources": paths}, step)
    assert str(tmp_path) not in said
    assert "source=mine.csv" in said
    assert '["texts", "mine.csv"]' in said


PLAIN = """
from simcse_core.errors import PlainError
error = PlainError("sizes: no")
error.add_note("failed: 02-a, 02-b")
raise error
"""


def test_notes_on_an_error_of_ours_are_told_after_it(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a", PLAIN)
    with pytest.raises(StudyError, match=r"cell 3: sizes: no; failed: 02-a, 02-b; executed so far"):
        run_study("quick", out=project / "out")


SPEAKING = f"""
from simcse_core.parameters import check_notebook
check_notebook(globals())
{PLAIN.replace("sizes: no", "n_train: 9 NLI triplets wanted, the source has 3")}
"""


def test_a_chinese_run_tells_its_errors_in_chinese(
    project: Path, write_notebook: WriteNotebook, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook("01_a", SPEAKING, language="en")
    out = project / "out"
    assert main(["-p", "language=zh", "--out", str(out)]) == 1
    told = "n_train：需要 9 个 NLI 三元组，数据里只有 3 个；失败的有：02-a, 02-b；已运行的部分："
    assert f"study: 01_a.ipynb，第 3 个单元格：{told}{out}" in capsys.readouterr().err
    (error,) = [
        output
        for cell in nbformat.read(out / "notebooks" / "01_a.ipynb", as_version=4).cells
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]
    assert error.evalue == "n_train: 9 NLI triplets wanted, the source has 3"  # to be searched for
    assert error.traceback[1:] == ["失败的有：02-a, 02-b"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["-p", "language=zh", "-p", "seeds=0"], "01_a.ipynb：seeds：应为列表，各项为"),
        (["-p", "language=zh", "--seeds", "a"], "--seeds：应为整数，例如 0,1,2；实际是 'a'"),
        (["--parameter=language=zh", "--sources", "a"], "不认识的选项：--sources a；--help"),
        (["-p", "language=zh", "-p", "x=1"], "没有参数 'x'；各 notebook 有"),
        (["-p", "language=zh", "--source", "/nowhere"], "source：'/nowhere' 既不是 'sample'"),
        (["-p", "language=fr"], "language: unknown value 'fr'; use one of: en, zh"),
    ],
)
def test_what_cannot_be_used_is_told_in_the_language_that_is_asked_for(
    project: Path,
    write_notebook: WriteNotebook,
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    said: str,
) -> None:
    write_notebook("01_a", "print(1)", language="en", source="sample", seeds=[0], n_train=2)
    assert main([*typed, "--out", str(project / "out")]) == 1
    assert said in capsys.readouterr().err


def test_a_profile_has_its_errors_told_in_its_language(
    project: Path, write_notebook: WriteNotebook, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook("01_a", "print(1)", language="en", seeds=[0])
    write_profile(project, "mine", {"all": {"language": "zh", "seeds": ["a"]}})
    assert main(["--profile", "mine", "--out", str(project / "out")]) == 1
    assert "seeds 的第 1 项：应为 0 到 4,294,967,295 之间的整数" in capsys.readouterr().err


TABLE = """
from pathlib import Path
import pandas as pd
from simcse_core.results import write_table
write_table(Path(output_dir), "01_table", pd.DataFrame({"value": [1.0]}), {"seeds": seeds})
"""


def test_a_table_says_the_command_that_makes_it_again(
    project: Path,
    write_notebook: WriteNotebook,
    cnsd_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_notebook("01_a", TABLE)
    write_notebook("02_b", "print(1)")
    words = ["-p", f"source={cnsd_dir}", "-p", "seeds=[0, 1]", "-p", "training={batch_size: 4}"]
    assert main([*words, "--out", str(project / "out")]) == 0
    made_from = json.loads((project / "out" / "01_table.json").read_text(encoding="utf-8"))
    assert made_from["seeds"] == [0, 1]
    typed = shlex.split(made_from["command"])
    assert typed[:3] == ["python", "-m", "simcse_core.study"]
    assert str(cnsd_dir.parent) not in made_from["command"]
    (project / "out" / "01_table.json").unlink()
    monkeypatch.chdir(cnsd_dir.parent)
    assert main([*typed[3:], "--out", str(project / "out")]) == 0
    assert json.loads((project / "out" / "01_table.json").read_text("utf-8")) == made_from


KNOWN_CAUSES = {
    "raise OSError(28, 'No space left on device', 'x.json')": "free some space, then run again",
    "raise OSError(30, 'Read-only file system')": "name another folder for the output",
    'raise RuntimeError("can\'t allocate memory: you tried to allocate 9 bytes")': "batch_size",
    "raise MemoryError()": "lower batch_size",
}


@pytest.mark.parametrize("cell", KNOWN_CAUSES)
def test_a_failure_of_a_known_cause_says_what_to_do(
    project: Path, write_notebook: WriteNotebook, cell: str
) -> None:
    write_notebook("01_a", cell)
    with pytest.raises(StudyError, match=KNOWN_CAUSES[cell]) as caught:
        run_study("quick", out=project / "out")
    assert "cell 3: " in str(caught.value)
    assert "what is finished is kept" in str(caught.value)


def test_a_kernel_that_cannot_start_is_told(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook("01_a")
    monkeypatch.setattr(study.papermill, "execute_notebook", raise_no_kernel)
    with pytest.raises(StudyError, match=r"01_a\.ipynb: Kernel died before replying"):
        run_study("quick", out=project / "out")


def raise_no_kernel(*_: object, **__: object) -> None:
    raise RuntimeError("Kernel died before replying to kernel_info")


# --- one folder, one run, one profile --------------------------------------------------------


def test_a_second_study_in_a_folder_is_refused_and_touches_nothing(
    project: Path,
    write_notebook: WriteNotebook,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_notebook("01_a", "open(output_dir + '/ran', 'w').close()")
    out = project / "out"
    out.mkdir()
    claim(out, owner_of(str(project / "cnsd"), {}, "quick"))
    with only_run(out):
        monkeypatch.setattr(folders, "_held_for_us", lambda _: False)  # a stranger to itself
        assert main(["--out", str(out)]) == 1
    assert f"study: output_dir: {out} is in use by process {os.getpid()}" in capfd.readouterr().err
    assert {path.name for path in out.iterdir()} == {LOCK, MARKER}


def test_a_notebook_in_a_folder_that_a_study_holds_says_so_in_one_line(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    other = project / "other"
    cell = f"from simcse_core.folders import only_run\nwith only_run(Path({str(other)!r})): pass"
    write_notebook("01_a", f"from pathlib import Path\n{cell}")
    hold = (
        "import sys; from pathlib import Path; from simcse_core.folders import only_run\n"
        "with only_run(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(other)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert main(["--out", str(project / "out")]) == 1
        holder.kill()
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(f"study: 01_a.ipynb, cell 3: output_dir: {other} is in use by process")
    assert said.endswith(f"executed so far: {project / 'out' / 'notebooks' / '01_a.ipynb'}")


def test_a_folder_of_another_profile_or_source_is_refused(
    project: Path, write_notebook: WriteNotebook, cnsd_dir: Path
) -> None:
    write_notebook("01_a")
    write_profile(project, "mini", {"all": {}})
    run_study("quick", out=project / "out")
    with pytest.raises(FolderError, match="out holds the results of profile quick; name another"):
        run_study("mini", out=project / "out")
    other = shutil.copytree(cnsd_dir, project / "other")
    with pytest.raises(FolderError, match="out holds the results of source cnsd"):
        run_study("quick", {"source": str(other)}, out=project / "out")
    run_study("quick", {"seeds": [1]}, out=project / "out")


def test_a_study_goes_where_its_profile_and_source_say(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMCSE_RUNS", str(project / "elsewhere"))  # for notebooks alone
    write_notebook("01_a", "open(output_dir + '/ran', 'w').close()")
    run_study("quick")
    assert (project / "runs" / "quick-cnsd" / "ran").is_file()
    assert not (project / "elsewhere").exists()


THEIRS = (".env.local", ".gitlab-ci.yml", ".config.d/x", "02_list.json", "01_table.csv")


def test_a_folder_of_somebody_is_refused_and_left_as_it_was(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a", TABLE)
    for name in THEIRS:
        (project / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "out" / name).write_text("theirs")
    with pytest.raises(FolderError, match=r"out holds \.config\.d, .* was not made by a study"):
        run_study("quick", out=project / "out")
    files = [path for path in (project / "out").rglob("*") if path.is_file()]
    assert {str(path.relative_to(project / "out")) for path in files} == set(THEIRS)


def test_what_is_put_into_our_folder_later_is_left_as_it_was(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("02_a", TABLE)
    run_study("quick", out=project / "out")
    for name, text in {
        ".env.local": "theirs",
        ".gitlab-ci.yml": "theirs",
        ".config.d/x": "theirs",
        "02_list.json": "[1]",
        "02_odd.json": '{"table": "02_odd.csv"}',
        "profile.json": "{",
    }.items():
        (project / "out" / name).parent.mkdir(exist_ok=True)
        (project / "out" / name).write_text(text)
    for name in (".a.simcse-tmp", "cells/.b.simcse-tmp", "notebooks/.02_a.simcse-tmp.ipynb"):
        (project / "out" / name).parent.mkdir(exist_ok=True)
        (project / "out" / name).write_text("half")
    run_study("quick", out=project / "out")
    files = [path for path in (project / "out").rglob("*") if path.is_file()]
    assert {str(path.relative_to(project / "out")) for path in files} == {
        *(LOCK, MARKER, "notebooks/02_a.ipynb", "01_table.csv", "01_table.json"),
        *(".env.local", ".gitlab-ci.yml", ".config.d/x"),
        *("02_list.json", "02_odd.json", "profile.json"),
    }
    assert (project / "out" / "02_list.json").read_text() == "[1]"
    assert (project / "out" / "02_odd.json").read_text() == '{"table": "02_odd.csv"}'


def test_a_study_may_go_where_braces_quotes_and_spaces_are_in_the_path(
    project: Path, write_notebook: WriteNotebook
) -> None:
    write_notebook("01_a", "open(output_dir + '/ran', 'w').close()")
    out = project / '{n_train} it\'s {} "中文" $HOME;%s'
    (executed,) = run_study("quick", out=out)
    assert executed == out / "notebooks" / "01_a.ipynb"
    assert {path.name for path in out.iterdir()} == {LOCK, MARKER, "notebooks", "ran"}


@pytest.mark.parametrize("backend", ["agg", "module://nothing.here"])
def test_charts_stand_in_notebooks_whatever_a_shell_sets(
    project: Path, write_notebook: WriteNotebook, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("MPLBACKEND", backend)
    write_notebook("01_a", "from matplotlib.pyplot import figure\nfigure().gca();")
    (executed,) = run_study("quick", out=project / "out")
    cells = nbformat.read(executed, as_version=4).cells
    assert any("image/png" in out.get("data", {}) for cell in cells for out in cell.outputs)
    assert os.environ["MPLBACKEND"] == backend


def test_a_copy_that_jupyterlab_made_is_not_run(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    log = "open(output_dir + '/log', 'a').write(f'{name}\\n')"
    write_notebook("02_b", log, name="b")
    write_notebook("02_b-Copy1", log, name="copy")
    run_study("quick", out=project / "out")
    assert (project / "out" / "log").read_text() == "b\n"
    assert "left out: 02_b-Copy1.ipynb" in capfd.readouterr().out


def test_a_study_says_which_notebooks_differ_from_the_committed_ones(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    write_notebook("01_a")
    me = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
    for words in (["init"], ["add", "notebooks"], ["commit", "-m", "notebooks"]):
        subprocess.run([*me, *words], cwd=project, check=True, capture_output=True)
    write_notebook("01_a", n_train=5)
    assert main(["-p", "n_train=9"]) == 1  # there are eight sentences
    said = "01_a.ipynb differs from the committed one: n_train = 5 (committed: 4)\n"
    assert said not in capfd.readouterr().out  # it does not run
    run_study("quick", out=project / "out")
    assert said in capfd.readouterr().out


def test_an_interrupted_study_says_how_to_go_on(
    project: Path,
    write_notebook: WriteNotebook,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write_notebook("01_a")
    monkeypatch.setattr(study.papermill, "execute_notebook", interrupt)
    assert main(["--out", str(project / "out")]) == 130
    assert "the same command goes on from here" in capfd.readouterr().err


def test_ctrl_c_ends_a_study_in_one_line(project: Path, write_notebook: WriteNotebook) -> None:
    write_notebook("01_a", "open(output_dir + '/ran', 'w').close()", "import time; time.sleep(60)")
    code = (
        "import sys; from pathlib import Path; from simcse_core.study import notebooks\n"
        "root = Path(sys.argv[1]); notebooks.NOTEBOOKS = root / 'notebooks'\n"
        "from simcse_core.study.run import main\n"
        "sys.exit(main(['--out', str(root / 'out')]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(project)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A suite that was started in the background ignores it, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        deadline = time.monotonic() + 120
        while not (project / "out" / "ran").is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the kernel gets it too
        _, said = running.communicate(timeout=60)
    lines = [line.strip() for line in re.split(r"[\r\n]+", said)]
    told = [line for line in lines if line and not re.search(r"\[\d\d:\d\d", line)]  # the bar
    assert told == ["study: interrupted; the same command goes on from here"]
    assert running.returncode == 130


# --- the command line ------------------------------------------------------------------------


def test_main_runs_what_it_is_asked_and_says_where_it_went(
    project: Path,
    write_notebook: WriteNotebook,
    cnsd_dir: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    write_notebook("01_a", "1 / 0")
    write_notebook("02_b", "print(source, seeds, n_train, training)", source="sample")
    options = ["--only", "02_b", "--source", cnsd_dir.name, "--seeds", "3, 4", "--out", "out"]
    settings = ["-p", "n_train=5", "-p", "training={batch_size: 8}"]
    assert main([*options, *settings]) == 0
    expected = f"{cnsd_dir} [3, 4] 5 {{'batch_size': 8}}\n"
    assert outputs(project / "out" / "notebooks" / "02_b.ipynb") == expected
    assert f"charts, tables and executed notebooks: {project / 'out'}" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "none"], "profile: unknown value 'none'"),
        (["--only", "09_z"], "notebook: unknown value '09_z'"),
        (["--seeds", "a,b"], "--seeds: expected whole numbers"),
        (["--source", "nowhere"], "nor a file or a folder"),
        (["-p", "n_train"], "--parameter: expected NAME=VALUE"),
        (["-p", "n_trian=3"], "unknown parameter 'n_trian'"),
        (["-p", "n_train=three"], "n_train: a whole number from 2 is needed, got 'three'"),
        (["-p", "n_train=[3"], "--parameter n_train: not YAML"),
        (["-p", "num_epochs=0"], "unknown parameter 'num_epochs'"),
        (["-p", "training={seed: 7}"], "training: seed has no effect here"),
        (["-p", "output_dir=x"], "output_dir is not set here; name the folder with --out"),
        (["--only", ","], "--only: names of notebooks are needed"),
        (["-p", "n_train=9"], "8 sentences of the pool"),
        (["--workers", "0"], "--workers: a whole number from 1 to 9999 is needed, got '0'"),
        (["--scheduler", "host:8786"], "an address such as tcp://10.0.0.1:8786 is needed"),
        (["--scheduler", "tcp://h:1", "--workers", "2"], "--workers: is for this machine"),
        (["--threads", "two"], "--threads: a whole number from 1 to 9999 is needed, got 'two'"),
    ],
)
def test_main_says_what_is_wrong_on_stderr_and_fails(
    project: Path,
    write_notebook: WriteNotebook,
    arguments: list[str],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_notebook("01_a", "1 / 0")
    assert main([*arguments, "--out", str(project / "out")]) == 1
    error = capfd.readouterr().err
    assert error.startswith("study: ")
    assert said in error


def test_main_fails_where_the_output_folder_cannot_be_made(
    project: Path, write_notebook: WriteNotebook, capfd: pytest.CaptureFixture[str]
) -> None:
    write_notebook("01_a")
    (project / "file").write_text("in the way")
    assert main(["--out", str(project / "file" / "out")]) == 1
    assert "study: " in capfd.readouterr().err


def test_an_unreachable_port_is_what_the_tests_take_for_the_hub() -> None:
    # If something listened there, every test without the hub would prove nothing.
    host, port = NO_HUB.removeprefix("http://").split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0

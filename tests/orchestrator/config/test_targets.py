"""What a config names outside of itself is looked for when the config is checked, and nothing of it is run."""

import os
import subprocess
import sys
import textwrap
import zipfile
from importlib.machinery import ModuleSpec

import pytest

from orchestrator.config import embedded_defaults
from orchestrator.config.targets import job_targets, missing_targets
from orchestrator.processes.child import module_environment, python_module

DESK = """
import os.path as paths
from collections import OrderedDict, deque as queue

raise SystemExit("the check must not run this")

class Tenth:
    def inner(self):
        hidden = 1

def flatten():
    global made_by_flatten
    made_by_flatten = 1

async def scan(): ...

LIMITS = {"a": 1}
first, (second, *rest) = 1, (2, 3)
only_said: int
said: int = 1
said += 1

if paths:
    class Conditional: ...
else:
    Otherwise = None
try:
    import nowhere
except ImportError:
    nowhere = None
for number in ():
    looped = number
with open(os) as opened:
    pass
while (walrus := 0):
    pass
match LIMITS:
    case {"a": captured}:
        pass
"""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with modules, next to which nothing of these names is installed; writes further files."""
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder and "tests" not in folder])

    def write(name, text="", mode=0o644):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        path.chmod(mode)
        return path

    write("desk.py", DESK)
    return write


def strategy(name, folder):
    config = embedded_defaults()
    config.strategy.name = name
    return missing_targets(config, folder)


def said(findings):
    return [f"{finding.message}; {finding.remedy}".removesuffix("; ") for finding in findings]


NAMES = ["Tenth", "LIMITS", "first", "second", "rest", "said", "Conditional", "Otherwise", "nowhere", "number"]
NAMES += ["looped", "opened", "walrus", "captured", "OrderedDict", "queue", "paths", "made_by_flatten"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_the_module_gives_is_there(name, desk, tmp_path):
    assert strategy(f"desk:{name}", tmp_path) == []


@pytest.mark.parametrize("name", ["inner", "hidden", "only_said", "deque", "os", "Missing"])
def test_a_name_that_it_does_not_give_is_not(name, desk, tmp_path):
    (finding,) = strategy(f"desk:{name}", tmp_path)
    assert finding.path == ("strategy", "name")
    assert finding.message == f"desk.py has no '{name}'"


def test_the_nearest_name_is_offered(desk, tmp_path):
    assert said(strategy("desk:Tenthh", tmp_path)) == ["desk.py has no 'Tenthh'; write Tenth"]


def test_the_nearest_module_is_offered(desk, tmp_path):
    desk("books/momentum.py", "class Fast: ...")
    desk("books/__init__.py")
    assert said(strategy("dsek:Tenth", tmp_path)) == [
        f"there is no module 'dsek' in {tmp_path} or installed; write desk"
    ]
    assert said(strategy("boks.momentum:Fast", tmp_path)) == [
        f"there is no module 'boks' in {tmp_path} or installed; write books.momentum"
    ]
    assert said(strategy("books.momentm:Fast", tmp_path)) == [
        f"there is no module 'books.momentm' in {tmp_path / 'books'}; write books.momentum"
    ]
    assert said(strategy("nothing_like_it:Fast", tmp_path)) == [
        f"there is no module 'nothing_like_it' in {tmp_path} or installed"
    ]


def test_a_strategy_is_a_class(desk, tmp_path):
    assert said(strategy("desk:flatten", tmp_path)) == [
        "'flatten' in desk.py is a function, not a class; write the name of a class"
    ]
    desk("decorated.py", "@register\ndef Tenth(): ...\n")
    assert strategy("decorated:Tenth", tmp_path) == []


def test_an_engine_may_be_made_by_a_function(desk, tmp_path):
    config = embedded_defaults()
    config.engine.target, config.broker.broker_type = "desk:flatten", "desk:scan"
    assert missing_targets(config, tmp_path) == []
    config.engine.target, config.broker.broker_type = "desk:flaten", "desk:Broker"
    found = missing_targets(config, tmp_path)
    assert [finding.path for finding in found] == [("engine", "target"), ("broker", "broker_type")]
    assert said(found) == ["desk.py has no 'flaten'; write flatten", "desk.py has no 'Broker'"]


def test_built_in_names_are_not_looked_for(tmp_path):
    assert missing_targets(embedded_defaults(), tmp_path) == []


def test_packages_of_every_kind_are_walked_into(desk, tmp_path):
    desk("books/__init__.py", "class Top: ...")
    desk("books/deep/fast.py", "class Fast: ...")
    desk("loose/deep/slow.py", "class Slow: ...")
    for name in ("books:Top", "books.deep.fast:Fast", "loose.deep.slow:Slow"):
        assert strategy(name, tmp_path) == [], name
    assert said(strategy("loose.deep.slow:Slo", tmp_path)) == ["loose/deep/slow.py has no 'Slo'; write Slow"]
    assert said(strategy("desk.tenth:Tenth", tmp_path)) == [
        "desk.py is a module, not a package that could hold 'tenth'"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "from somewhere import *",
        "def __getattr__(name): return 1",
        "if True:\n    def __getattr__(name): return 1",
        "globals().update(Made=1)",
        "exec('Made = 1')",
    ],
)
def test_a_module_whose_text_does_not_say_all_is_believed(text, desk, tmp_path):
    desk("open_ended.py", text)
    assert strategy("open_ended:Made", tmp_path) == []


def test_a_package_that_makes_its_modules_itself_is_believed(desk, tmp_path):
    desk("made/__init__.py", "__path__ = ['elsewhere']")
    assert strategy("made.by.itself:Made", tmp_path) == []


def test_a_module_without_source_is_believed(desk, tmp_path):
    for name in ("math:Made", "sys:Made", "_socket:Made"):
        assert strategy(name, tmp_path) == [], name


def test_a_module_that_is_not_python_is_said_to_be_none(desk, tmp_path):
    desk("broken.py", "class Tenth:\n    def x(self)\n")
    assert said(strategy("broken:Tenth", tmp_path)) == ["broken.py is not valid Python: line 2: expected ':'"]
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\nclass Tenth: ...\n")
    assert strategy("latin:Tenth", tmp_path)[0].message.startswith("latin.py can't be read: ")


def test_an_odd_escape_in_a_module_is_not_our_business(desk, tmp_path):
    desk(
        "odd.py",
        r"""
        import re
        PATTERN = re.compile("\d")
        class Tenth: ...
    """,
    )
    assert strategy("odd:Tenth", tmp_path) == []


def test_a_module_in_a_zip_file_is_read(desk, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "books.zip", "w") as archive:
        archive.writestr("zipped.py", "class Tenth: ...\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "books.zip")])
    assert strategy("zipped:Tenth", tmp_path) == []
    assert said(strategy("zipped:Tenthh", tmp_path)) == ["books.zip/zipped.py has no 'Tenthh'; write Tenth"]


def test_what_python_s_own_finders_know_is_found(desk, tmp_path, monkeypatch):
    """As a package that is installed as a link to its sources."""

    class Finder:
        @staticmethod
        def find_spec(name, path, target=None):
            return ModuleSpec(name, None) if name == "linked" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert strategy("linked:Anything", tmp_path) == []


def test_an_installed_module_hides_one_of_the_user_s(desk, tmp_path):
    desk("statistics.py", "class Tenth: ...")
    (found,) = said(strategy("statistics:Tenth", tmp_path))
    assert found.endswith(
        f"statistics.py has no 'Tenth', and is found before {tmp_path / 'statistics.py'}; give that file another name"
    )


def test_a_file_that_was_just_written_is_seen(desk, tmp_path):
    assert len(strategy("later:Tenth", tmp_path)) == 1
    desk("later.py", "class Tenth: ...")
    assert strategy("later:Tenth", tmp_path) == []


LAYOUT = {
    "plain.py": "class Made: ...",
    "package/__init__.py": "class Made: ...",
    "package/inner.py": "class Made: ...",
    "loose/inner.py": "class Made: ...",
    "statistics.py": "class Made: ...",
    "jobs.py": "class Made: ...",
    "conditional.py": "if True:\n    class Made: ...",
}
ASKED = ["plain", "package", "package.inner", "package.outer", "loose.inner", "loose.outer", "statistics", "jobs"]
ASKED += ["conditional", "nowhere", "plain.inner", "json.decoder", "orchestrator.engine"]


def test_a_child_process_finds_the_same(desk, tmp_path):
    """The child is the process of a job, with its command line, environment and folder."""
    for name, text in LAYOUT.items():
        desk(name, text)
    desk(
        "ask.py",
        f"""
        import importlib
        def ask():
            for name in {ASKED}:
                try:
                    print(hasattr(importlib.import_module(name), "Made"))
                except ImportError:
                    print(False)
    """,
    )
    child = subprocess.run(
        python_module("orchestrator.schedule.task", "ask:ask"),
        env=module_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    verdicts = [str(not strategy(f"{name}:Made", tmp_path)) for name in ASKED]
    assert dict(zip(ASKED, verdicts, strict=True)) == dict(zip(ASKED, child.stdout.split(), strict=True))


# --- jobs ---


def jobs(folder, **named):
    config = embedded_defaults()
    config.schedule.jobs = named
    return job_targets(config, folder)


def test_functions_of_jobs_are_looked_for(desk, tmp_path):
    found = jobs(tmp_path, one={"run": "desk:flatten"}, two={"run": "desk:flaten"}, three={"run": "dsek:flatten"})
    assert [finding.path for finding in found] == [("schedule", "jobs", name, "run") for name in ("two", "three")]
    assert said(found) == [
        "desk.py has no 'flaten'; write flatten",
        f"there is no module 'dsek' in {tmp_path} or installed; write desk",
    ]


def test_a_job_that_is_off_is_not_asked(tmp_path):
    assert jobs(tmp_path, one={"run": "no:where", "enabled": False}, heartbeat=False, post_market_end="off") == []


def test_programs_are_looked_for_where_the_job_s_process_looks(desk, tmp_path, monkeypatch):
    desk("here.sh", "#!/bin/sh\n", mode=0o755)
    desk("bin/there", "#!/bin/sh\n", mode=0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["bin", "/usr/bin", "/bin"]))  # "bin" is one in the config's folder
    monkeypatch.chdir("/")
    good = ["python", "sh", "/bin/sh", "./here.sh", "bin/there", "there", sys.executable]
    assert jobs(tmp_path, **{f"job{i}": {"command": [word]} for i, word in enumerate(good)}) == []


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("pyton3", "there is no program 'pyton3' on the PATH"),
        ("", "there is no program '' on the PATH"),
        ("report.py", "there is no program 'report.py' on the PATH; write ./report.py, or [python, report.py]"),
        ("./reprot.py", "there is no file {folder}/reprot.py"),
        ("~/report.py", "there is no file {folder}/~/report.py; write its whole path, as ~ is not read here"),
        ("./books", "{folder}/books is a folder; write a program"),
        (
            "./report.py",
            "{folder}/report.py is not executable; chmod +x {folder}/report.py, or write the program that runs it",
        ),
    ],
)
def test_a_program_that_is_not_there_is_named(word, message, desk, tmp_path):
    desk("report.py")
    desk("books/x.py")
    (finding,) = jobs(tmp_path, report={"command": [word, "--all"]})
    assert finding.path == ("schedule", "jobs", "report", "command", 0)
    assert said([finding]) == [message.format(folder=tmp_path)]


def test_a_command_that_names_a_variable_is_asked_for_what_that_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SHELL_OF_JOBS", "/bin/sh")
    monkeypatch.setenv("NO_SHELL", "/bin/no-such-shell")
    command = {"command": ["${SHELL_OF_JOBS}"]}, {"command": ["${NO_SHELL}"]}, {"command": ["${NOT_SET_ANYWHERE}"]}
    found = jobs(tmp_path, one=command[0], two=command[1], three=command[2])
    assert [finding.path[2] for finding in found] == ["two"]


def test_jobs_that_are_wrong_in_themselves_are_left_to_the_check(tmp_path):
    assert jobs(tmp_path, one=5, two={"command": "x"}, three={"command": [5]}, four={"run": 5}, five={}) == []

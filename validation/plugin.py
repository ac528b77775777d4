"""The pytest plugin: traced tests, capabilities, evidence; and, for `run`, the plan before and the outcomes after.

    @pytest.mark.requirement("REQ-F-SER-002")     this test shows that requirement
    @pytest.mark.needs("gpu")                     or, inside a test or fixture, needs("gpu")
    def test_...(evidence):                       evidence.check, evidence.measure, evidence.attach

In an ordinary run the plugin adds one paragraph to pytest's summary. With `--validation-out DIR` it writes
DIR/plan.json before the first test and a line of DIR/outcomes.jsonl after each one: a crash cannot take them along.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from validation import capabilities
from validation.canonical import file_sha256
from validation.classify import classify
from validation.evidence import Counter, Evidence, counted_helpers
from validation.facts import Facts, function_of
from validation.recorder import Recorder
from validation.states import State
from validation.trace import TRACE_FILE, load_trace_data

MARKERS = (
    "requirement(*ids): this test shows the requirements with these ids",
    "needs(*capabilities): leave this test out, as NOT_VERIFIED, where a probe does not find these capabilities",
)
_FACTS = pytest.StashKey[Facts]()
_EVIDENCE = pytest.StashKey[Evidence]()
_PLUGIN = "validation-session"

pytest.register_assert_rewrite("tests")  # asserts in helper modules of the tests count as evidence too


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("validation")
    group.addoption("--validation-request", metavar="FILE", help="requirements to validate, written by `run`")
    group.addoption("--validation-out", metavar="DIR", help="folder for plan.json and outcomes.jsonl")
    group.addoption("--validation-collect", metavar="FILE", help="write the collected tests and their markers")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if not __debug__:
        raise pytest.UsageError("python -O takes the assertions out of tests: nothing can be validated with it")
    config.pluginmanager.register(Session(config), _PLUGIN)


class Session:
    """Follows one pytest session."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.counter = Counter()
        self.facts: dict[str, Facts] = {}
        self.recorder = _recorder(config)
        self._patches = ExitStack()
        self._patches.enter_context(counted_helpers(self.counter))

    def pytest_unconfigure(self) -> None:
        self._patches.close()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        for item in items:
            item.stash[_FACTS] = Facts(node=item.nodeid, requirements=requirement_ids(item))
        if self.recorder.required is None:
            return
        wanted = [item for item in items if function_of(item.nodeid) in self.recorder.required]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
        items[:] = wanted

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.recorder.collected_badly(report)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        nodes = [
            {"node": item.nodeid, "function": function_of(item.nodeid), "requirements": list(requirement_ids(item))}
            for item in session.items
        ]
        self.recorder.start(nodes, {key: session.config.getini(key) for key in Recorder.SETTINGS})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        for marker in item.iter_markers("needs"):
            for capability in marker.args:
                require(item, capability)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            with self.counter.call_phase():
                return (yield)
        finally:
            item.stash[_FACTS].assertions = self.counter.passed

    def pytest_assertion_pass(self) -> None:
        self.counter.add()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        facts = item.stash[_FACTS]
        facts.add(report)
        if _EVIDENCE in item.stash:
            facts.evidence = item.stash[_EVIDENCE].items
        self.facts[item.nodeid] = facts
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if facts := self.facts.get(nodeid):
            self.recorder.outcome(facts.as_data())

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.recorder.end(int(exitstatus))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        judged = {node: classify(facts.as_data()) for node, facts in self.facts.items() if facts.requirements}
        if not judged:
            return
        counts = {state: sum(judgement.state is state for judgement in judged.values()) for state in State}
        terminalreporter.section("validation")
        seen = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        terminalreporter.write_line(f"traced tests: {seen}")
        for node, judgement in judged.items():
            if judgement.rule:
                terminalreporter.write_line(f"{judgement.rule} {judgement.state} {node}: {judgement.reason}")


def requirement_ids(item: pytest.Item) -> tuple[str, ...]:
    """The requirements a test shows: those of its own marker and of its class's and module's."""
    ids: list[str] = []
    for marker in item.iter_markers("requirement"):
        if marker.kwargs or not marker.args or not all(isinstance(arg, str) for arg in marker.args):
            raise pytest.UsageError(f"{item.nodeid}: requirement() takes one or more ids and nothing else")
        ids.extend(arg for arg in marker.args if arg not in ids)
    return tuple(ids)


def require(item: pytest.Item, capability: str) -> None:
    """Leave the test out, as NOT_VERIFIED, if a probe does not find the capability.

    Requires  REQ-F-VAL-008
    """
    if not capabilities.is_known(capability):
        known = ", ".join(capabilities.known())
        raise pytest.UsageError(f"{item.nodeid}: no probe for {capability!r}; there are: {known}, package:<name>")
    found = capabilities.probe(capability)
    facts = item.stash[_FACTS]
    facts.needs.append({"capability": capability, "present": found.present, "detail": found.detail})
    if not found.present:
        facts.skip = {"capability": capability, "present": False, "reason": found.detail}
        pytest.skip(f"not verified ({capability}): {found.detail}")


@pytest.fixture
def needs(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`needs("gpu")` leaves the test out, as NOT_VERIFIED, where a probe does not find the capability."""
    return lambda capability: require(request.node, capability)


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Checks and measurements that go into the validation report with their numbers."""
    session: Session = request.config.pluginmanager.getplugin(_PLUGIN)
    made = Evidence(session.counter, session.recorder.acceptance)
    request.node.stash[_EVIDENCE] = made
    return made


def _recorder(config: pytest.Config) -> Recorder:
    request_file, out, collect = (config.getoption(f"validation_{name}") for name in ("request", "out", "collect"))
    if bool(request_file) != bool(out):
        raise pytest.UsageError("--validation-request and --validation-out belong together")
    trace = config.rootpath / TRACE_FILE
    return Recorder(
        request=json.loads(Path(request_file).read_text(encoding="utf-8")) if request_file else None,
        out=Path(out) if out else None,
        collect=Path(collect) if collect else None,
        trace_sha256=lambda: file_sha256(trace) if trace.is_file() else "",
        trace_acceptance=lambda: _acceptances(config.rootpath),
    )


def _acceptances(root: Path) -> Mapping[str, Mapping[str, Any]]:
    return {entry["id"]: entry["acceptance"] for entry in load_trace_data(root)["requirements"]}

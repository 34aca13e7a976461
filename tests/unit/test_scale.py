"""Runs on many workers: the same episodes as in one process, also where workers and whole machines are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import ray
from play_parts import CaveWorld, TableAgent
from ray.cluster_utils import Cluster
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import PlayError, SandboxError, UsageError
from sandbox.llm.questions import Answering, Question, ScoreQuestion
from sandbox.multiagent.league import round_robin
from sandbox.multiagent.meetings import play_meetings
from sandbox.paths import Home
from sandbox.processes import search_path
from sandbox.scale import cluster as scale_cluster
from sandbox.scale.cluster import RayPool, RaySession
from sandbox.scale.collecting import Course, collect, write_once
from sandbox.scale.crew import HERE, Crew, Engine
from sandbox.scale.inline import InlinePool
from sandbox.scale.jobs import JobDone, JobItem, PiecesJob, Pool, Workplace, in_order, results
from sandbox.scale.models import Gathering, PlacedModels
from sandbox.session.runner import Episode
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tune.errors import Stopped
from sandbox.types import Decision, History, Observation, OptionScore, Transition

EPISODES = 6


class SlowAgent(TableAgent):
    """Thinks for a moment, so that workers have something to be killed in the middle of."""

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        time.sleep(0.005)
        return super().decide(observation, history, seed=seed, explore=explore)


def opened(world: str, seed: int, store: Store | None = None, *, learn: bool) -> Session:
    seats = world.split("-")[1:]
    agents = {seat: SlowAgent(f"table-{seat}") for seat in seats}
    cave = CaveWorld(*seats)
    cave.name = world
    return Session.create(store or Store.memory(), cave, agents, seed=seed, learn=learn)


@dataclass
class CaveStages:
    learn: bool

    def open(self, world: str, seed: int, place: Workplace) -> Session:
        return opened(world, seed, learn=self.learn)


@dataclass
class Outcome:
    """What a run has written."""

    turns: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    learned: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    episodes: dict[str, list[Episode]] = field(default_factory=dict)


WORLDS = ("cave-ann", "cave-ann-bo")


def play(
    pool: Pool, folder: Path, *, learn: bool, staleness: int = 0, often: Callable[[int], None] = lambda n: None
) -> Outcome:
    """Both worlds into saves of their own; `often` is told how many episodes have ended."""
    outcome, ended = Outcome(), [0]

    def courses() -> Iterator[Course]:
        for number, world in enumerate(WORLDS):
            session = opened(world, 7, Store.create(folder / world), learn=learn)

            def end(episode: Episode) -> None:
                outcome.episodes.setdefault(episode.world, []).append(episode)
                ended[0] += 1
                often(ended[0])

            def begin(number: int, session: Session = session) -> None:
                session.new_episode(seed=7 + number)

            yield Course(
                number=number,
                pool=pool,
                session=session,
                first=0,
                episodes=EPISODES,
                seed=7,
                max_steps=25,
                staleness=staleness,
                begin=begin,
                ended=end,
            )

    collect(pool, courses())
    for world in WORLDS:
        with Store.open(folder / world, readonly=True) as store:
            nodes = store.timeline().nodes()
            outcome.turns[world] = [
                (n.id, n.parent, n.episode, n.depth, n.seat, n.command, n.seed, dict(n.rewards)) for n in nodes
            ]
            outcome.learned[world] = store.records("ann", "table-ann")
    return outcome


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """Two machines, as Ray sees them."""
    small = {"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(Path(__file__).parent), search_path())))
        started = Cluster(initialize_head=True, head_node_args=small)
        started.add_node(**small)
        with RaySession(started.address):
            yield started
        started.shutdown()


@pytest.mark.parametrize(("learn", "staleness"), [(False, 0), (True, 2)])
def test_workers_that_are_killed_lose_nothing_and_do_nothing_twice(
    nodes: Cluster, tmp_path: Path, learn: bool, staleness: int
) -> None:
    slots = staleness + 1
    alone = play(InlinePool(CaveStages(learn), slots), tmp_path / "a", learn=learn, staleness=staleness)
    with RayPool(CaveStages(learn), workers=2, batch=2) as pool:
        workers = [worker.handle for worker in pool._workers]

        def kill(ended: int) -> None:
            if ended == 3:
                os.kill(ray.get(workers[0].ready.remote()), signal.SIGKILL)

        shared = play(pool, tmp_path / "b", learn=learn, staleness=staleness, often=kill)
    assert shared == alone
    assert all(len(each) == EPISODES for each in alone.episodes.values())
    behind = [episode.staleness for episode in alone.episodes["cave-ann"]]
    assert behind == ([min(staleness, number) for number in range(EPISODES)] if learn else [0] * EPISODES)


def test_one_process_that_nobody_shares_writes_the_same(tmp_path: Path) -> None:
    """The plain loop of a session, against the jobs."""
    pooled = play(InlinePool(CaveStages(True)), tmp_path / "pooled", learn=True)
    for world in WORLDS:
        session = opened(world, 7, Store.create(tmp_path / world), learn=True)
        for number in range(EPISODES):
            if number:
                session.new_episode(seed=7 + number)
            while not session.done and session.current.depth < 25:
                session.step()
        session.close()
        with Store.open(tmp_path / world, readonly=True) as store:
            plain = [(n.id, n.parent, n.episode, n.depth, n.seat, n.command) for n in store.timeline().nodes()]
            assert plain == [turn[:6] for turn in pooled.turns[world]]
            assert store.records("ann", "table-ann") == pooled.learned[world]


def test_a_turn_that_comes_again_is_written_once_and_none_before_its_time() -> None:
    there, here = opened("cave-ann", 3, learn=True), opened("cave-ann", 3, learn=True)
    first, second, third = [there.step() for _ in range(3)]
    with pytest.raises(PlayError, match="came before"):
        write_once(here, second)
    assert write_once(here, first) and not write_once(here, first)
    assert write_once(here, second) and not write_once(here, first)
    assert len(here.timeline) == 3
    again = opened("cave-ann", 3, learn=True)
    again.new_episode(seed=4)
    assert not write_once(again, third) and len(again.timeline) == 2
    assert here.step().command == third.command


def test_items_come_in_the_order_of_their_jobs() -> None:
    class Backwards(InlinePool):
        """Begins with the last job that it was given."""

        def next(self) -> JobItem | JobDone:
            self._jobs.rotate(1)
            return super().next()

    jobs = [Counting(key=number, pieces=(number, number + 0.5)) for number in range(5)]
    expected = [piece for job in jobs for piece in job.pieces]
    assert list(in_order(Backwards(slots=3), jobs)) == expected
    assert [value for _, value in results(Backwards(slots=3), iter(jobs))] != expected
    assert jobs[0].after([0]).pieces == (0.5,) and not jobs[0].after([0, 0.5]).pieces


class Counting(PiecesJob[float]):
    def work(self, place: Workplace) -> Iterator[float]:
        yield from self.pieces


@dataclass(frozen=True)
class Doomed:
    """Takes its worker down with it, or raises."""

    key: int
    course: int = 0
    word: str = ""

    def work(self, place: Workplace) -> Iterator[Any]:
        yield self.key
        if self.word:
            raise UsageError(self.word, hint="a way out")
        os.kill(os.getpid(), signal.SIGKILL)

    def after(self, items: Sequence[Any]) -> Doomed:
        return self


def test_errors_come_back_and_work_that_kills_is_given_up(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_cluster, "_TRIES", 2)
    with RayPool(workers=1) as pool:
        with pytest.raises(SandboxError, match="no such thing") as caught:
            list(results(pool, iter([Doomed(1, word="no such thing")])))
        assert caught.value.hint == "a way out"
        with pytest.raises(SandboxError, match="2 workers have died over the same work"):
            list(results(pool, iter([Doomed(2)])))


class Measuring(Answering):
    """Says how long an option is."""

    name, width = "measuring@base", 0

    def __init__(self) -> None:
        self.asked: list[int] = []

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        return self.answer_with(None, questions)

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        self.asked.append(len(questions))
        time.sleep(0.05)
        if any(question.prompt == "bad" for question in questions):
            raise UsageError("a bad question")
        return [
            [OptionScore(float(len(option)), 1) for option in question.options]
            for question in questions
            if isinstance(question, ScoreQuestion)
        ]


def test_questions_that_come_while_a_model_is_busy_are_answered_together() -> None:
    model = Measuring()
    gathering = Gathering(model)
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        try:
            asked = ScoreQuestion("bad" if number == 3 else "", ("x" * number,))
            answers[number] = gathering.answer_with(None, [asked])[0][0].logprob
        except UsageError as error:
            answers[number] = str(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: "a bad question" if n == 3 else float(n) for n in range(8)}
    assert max(model.asked) >= 4


def test_an_actor_answers_for_a_model(nodes: Cluster) -> None:
    model = PlacedModels().get("measuring", "measuring@base", Measuring)
    assert [score.logprob for score in model.score("", ["a", "bcd"])] == [1.0, 3.0]
    assert (model.name, model.width, model.chats) == ("measuring@base", 0, False)
    with pytest.raises(UsageError, match="a bad question"):
        model.score("bad", ["a"])


class CaveLeague:
    def cast(self, place: Workplace) -> tuple[CaveWorld, dict[str, dict[str, TableAgent]]]:
        world = CaveWorld("ann", "bo")
        return world, {name: {seat: TableAgent(name) for seat in world.seats} for name in ("a", "b", "c")}


def test_a_league_comes_out_the_same(nodes: Cluster) -> None:
    world, cast = CaveLeague().cast(Workplace(None))
    for name, command in (("a", "dig"), ("b", "east")):  # what workers cannot know by themselves
        for agent in cast[name].values():
            for place in range(-9, 10):
                seen = replace(world.observe(world.initial(0), "ann"), description=f"You stand at {place}.")
                step = {"observation": seen, "next_observation": seen, "candidates": (), "terminated": True}
                agent.learn(Transition(command=command, reward=1.0, **step))
    alone = round_robin(world, cast, episodes=5, seed=3)
    with RayPool(CaveLeague(), workers=2) as pool:
        shared = round_robin(
            world,
            cast,
            episodes=5,
            seed=3,
            elsewhere=lambda listed: play_meetings(pool, listed, cast, max_steps=1000),
        )
    assert shared == alone
    assert len({cell.focal.value for cell in alone.cells.values()}) > 3


@dataclass(frozen=True)
class Present(Crew):
    """The workers of a cluster in which this program has a place already."""

    engine: Engine = "ray"
    models: PlacedModels = field(default_factory=PlacedModels)

    @contextmanager
    def joined(self) -> Iterator[PlacedModels]:
        yield self.models


@dataclass(frozen=True)
class Asking:
    """A unit of a benchmark that asks a language model."""

    place: str
    model: str

    @property
    def label(self) -> str:
        return self.place

    def run(self, home: Home) -> dict[str, Any]:
        from sandbox.bench.learning import units

        (score,) = units.model(self.model).score(self.place, [" go"])
        return {"score": score.logprob, "by": type(units.model(self.model).model).__name__}


def test_rounds_and_benchmarks_come_out_the_same(nodes: Cluster, tmp_path: Path, tiny_model: Path) -> None:
    # Not above: every worker of this file would load what trains.
    from sandbox.bench.learning.units import UnitContext
    from sandbox.tune.jobs import explored
    from sandbox.tune.rounds import RoundPlan
    from sandbox.tune.worker import RoundWorker

    plan = RoundPlan(
        home=tmp_path,
        save=tmp_path / "saves" / "friday",
        card="model: smollm2-135m-instruct\ncombine:\n  method: prior\n",
        model=str(tiny_model),
        sources=("selfplay",),
        worlds=("tw:coin?level=2&seed=1", "tw:coin?level=3&seed=2"),
        eval_worlds=("tw:coin?level=1&seed=3", "tw:coin?level=3&seed=1", "tw:coin?level=2&seed=2"),
        eval_seeds=(0, 1),
        max_steps=2,
        threads=1,
    )

    def worker(name: str, crew: Crew) -> RoundWorker:
        (folder := tmp_path / name).mkdir()
        (folder / "plan.json").write_text(plan.model_dump_json())
        return RoundWorker(folder, crew)

    found = list(worker("explored", Present(workers=2))._explored())
    assert found == [explored(Home(tmp_path), world) for world in plan.worlds]
    assert all(each.commands for each in found)

    crew = Present(workers=1)  # and so one model, which takes seconds to load
    shared = worker("shared", crew)
    episodes = shared.episodes("before", None)
    assert episodes == worker("alone", HERE).episodes("before", None)
    assert len(episodes) > 3
    (shared.folder / "before.json").unlink()
    (shared.folder / "cancel").touch()
    with pytest.raises(Stopped):
        shared.episodes("before", None)

    asked = [Asking(place, str(tiny_model)) for place in ("a cave", "a hut", "a road")]
    results = UnitContext(Home(tmp_path), crew=crew).finish(asked)
    alone = [unit.run(Home(tmp_path)) for unit in asked]
    assert [each["score"] for each in results] == pytest.approx([each["score"] for each in alone], abs=1e-4)
    assert {each["by"] for each in results} == {"PlacedModel"} and {each["by"] for each in alone} == {"LocalModel"}


def test_a_machine_that_is_gone_takes_nothing_with_it(nodes: Cluster, tmp_path: Path) -> None:
    """The last of this file that needs both machines."""
    alone = play(InlinePool(CaveStages(True), slots=3), tmp_path / "a", learn=True, staleness=2)
    (second,) = [node for node in nodes.list_all_nodes() if node is not nodes.head_node]
    with RayPool(CaveStages(True), workers=2, batch=2) as pool:

        def remove(ended: int) -> None:
            if ended == 3:
                nodes.remove_node(second, allow_graceful=False)

        shared = play(pool, tmp_path / "b", learn=True, staleness=2, often=remove)
    assert shared == alone


def run(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--home", str(home), "run", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100", "TMPDIR": str(home), "HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_plays_the_same_on_ray_and_leaves_nothing_behind(tmp_path: Path) -> None:
    def lines(*more: str) -> list[str]:
        run(tmp_path, "honey", "weathercock", "--episodes", "3", "--max-steps", "15", "--agent", "q-table", *more)
        return sorted(Path(more[1]).read_text().splitlines())

    shared = lines("--jsonl", str(tmp_path / "ray.jsonl"), "--engine", "ray", "--workers", "2")
    assert shared == lines("--jsonl", str(tmp_path / "local.jsonl"))
    assert len(shared) == 6 and all(json.loads(line)["staleness"] == 0 for line in shared)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["local.jsonl", "ray.jsonl"]


ASIDE = """
import signal, threading
from sandbox.errors import UsageError
from sandbox.scale.cluster import RayPool, RaySession

ending = lambda *_: None
signal.signal(signal.SIGTERM, ending)
said = []

def aside():
    with RaySession() as place:
        with RayPool(workers=1) as pool:
            said.append(pool.slots)
        try:
            RaySession().__enter__()
        except UsageError as error:
            said.append(error.message)
        import ray
        said.append(ray.is_initialized())
    said.append(ray.is_initialized())

thread = threading.Thread(target=aside)
thread.start()
thread.join()
assert said == [1, "Ray cannot be used: this program has a place in a cluster already", True, False], said
assert signal.getsignal(signal.SIGTERM) is ending
"""


def test_a_session_on_any_thread_leaves_signals_and_nothing_else_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASIDE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": search_path(), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_ray_a_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["--home", str(tmp_path), "run", "honey", "--agent", "q-table"]
    ended = CliRunner().invoke(app, [*words, "--engine", "ray"])
    assert isinstance(ended.exception, UsageError) and "chat-agent-sandbox[ray]" in str(ended.exception)
    ended = CliRunner().invoke(app, [*words, "--workers", "2"])
    assert isinstance(ended.exception, UsageError) and "--engine ray" in str(ended.exception)

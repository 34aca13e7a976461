"""The process of a round: gather, evaluate, train, evaluate again, publish. Resumed, no phase is done twice.

    python -m sandbox.tune.worker saves/NAME/rounds/NUMBER [CREW]

A trial ends when the first step of the training has been timed. It is started by `sandbox.tune.rounds`, from which
it inherits the locks that say that it runs.
"""

from __future__ import annotations

import errno
import gc
import json
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.errors import SandboxError
from sandbox.files import new_folder, write_bytes
from sandbox.llm import registry as model_registry
from sandbox.llm.catalogue import ModelSource
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import ModelWithAdapter
from sandbox.llm.service.client import ModelProcess
from sandbox.llm.template import ChatTemplate
from sandbox.machine import cores
from sandbox.paths import Home
from sandbox.scale.crew import HERE, Crew
from sandbox.scale.jobs import Workplace, in_order
from sandbox.scale.models import PlacedModels
from sandbox.session.runner import Episode
from sandbox.tune import collect, examples, gate, starts, training
from sandbox.tune.adapters import BASE, AdapterInfo, Adapters, describe
from sandbox.tune.errors import Stopped
from sandbox.tune.event_log import Log
from sandbox.tune.examples import Example, Origin
from sandbox.tune.exploration import EXPLORED_SEED, best_way
from sandbox.tune.gate import GateResult
from sandbox.tune.jobs import ExploreJob, GateJob, GateStage, explored
from sandbox.tune.loop import TrainingProgress
from sandbox.tune.rounds import Round, RoundPlan
from sandbox.tune.selfplay import Explored
from sandbox.tune.starts import EpisodeStart
from sandbox.tune.tracking import CurveWriter
from sandbox.tune.voice.source import from_world
from sandbox.types import LanguageModel
from sandbox.world import registry

_EPISODES: TypeAdapter[list[Episode]] = TypeAdapter(list[Episode])
_AT_ONCE = 4
"""Episodes of the gate in one job, where many processes play."""
_FIXED = (
    "{world} is the same game whatever the seed: of its {count} episodes, all but the first start after a few "
    "random commands"
)


class _NotLoaded:
    """A language model of which only the chat template is wanted."""

    def __init__(self, reference: str) -> None:
        self._reference = reference

    @property
    def chats(self) -> bool:
        return ChatTemplate.of_folder(model_registry.resolve(self._reference).folder).chats


class RoundWorker:
    """One round at work.

    Args:
        folder: the round's.
        crew: explores worlds, and plays the episodes of the gate.
    """

    def __init__(self, folder: Path, crew: Crew) -> None:
        self.folder = folder
        self.crew = crew
        self.plan: RoundPlan = Round(folder).plan
        self.home = Home(self.plan.home)
        self._events = Log(folder / "events.jsonl")
        self.curves = CurveWriter()

    @cached_property
    def card(self) -> Card:
        """The plan's, with the form of prompts that its agent plays with."""
        card = self.plan.parsed_card()
        return card.model_copy(update={"prompt": prompt.settled(card, _NotLoaded(self.plan.model))})

    def tell(self, kind: str, **data: Any) -> None:
        """Add an event. Raises `OSError` where the disk is full."""
        self._events.add(kind, **data)

    def last_word(self, kind: str, **data: Any) -> None:
        """Say how it ended, in the room that was kept for it where the disk is full."""
        self._events.add_last(kind, **data)

    def stopped(self) -> bool:
        """Whether somebody wishes it to stop."""
        return (self.folder / "cancel").exists()

    def run(self) -> None:
        """The whole round."""
        plan = self.plan
        self.curves = CurveWriter(plan.report_to, self.folder / "tensorboard", plan.settings.model_dump())
        self.tell("started", method=plan.settings.method, model=plan.model, parent=plan.parent)
        data = self.gather()
        self.tell("data", examples=len(data), **asdict(collect.survey(data)))
        before = self.episodes("before", self.adapter_folder(plan.parent))
        trained = self.folder / "adapter"
        if not trained.is_dir():
            self.train(data, trained)
        about = json.loads((trained / "training.json").read_text(encoding="utf-8"))
        after = self.episodes("after", trained, before)
        outcome = None
        if before:
            outcome = gate.compare(
                before,
                after,
                plan.rule,
                tolerance=plan.tolerance,
                confidence=plan.confidence,
                perplexity=about["perplexity"],
                looks=True,
            )
            self.tell("gate", outcome=outcome.model_dump(), perplexity=about["perplexity"])
            for step, side in enumerate((outcome.before, outcome.after)):
                self.curves.add(step, {"gate/won": side.won / side.episodes, "gate/score": side.score})
        passed = plan.rule == "none" if outcome is None else outcome.passed
        adapter = self.publish(trained, about, data, outcome)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.last_word("finished", adapter=adapter, passed=passed, memory_gib=memory)
        (self.folder / "checkpoint.safetensors").unlink(missing_ok=True)
        shutil.rmtree(trained, ignore_errors=True)

    def trial(self) -> None:
        """Gather the data and time the first step."""
        data = self.gather()
        self.tell("data", examples=len(data), **asdict(collect.survey(data)))
        self.train(data, None)
        self.last_word("estimated")

    # Data.

    def gather(self) -> list[Example]:
        """The examples, out of the saves and worlds of the plan, or as they were gathered before."""
        file = self.folder / "data.jsonl"
        method = self.plan.settings.method
        if file.exists():
            return examples.read(file)
        found: list[Example] = []
        votes = self.plan.settings.votes
        for source in self.plan.sources:
            if source not in ("selfplay", "explore"):
                found += collect.from_saves(self.home, self.plan.saves, self.card, source, votes)
        if self.plan.worlds and method == "sft":
            found += list(self._from_worlds())
        kept: list[Example] = collect.usable(found, method)
        if method not in ("grpo", "rloo"):
            collect.check(kept, method)
        examples.write(file, kept)
        return kept

    def _from_worlds(self) -> Iterator[Example]:
        sources, worlds = self.plan.sources, self.plan.worlds
        if "demonstrations" in sources or "all" in sources:
            for number, reference in enumerate(worlds):
                self.phase("reading walkthroughs", number, len(worlds))
                with closing(registry.open_world(reference, home=self.home)) as world:
                    yield from collect.from_walkthrough(world, self.card)
        if "voice" in sources:
            for number, reference in enumerate(worlds):
                self.phase("playing and speaking", number, len(worlds))
                with closing(registry.open_world(reference, home=self.home)) as world:
                    yield from from_world(world, reference, self.card, number)
        if "explore" in sources:
            for number, reference in enumerate(worlds):
                self.phase("reading explorations", number, len(worlds))
                with closing(registry.open_world(reference, home=self.home)) as world:
                    moments, _ = examples.play_through(world, EXPLORED_SEED, best_way(world, EXPLORED_SEED))
                    origin = Origin(kind="explore", world=world.name)
                    yield from examples.transcripts(self.card, moments, origin, verbs=world.verbs)
        if "selfplay" in sources:
            won = 0
            for number, found in enumerate(self._explored()):
                won += bool(found.commands)
                self.phase("exploring", number + 1, len(worlds), won=won)
                if found.commands:
                    with closing(registry.open_world(found.world, home=self.home)) as world:
                        moments, _ = examples.play_through(world, found.seed, found.commands)
                    origin = Origin(kind="selfplay", world=world.name)
                    yield from examples.transcripts(self.card, moments, origin, verbs=world.verbs)

    def _explored(self) -> Iterator[Explored]:
        """Every world explored, on all cores, or by the crew."""
        if self.crew.shared:
            jobs = (ExploreJob(key=world, pieces=(world,), home=self.home) for world in self.plan.worlds)
            with self.crew.joined(), self.crew.pool() as workers:
                yield from in_order(workers, jobs)
            return
        with get_context("spawn").Pool(cores()) as pool:
            yield from pool.imap(partial(explored, self.home), self.plan.worlds)

    # Evaluation.

    def adapter_folder(self, adapter: str) -> Path | None:
        """Where an adapter of the save is."""
        return None if adapter == BASE else Adapters.of(self.plan.save).path(adapter)

    def episodes(self, side: str, adapter: Path | None, before: Sequence[Episode] = ()) -> list[Episode]:
        """Play the worlds of the gate, or read how they went before.

        With the episodes of the side before, no more is played once the gate is passed, or could not be any more.
        """
        file = self.folder / f"{side}.json"
        if file.exists():
            return _EPISODES.validate_json(file.read_bytes())
        if not self.plan.eval_worlds:
            return []
        played: list[Episode] = []
        total = len(self.plan.eval_worlds) * len(self.plan.eval_seeds)

        def told(episode: Episode) -> None:
            played.append(episode)
            self.tell(
                "episode",
                side=side,
                done=len(played),
                of=total,
                world=episode.world,
                won=episode.won,
                score=episode.score,
                steps=episode.steps,
            )

        def enough() -> bool:
            plan = self.plan
            if not before or plan.rule == "none":
                return False
            asked = {"tolerance": plan.tolerance, "confidence": plan.confidence}
            return gate.hopeless(before, played, **asked) or gate.settled(before, played, plan.rule, **asked)

        def jobs() -> Iterator[GateJob]:
            nonlocal total
            order = np.random.default_rng(self.plan.settings.seed).permutation(len(self.plan.eval_worlds))
            for reference in (self.plan.eval_worlds[number] for number in order):
                chosen = self._starts(reference, side)
                total += len(chosen) - len(self.plan.eval_seeds)
                most = _AT_ONCE if self.crew.shared else len(chosen)
                for first in range(0, len(chosen), most):
                    yield GateJob(key=(reference, first), pieces=chosen[first : first + most], world=reference)

        with self.crew.joined() as placed, self.crew.pool(self._stage(adapter, placed)) as pool:
            try:
                for episode in in_order(pool, jobs()):
                    told(episode)
                    if enough():
                        break
            except SandboxError as error:  # workers cannot tell which it was
                if self.stopped():
                    raise Stopped("stopped while it was evaluated") from error
                raise
        write_bytes(file, _EPISODES.dump_json(played))
        return played

    def _starts(self, reference: str, side: str) -> tuple[EpisodeStart, ...]:
        """Where the episodes of a world of the gate start."""
        with closing(registry.open_world(reference, home=self.home)) as world:
            chosen = starts.starts(world, self.plan.eval_seeds)
            if side == "before" and starts.is_fixed(world, self.plan.eval_seeds):
                self.tell("note", text=_FIXED.format(world=world.name, count=len(chosen)))
        return chosen

    def _stage(self, adapter: Path | None, placed: PlacedModels | None) -> GateStage:
        """With what the episodes of the gate are played, here or by a crew."""
        source, loading = model_registry.resolve(self.plan.model), self._loading()
        if placed is not None:
            placed.local(source, loading)
            player: Callable[[Workplace], LanguageModel] = partial(_placed, placed, source, loading, adapter)
        else:
            model = self.player(adapter)
            player = lambda place: model  # noqa: E731
        return GateStage(
            home=self.home,
            card=self.card,
            max_steps=self.plan.max_steps,
            cancel=self.folder / "cancel",
            player=player,
        )

    def player(self, adapter: Path | None) -> LanguageModel:
        """The language model with an adapter, to play with here."""
        if self.plan.model_process and self.plan.memory_gib is None:
            source = model_registry.resolve(self.plan.model)
            return ModelWithAdapter(ModelProcess(source.name, source.folder, self._loading()), adapter)
        model = self.load()
        model.use_adapter(adapter)
        return model

    def load(self) -> LocalModel:
        """The language model, fresh from the disk; only one is held at a time."""
        gc.collect()
        source = model_registry.resolve(self.plan.model)
        return LocalModel.load(source.folder, name=source.name, **self._loading())

    def _loading(self) -> dict[str, Any]:
        plan, card = self.plan, self.card
        return {
            "threads": plan.threads,
            "device": card.device if plan.device == "auto" else plan.device,
            "dtype": card.dtype if plan.dtype == "auto" else plan.dtype,
        }

    # Training.

    def train(self, data: list[Example], folder: Path | None) -> None:
        """Train, and write the adapter into a folder; None stops after the first step, with an estimate."""
        started = time.monotonic()
        spent = 0.0

        def on_step(progress: TrainingProgress) -> None:
            nonlocal spent
            if self.stopped() and folder is None:
                raise Stopped("stopped")
            speed = progress.tokens / progress.seconds if progress.seconds else 0.0
            left = (progress.steps - progress.step) * progress.seconds
            if spent == 0.0:
                seconds = left + progress.seconds
                self.tell("estimate", seconds=seconds, steps=progress.steps, tokens_per_second=speed)
                if folder is None:
                    raise _Enough
            measured = {f"train/{name}": value for name, value in progress.measures.items()}
            self.curves.add(
                progress.step, {"train/loss": progress.loss, "train/tokens_per_second": speed, **measured}
            )
            spent = progress.seconds if spent == 0.0 else 0.8 * spent + 0.2 * progress.seconds
            self.tell(
                "step",
                step=progress.step,
                of=progress.steps,
                loss=progress.loss,
                tokens_per_second=speed,
                seconds_left=(progress.steps - progress.step) * spent,
                note=progress.note,
            )

        self.phase("loading the language model", 0, 0)
        try:
            made = training.train(
                self.load(),
                data,
                self.plan,
                parent=self.adapter_folder(self.plan.parent),
                home=self.home,
                checkpoint=None if folder is None else self.folder,
                on_step=on_step,
                on_phase=self.phase,
                on_note=lambda text: self.tell("note", text=text),
                stop=self.stopped,
            )
        except _Enough:
            return
        assert folder is not None, "a trial ends at its first step"
        with new_folder(folder) as work:
            (work / "adapter_model.safetensors").write_bytes(made.weights)
            (work / "adapter_config.json").write_text(json.dumps(made.config), encoding="utf-8")
            about = {"perplexity": made.perplexity, "seconds": time.monotonic() - started}
            (work / "training.json").write_text(json.dumps(about), encoding="utf-8")

    def publish(
        self, trained: Path, training: dict[str, Any], data: list[Example], outcome: GateResult | None
    ) -> str:
        """Put the adapter among those of the save, once. Returns its name."""
        adapters, claim = Adapters.of(self.plan.save), self.folder / "published.json"
        if claim.exists() and (made := AdapterInfo.model_validate_json(claim.read_bytes())) in list(adapters):
            return made.id
        method, perplexity = self.plan.settings.method, training["perplexity"]
        about = describe(
            adapters.new_id(method),
            parent=self.plan.parent,
            model=model_registry.resolve(self.plan.model).name,
            method=method,
            data=examples.digest(data),
            settings=self.plan.settings.model_dump(),
            examples=collect.survey(data).by_kind,
            worlds=tuple(dict.fromkeys([*(e.origin.world for e in data), *self.plan.worlds])),
            outcome=outcome,
            perplexity=None if perplexity is None else tuple(perplexity),
            seconds=training["seconds"],
        )
        write_bytes(claim, about.model_dump_json().encode())
        adapters.publish(
            about,
            (trained / "adapter_model.safetensors").read_bytes(),
            json.loads((trained / "adapter_config.json").read_text(encoding="utf-8")),
        )
        return about.id

    def phase(self, what: str, done: int, of: int, **more: Any) -> None:
        """Say how far something is, and stop where that is wished. Raises `Stopped`."""
        if self.stopped():
            raise Stopped(f"stopped while {what}")
        self.tell("phase", what=what, done=done, of=of, **more)


class _Enough(Exception):  # noqa: N818
    """The trial has seen what it wanted to see."""


def _placed(
    placed: PlacedModels, source: ModelSource, loading: dict[str, Any], adapter: Path | None, place: Workplace
) -> LanguageModel:
    """The language model of a cluster with an adapter, as a worker asks it."""
    return ModelWithAdapter(placed.of_worker(place.number).local(source, loading), adapter)


def main(folder: Path, crew: Crew = HERE) -> int:
    """Run a round, and say in its events how it ended. Returns the exit status."""
    worker = RoundWorker(folder, crew)
    limit = worker.plan.memory_gib
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 2**30),) * 2)
    try:
        if Round(folder).trial:
            worker.trial()
        else:
            worker.run()
    except Stopped as stop:
        worker.last_word("cancelled", message=stop.message)
    except BaseException as error:
        worker.last_word("failed", **_explained(error))
        traceback.print_exc()
        return 1
    finally:
        worker.curves.close()
    return 0


def _explained(error: BaseException) -> dict[str, str]:
    """What a person is told about a failure."""
    if isinstance(error, SandboxError):
        return {"message": f"{error.where}: {error.message}" if error.where else error.message, "hint": error.hint}
    text = str(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "not enough memory" in text:
        return {
            "message": "the memory does not suffice",
            "hint": "take a smaller --batch, or less at once with --set pack=512",
        }
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return {"message": "the disk is full", "hint": "make room and resume the round"}
    if isinstance(error, KeyboardInterrupt):
        return {"message": "interrupted", "hint": "resume the round"}
    message = f"unexpected {type(error).__name__}: {text[:300]}"
    return {"message": message, "hint": "log.txt in its folder says more"}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *(Crew(**json.loads(text)) for text in sys.argv[2:3])))

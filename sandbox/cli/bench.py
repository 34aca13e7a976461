"""`sandbox bench`: measurements, each beside its target."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from sandbox.bench.report import Report
from sandbox.cli import context, engines, results
from sandbox.errors import UsageError
from sandbox.llm.catalogue import DEFAULT
from sandbox.paths import bundled, cache_dir
from sandbox.types import Dtype

app = typer.Typer(
    help="Measure how fast and how well things work on this machine, each figure beside its target.",
    no_args_is_help=True,
)

Quick = Annotated[bool, typer.Option("--quick", help="A shorter measurement, less sure of its figures.")]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write one JSON object; `-` is standard output.")
]


@app.command()
def decision(ctx: typer.Context, quick: Quick = False, json_file: Json = None) -> None:
    """How long the language model takes over a decision, for one agent and for four that share it.

    All after a transcript of 400 tokens, of which the last 37 are new. `score` rates 20 admissible commands,
    `sample` writes 8 samples of 12 tokens.

    - `seconds_per_decision_20`: score mode, one agent, no decision cache
    - `speedup_vs_full_prompts`: the same against a padded batch of 20 full prompts
    - `max_abs_error`: the greatest difference between the two, in nats
    - `seconds_MODE_one_agent`: one agent, no decision cache
    - `seconds_MODE_four_agents_one_by_one`: four, each with a transcript of its own, asked one after the other
    - `seconds_MODE_four_agents_together`: the four in one pass
    - `speedup_MODE_four_agents`: the one against the other
    - `max_abs_error_together`: the greatest difference between the two, in nats
    - `parallel_16_speedup`: decisions a second of 16 games that ask the model's process at once, against one game
    - `seconds_MODE_AGENTS_cached`: in a state that was seen before, so that the decision cache answers
    - `seconds_per_decision_20_bf16`: as the first, computed in bfloat16
    - `top1_agreement_bf16`: the share of 200 states (20 with --quick) in which that puts the same command first
    - `max_abs_error_bf16`: the greatest difference in those states
    - where a decision's time goes: the linear layers, the rest of attention, the output layer, the rest of the
      layers, and Python around them; by itself, and in a pass of 16
    """
    from sandbox import wiring
    from sandbox.bench import decision as bench

    def models(dtype: Dtype) -> wiring.Models:
        given = context.of(ctx).settings.model_copy(update={"dtype": dtype, "device": "cpu"})
        return wiring.Models(given, on_note=context.notes.print)

    exact, rounded = (models(dtype).get(DEFAULT) for dtype in ("float32", "bfloat16"))
    shared = models("float32").asked(DEFAULT)
    _run(lambda progress: bench.run(exact, rounded, shared, quick=quick, progress=progress), json_file)


@app.command()
def worlds(ctx: typer.Context, quick: Quick = False, json_file: Json = None) -> None:
    """Steps a second of the native engine against TextWorld's, snapshots, and the cost of large worlds.

    `steps_per_second` is the engine by itself. `env_steps_per_second` and `vector_steps_per_second` are random
    play through Gymnasium, alone and in 16 episodes side by side, where a world keeps what its commands led to.
    """
    from sandbox.bench import worlds as bench

    _run(lambda progress: bench.run(context.of(ctx).home, quick=quick, progress=progress), json_file)


@app.command()
def stories(
    folder: Annotated[
        Path, typer.Option("--stories", metavar="DIR", help="A folder of story files with known walkthroughs.")
    ],
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """Whether the commands that are listed for Z-machine stories hold what matters, and how long that takes.

    Over the first 50 states (10 with --quick) of the walkthrough that Jericho has of each file; files without one
    are left out. Nothing that was remembered before is used.

    - `recall_mean`, `recall_worst`: the share of states whose list holds a command with the walkthrough command's
      effect, over the files: the same world hash, score and end, or where these stay, the same new text
    - `seconds_new_state_median`, `seconds_new_state_p95`: CPU time to list the commands of a new state
    - `waited_new_state_median`, `waited_new_state_p95`: the same by the clock
    - `seconds_known_state`: to list them again
    - `effective_share`: the share of listed commands that change something, or tell something new
    """
    from sandbox.bench import stories as bench

    _run(lambda progress: bench.run(folder, quick=quick, progress=progress), json_file)


@app.command()
def tales(
    ctx: typer.Context,
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="CARD", help="Who plays. Repeatable; `random` and `lm` if none."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--stories", metavar="DIR", help="Story files to play too, in the place of Jericho's."),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--listed", help="Give agents the lists of commands, which is not the protocol.")
    ] = False,
    quick: Quick = False,
    json_file: Json = None,
    allow_host: context.AllowHost = None,
) -> None:
    """The protocol of TALES, a suite of text adventures for language models: scores beside the published ones.

    100 commands a game, one seed, nothing listed; a game that ends before is begun anew. Played are ten levels of
    TextWorld's cooking, the stories of a folder, and TextWorldExpress and ScienceWorld where their packages are
    installed (docs/stories.md). With --quick two games of each and 15 commands.

    The table has the highest score as a share of what can be reached, in percent: the mean over the games of a
    family, and then game by game.
    """
    from functools import partial

    from sandbox import wiring
    from sandbox.agent.registry import CardFile
    from sandbox.bench import tales as bench

    where = context.of(ctx)
    models = wiring.Models(where.settings, context.notes.print, context.permission(where, allow_host))
    cards = [CardFile.find(where.home, name) for name in agent or ["random", "lm"]]
    agents = {file.card.name: partial(wiring.build_agent, file, models) for file in cards}
    note = partial(context.notes.print, markup=False, highlight=False)
    _run(
        lambda progress: bench.run(agents, folder, listed=listed, quick=quick, note=note, progress=progress),
        json_file,
    )


@app.command()
def solver(ctx: typer.Context, quick: Quick = False, json_file: Json = None) -> None:
    """What the checker and the solver of worlds prove, how fast, and how long their plans are.

    On rambling houses of 20 to 2,000 rooms with locked doors: those that can be won, the same with a key locked in
    behind its own door, and the same with a pit, a key that can be eaten, a lamp that can be lost.

    - `winnable_solved_SIZE`, `seconds_to_solve_SIZE`: a plan is found and wins when it is played
    - `unwinnable_proved_SIZE`, `key_named_SIZE`, `seconds_to_prove_SIZE`: it is proved, and the reason is the key
    - `dead_ends_found_KIND`, `false_alarms_in_clean_worlds`: what the check finds, and what it invents
    - `plan_length_to_shortest`: plans against the shortest there are, at worst, in small worlds
    - `bundled_worlds_proved`, `seconds_to_check_bundled_worlds`: the worlds that come with the program
    """
    from sandbox.bench import solver as bench

    _run(lambda progress: bench.run(context.of(ctx).home, quick=quick, progress=progress), json_file)


@app.command()
def store(quick: Quick = False, json_file: Json = None) -> None:
    """Opening a save of 10,000 turns, and writing one more turn to it."""
    from sandbox.bench import store as bench

    _run(lambda progress: bench.run(quick=quick, progress=progress), json_file)


@app.command()
def scale(ctx: typer.Context, quick: Quick = False, json_file: Json = None) -> None:
    """What many workers come to, with Ray on this machine. A decision takes half a second, as if asked elsewhere.

    - `decisions_per_second_N`: with so many workers, each with one game
    - `efficiency_4`: of four workers, against four times one
    - `writer_turns_per_second`: what the one writer of a save takes, learning from each
    - `memory_per_world`: what one more game of `honey` takes in a worker
    """
    from sandbox.scale.cluster import check_ray

    check_ray()
    from sandbox.bench import scale as bench

    _run(lambda progress: bench.run(context.of(ctx).home, quick=quick, progress=progress), json_file)


@app.command()
def people(
    quick: Quick = False,
    json_file: Json = None,
    games: Annotated[int, typer.Option(min=1, max=64, help="How many are played at once.")] = 8,
) -> None:
    """Many people at once, with a PostgreSQL server and a `sandbox serve` of its own, and the default model.

    - `rating_p95_ms_30_people`: from the key to the database, while thirty people rate, one or two a second each
    - `rating_p95_ms_30_without_pause`: the same, all as fast as they can
    - `key_p95_ms_8_games`: from a key to its letter in the browser, while eight agents run with language models
    - `model_processes`, `memory_models`: the processes that decide for all of them, and what they take
    - `memory_per_game`: what the process of a game takes
    """
    from sandbox.bench import people as bench

    _run(lambda progress: bench.run(quick=quick, games=games, progress=progress), json_file)


@app.command()
def gate(quick: Quick = False, json_file: Json = None) -> None:
    """How often a round's gate passes what it should, by simulation.

    Episodes are won by chance, each in a world of its own; what came before wins all, or half.

    - `default_episodes`: the fewest that can tell, by the default tolerance and confidence
    - `passed_10_points_worse_...`, `passed_equal_...`: the share of rounds that the gate lets pass
    - `undecided_equal_where_half_is_won`: it says so, in place of accepting
    - `episodes_needed_where_half_is_won`: what it asks for then, and how it does with that many
    - `episodes_played_10_points_worse`: how soon it stops where it could not be passed any more
    """
    from sandbox.bench import gate as bench

    _run(lambda progress: bench.run(quick=quick, progress=progress), json_file)


@app.command()
def learning(
    ctx: typer.Context,
    quick: Quick = False,
    json_file: Json = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the learning curves into this PNG file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Where finished units of work are kept. Default: the user's cache."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what earlier runs have finished.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, max=10_000, help="Processes that work at once.")] = 2,
    engine: engines.Engine = "local",
    address: engines.Address = None,
) -> None:
    """What helps learning: a language model, a learner, both together; several agents; and how far from the truth.

    About an hour on two idle cores, five minutes with --quick. What was finished is kept, in the user's cache or
    in the folder of --out: a run that was stopped goes on where it was, and a finished one is only shown again.
    After a change of the code, say --fresh. What is measured, and how to read it: docs/learning.md.

    With --engine ray the processes may be those of a cluster, and one model answers them all together.
    """
    from sandbox.bench import learning as bench
    from sandbox.bench.learning.units import UnitContext

    kept = (out or cache_dir() / "bench") / ("learning-quick.jsonl" if quick else "learning.jsonl")
    if fresh:
        kept.unlink(missing_ok=True)

    crew = engines.crew(engine, address, workers if engine == "ray" else None)

    def measure(progress: Callable[[str], None]) -> Report:
        return bench.run(UnitContext(context.of(ctx).home, quick, workers, kept, progress, crew), plot)

    _run(measure, json_file)


@app.command()
def rounds(
    quick: Quick = False,
    speed: Annotated[bool, typer.Option("--speed", help="Only the speed of training.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where the rounds are kept. Default: the user's cache."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what earlier runs have finished.")] = False,
    json_file: Json = None,
    engine: engines.Engine = "local",
    address: engines.Address = None,
    workers: engines.Workers = None,
) -> None:
    """Fine-tuning rounds, from demonstrations and from self-play, on games never seen: about an hour.

    A run that was stopped goes on where it was, and a finished round is only shown again. After a change of the
    code, say --fresh.
    """
    from sandbox.bench import rounds as bench

    kept = (out or cache_dir() / "bench").absolute() / ("rounds-quick" if quick else "rounds")
    if fresh:
        shutil.rmtree(kept, ignore_errors=True)
    crew = engines.crew(engine, address, workers)
    _run(lambda progress: bench.run(kept, quick=quick, speed_only=speed, progress=progress, crew=crew), json_file)


@app.command()
def gpu(
    ctx: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Which language model.")] = DEFAULT,
    device: context.Device = None,
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """What a GPU gains, in under eight minutes: decisions, words, games side by side, training, a round.

    Where there is no GPU it says so; --device cpu measures the processor in its place.

    - `seconds_per_decision_20`: 20 commands after 400 tokens, of which 37 are new
    - `sampled_tokens_per_second`: 8 samples of 12 tokens
    - `decisions_per_second_16_games`, `parallel_16_speedup`: games whose decisions share passes, against one
    - `training_tokens_per_second`: supervised fine-tuning, LoRA of rank 16
    - `minutes_selfplay_round_20`: a whole round of self-play on 20 games, and its gate on 20 others
    """
    from sandbox.bench import gpu as bench

    wanted = context.of(ctx).settings.device
    with TemporaryDirectory() as folder:
        _run(lambda progress: bench.run(model, wanted, Path(folder), quick=quick, progress=progress), json_file)


@app.command()
def models(
    ctx: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="Which. Repeatable; the default and gemma-3-270m if none."),
    ] = None,
    device: context.Device = None,
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """Language models beside each other, as they come: no adapter, nothing learned.

    - `decision`: seconds for 20 commands after 400 tokens, of which 37 are new
    - `won of 10`: generated games, at most 25 commands each, the likeliest command each time
    - `sampling`: tokens a second, 8 samples side by side
    - `training`: tokens a second of supervised fine-tuning
    """
    from sandbox.bench import models as bench

    named = model or [DEFAULT, "gemma-3-270m"]
    settings = context.of(ctx).settings
    _run(lambda progress: bench.run(named, settings, quick=quick, progress=progress), json_file)


@app.command()
def companion(
    ctx: typer.Context,
    quick: Quick = False,
    json_file: Json = None,
    stories: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Story files to measure with; without it, none are.", exists=True),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="`play`, `speech`, `personas`, `advice`, `answers` or `stories`. Repeatable; all by default.",
        ),
    ] = None,
) -> None:
    """How good a companion the default agent is, on seeds never trained on: how it plays, speaks and listens.

    - `won_of_20_unseen`: TextWorld games won in the first episode, nothing learned
    - `spoken_share`, `distinct_share`: of the best three proposals those with a sentence; different ones
    - `true_share`: true statements among those that are true or false
    - `persona_identified`: how often a plain classifier tells which of five personas spoke
    - `first_word_seconds`, `spoken_decision_seconds`: medians, after the decision
    - `advice_followed`: advice in words never trained on whose command becomes the top proposal
    - `answers_right`: where-is and why questions, by companion and partner
    - `understood_unlisted`: lines that a story understands, at 20 states of each
    - `perplexity_ratio`: of a fixed text, with the adapter against without
    """
    from sandbox import wiring
    from sandbox.agent.registry import CardFile
    from sandbox.bench import companion as bench
    from sandbox.tune.adapters import Adapters

    where = context.of(ctx)
    card = CardFile.find(where.home, "lm-q").card
    adapters = Adapters(bundled() / "agents")
    model = wiring.Models(where.settings, on_note=context.notes.print).get(card.model or "smollm2-135m-instruct")
    subject = bench.Subject(card, model, adapters.path("voice"), adapters.get("voice"))
    _run(lambda progress: bench.run(subject, stories, quick=quick, parts=part or (), progress=progress), json_file)


@app.command()
def ui(ctx: typer.Context, quick: Quick = False, json_file: Json = None) -> None:
    """The screen: from a key to its letter while a model decides or a round trains, starting, cancelling.

    Drives the real program in a terminal of its own, with the default model. About three minutes.
    """
    from sandbox.bench import ui as bench

    _run(lambda progress: bench.run(context.of(ctx).home, quick=quick, progress=progress), json_file)


@app.command()
def soak(
    ctx: typer.Context,
    minutes: Annotated[
        float, typer.Option(min=0.2, max=24 * 60, help="How long a run without and a run with a save go on.")
    ] = 5.0,
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """Whether memory grows: runs of minutes, a language model's decisions, the screen, a long save.

    `rss_growth_percent_WHAT` is by how much the resident memory of the real program grew after a warm-up. With the
    default model. About a quarter of an hour.

    - `run`, `run_with_save`: a Q-learner, without and with --save, for so many minutes
    - `lm_q_300_decisions`: one run of a language model with a learner
    - `screen_500_turns`: the screen, typed into
    - `save_of_10000_turns`: the same over a save of so many turns, played on for 200
    """
    from sandbox.bench import soak as bench

    home = context.of(ctx).home
    _run(lambda progress: bench.run(home, minutes=minutes, quick=quick, progress=progress), json_file)


@app.command()
def install(quick: Quick = False, json_file: Json = None) -> None:
    """How long the program takes to start, and what an installation takes: size, and seconds by pip.

    - `seconds_to_help`, `seconds_to_list_the_worlds`: from the call to the end
    - `packages_...`, `megabytes_...`: what is asked for, with and without language models
    - `seconds_to_install_without_lm`, `played_without_lm`: in an environment of its own (not with --quick)
    """
    from sandbox.bench import install as bench

    _run(lambda progress: bench.run(quick=quick, progress=progress), json_file)


@app.command("all")
def everything(
    report: Annotated[Path, typer.Option("--report", metavar="DIR", help="Folder for the page and its figures.")],
    part: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this benchmark. Repeatable; all by default.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Markdown file whose block of figures is written anew."),
    ] = None,
    quick: Quick = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is there already.")] = False,
) -> None:
    """Run all benchmarks, one after the other, and write one page of figures: `index.md` and `index.html`.

    Hours on two idle cores, minutes with --quick. Each that has ended is kept in the folder, so that a run that
    was stopped goes on where it was; one that fails is named on the page, and the others go on.
    """
    from sandbox.bench import page

    parts = part or list(page.PARTS)
    if unknown := [each for each in parts if each not in page.PARTS]:
        raise UsageError(f"there is no benchmark {unknown[0]!r} here", hint=f"there are: {', '.join(page.PARTS)}")
    results.check_file(table)
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", where=report, hint="name another folder") from error
    with context.working("measuring") as say:
        found = page.measure(report, parts, quick=quick, fresh=fresh, progress=say)
    page.write(report, found)
    if table is not None:
        block = page.table_part(found)
        text = table.read_text(encoding="utf-8")
        if block.begin not in text or block.end not in text:
            raise UsageError(
                "it has no block of figures", where=table, hint=f"put {block.begin} and {block.end} there"
            )
        table.write_text(block.updated(text), encoding="utf-8")
    print(f"{report / 'index.html'}")
    problems = [f"{each}: {found[each]['problem']}" for each in parts if "problem" in found.get(each, {})]
    for problem in problems:
        context.notes.print(problem, markup=False, highlight=False)
    raise typer.Exit(1 if problems else 0)


def _run(bench: Callable[[Callable[[str], None]], Report], json_file: str | None) -> None:
    results.check_file(json_file)
    with context.working("measuring") as say:
        report = bench(say)
    if json_file is not None and results.write_json(json_file, report.as_json()):
        return
    for table in report.tables():
        context.console.print(table)

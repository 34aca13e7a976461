"""The environments pass the conformance tests of Gymnasium and PettingZoo, and say what the world said."""

import copy
import pickle
import warnings
from dataclasses import replace
from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.spaces import Box, flatten, unflatten
from gymnasium.utils.env_checker import check_env, data_equivalence
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, render_test, seed_test
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy

from sandbox.envs import UnicodeText, WorldAECEnv, WorldEnv, WorldParallelEnv, WorldVectorEnv
from sandbox.errors import SaveError, UsageError, WorldError
from sandbox.paths import bundled
from sandbox.testing.table import TableWorld, to
from sandbox.world import starter
from sandbox.world.native import NativeWorld, parse_source
from sandbox.world.registry import open_world


def garden() -> TableWorld:
    """One seat, chance, an end that wins after a few commands; Chinese text on the way."""
    return TableWorld(
        table={
            "gate": {"enter": ((0.5, "path", 0.0), (0.5, "pond", -1.0)), "wait": to("gate")},
            "path": {"on": to("亭子", 1.0), "back": to("gate")},
            "pond": {"swim": to("path")},
            "亭子": {"sit": to("rest", 2.0), "back": to("path")},
            "rest": {},
        },
        start="gate",
        wins={"rest": ["player"]},
        texts={"亭子": "你在亭子里。\nA pavilion, café-like."},
    )


def relay() -> TableWorld:
    """Two seats in turn hand a baton on; the first to stop loses and the other wins. Chance drops it."""
    table = {}
    for lap in range(6):
        for mover, other in (("ann", "bob"), ("bob", "ann")):
            table[f"{mover} {lap}"] = {
                "pass": ((0.8, f"{other} {lap + (mover == 'bob')}", 0.0), (0.2, f"{mover} {lap}", -0.5)),
                "stop": to(f"{other} wins", {mover: -2.0, other: 2.0}),
                "wait": to(f"{other} {lap + (mover == 'bob')}"),
            }
    table |= {"ann 6": {"bow": to("both", {"ann": 1.0, "bob": 1.0})}, "ann wins": {}, "bob wins": {}, "both": {}}
    return TableWorld(
        table=table,
        start="ann 0",
        wins={"ann wins": ["ann"], "bob wins": ["bob"], "both": ["ann", "bob"]},
        movers={place: place.split()[0] for place, commands in table.items() if commands},
        seats=("ann", "bob"),
    )


TASK = """
kind: task
title: Opposites
goal: Name the opposite of {word}.
items: [{word: moon, answers: [sun]}]
prompt: "{word}"
reward: {exact: answers}
"""

GATE = """
title: Two levers
turns: TURNS
rewards: shared
seats:
  ann: {start: left, goal: Open the gate.}
  bob: {start: right, goal: Open the gate.}
rooms:
  left: {description: A lever., exits: {east: middle}}
  middle: {description: A gate., exits: {west: left, east: right}}
  right: {description: A lever., exits: {west: middle}}
things:
  red lever: {at: left, fixed: true}
  blue lever: {at: right, fixed: true}
variables: {red: false, blue: false}
rules:
  - instead: pull
    thing: red lever
    say: Clunk.
    do: [{set: red, to: true}, {chance: 1/2, do: {score: 1}}]
    once: true
  - {instead: pull, thing: blue lever, say: Clunk., do: {set: blue, to: true}, once: true}
endings:
  open: {when: [{var: red}, {var: blue}, {together: [ann, bob]}], won: all, points: 5, say: The gate opens.}
limit: 30
"""


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    """Gymnasium's checker warns where it could fail; PettingZoo's warns about taste too, which is let pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings(
            "ignore", message="Agent.*|The class of|Observation|.*recommend.*|.*probably should.*"
        )
        warnings.filterwarnings("ignore", message="Action mask numpy array is all zeros")
        yield


@pytest.mark.parametrize("view", ["text", "encoded"])
def test_check_env(view):
    env = gymnasium.make("sandbox/World-v0", world=garden, view=view)
    check_env(env.unwrapped)


def test_check_env_of_a_textworld_game():
    env = gymnasium.make("sandbox/World-v0", world="tw:simple?seed=18")
    try:
        check_env(env.unwrapped)
        seen, info = env.reset(seed=1)
        assert "look" in info["admissible"]
        assert info["goal"]
        assert seen in env.observation_space
    finally:
        env.close()


def test_check_env_of_a_native_world_and_of_a_text_task(tmp_path):
    starter.write(tmp_path / "starter", "Starter")
    check_env(gymnasium.make("sandbox/World-v0", world=str(tmp_path / "starter" / "world.yaml")).unwrapped)
    task = tmp_path / "task.yaml"
    task.write_text(TASK, encoding="utf-8")
    env = gymnasium.make("sandbox/World-v0", world=str(task))
    check_env(env.unwrapped)
    env.reset(seed=0)
    assert env.step("sun")[1:3] == (1.0, True)
    with pytest.raises(UsageError, match="does not list its commands"):
        gymnasium.make("sandbox/World-v0", world=str(task), view="encoded").reset()


@pytest.mark.parametrize("turns", ["round-robin", "simultaneous"])
def test_a_native_world_for_two_passes_every_conformance_test(turns):
    world = NativeWorld(parse_source(GATE.replace("TURNS", turns)), "gate")
    for view in ("text", "encoded"):
        parallel_api_test(WorldParallelEnv(world, view=view), num_cycles=100)
        parallel_seed_test(partial(WorldParallelEnv, world, view=view), num_cycles=40)
        seed_test(partial(WorldAECEnv, world, view=view), num_cycles=40)
    api_test(WorldAECEnv(world, view="encoded"), num_cycles=100)


def test_the_text_is_the_worlds_and_the_info_has_the_rest():
    world = garden()
    env = WorldEnv(world)
    seen, info = env.reset(seed=4)
    assert seen == "gate"
    assert info["admissible"] == ("enter", "wait")
    assert info["admissible_mask"][:3].tolist() == [1, 1, 0]
    assert info["admissible_mask"].dtype == np.int8
    rewards = 0.0
    for _ in range(50):
        choice = next(c for c in ("sit", "on", "swim", "enter") if c in info["admissible"])
        seen, reward, terminated, truncated, info = env.step(choice)
        assert seen in env.observation_space
        rewards += reward
        if choice == "on":
            assert seen == "你在亭子里。\nA pavilion, café-like."
        if terminated:
            break
    assert info["won"] and not truncated
    assert rewards == pytest.approx(info["score"])


def test_a_command_that_is_not_understood_is_answered_and_an_ended_episode_asks_for_a_reset():
    env = WorldEnv(garden(), max_turns=1)
    with pytest.raises(ResetNeeded):
        env.step("enter")
    env.reset(seed=0)
    seen, reward, terminated, truncated, _ = env.step("xyzzy\x1b[2J")
    assert (seen, reward, terminated, truncated) == ("That leads nowhere.", 0.0, False, True)


def test_episodes_follow_from_the_seed():
    def places(env: WorldEnv, seed: int | None) -> list[str]:
        seen, _ = env.reset(seed=seed)
        return [seen] + [env.step(command)[0] for command in ("enter", "swim", "back", "enter", "swim", "on")]

    one, two = WorldEnv(garden()), WorldEnv(garden())
    assert places(one, 7) == places(two, 7)
    later = [(places(one, None), places(two, None)) for _ in range(8)]
    assert all(a == b for a, b in later)
    assert len({tuple(a) for a, _ in later}) > 1


def test_the_encoded_view_numbers_the_admissible_commands():
    env = WorldEnv(garden(), view="encoded")
    seen, info = env.reset(seed=0)
    assert bytes(seen["observation"]).rstrip(b"\0").decode() == "gate"
    assert seen["action_mask"].sum() == 2
    seen, *_ = env.step(info["admissible"].index("wait"))
    assert bytes(seen["observation"]).rstrip(b"\0").decode() == "gate"
    seen, *_ = env.step(200)
    assert bytes(seen["observation"]).startswith(b"That leads nowhere.")


def test_a_world_for_several_is_refused_with_the_mend():
    with pytest.raises(UsageError, match=r"2 seats.*WorldParallelEnv"):
        WorldEnv(relay())


def test_rendering():
    env = gymnasium.make("sandbox/World-v0", world=garden, render_mode="ansi")
    env.reset(seed=0)
    assert env.render() == "gate\n"
    env.step("wait")
    assert env.render() == "> wait\n\ngate\n"


@pytest.mark.parametrize("view", ["text", "encoded"])
def test_the_vector_environment_is_the_same_as_single_ones_side_by_side(view):
    vector = gymnasium.make_vec("sandbox/World-v0", num_envs=3, world=garden, view=view)
    assert isinstance(vector.unwrapped, WorldVectorEnv)
    side_by_side = gymnasium.make_vec(
        "sandbox/World-v0", num_envs=3, world=garden, view=view, vectorization_mode="sync"
    )
    assert vector.observation_space == side_by_side.observation_space
    ours, theirs = vector.reset(seed=5), side_by_side.reset(seed=5)
    generator = np.random.default_rng(0)
    endings = 0
    for _ in range(60):
        assert data_equivalence(ours, theirs)
        assert ours[0] in vector.observation_space
        listed = ours[-1]["admissible"]
        choices = [int(generator.integers(len(commands))) if commands else 0 for commands in listed]
        if view == "text":
            actions = tuple(c[i] if c else "wait" for c, i in zip(listed, choices, strict=True))
        else:
            actions = np.array(choices)
        ours, theirs = vector.step(actions), side_by_side.step(actions)
        endings += int(ours[2].sum())
    assert endings > 3
    vector.close()
    side_by_side.close()


def test_an_episode_of_the_vector_that_is_cut_off_begins_anew():
    vector = WorldVectorEnv(garden(), num_envs=2, max_turns=2)
    vector.reset(seed=0)
    vector.step(("wait", "wait"))
    *_, truncated, infos = vector.step(("wait", "wait"))
    assert truncated.tolist() == [True, True]
    assert infos["turn"].tolist() == [2, 2]
    _, _, _, truncated, infos = vector.step(("enter", "enter"))
    assert truncated.tolist() == [False, False]
    assert infos["turn"].tolist() == [0, 0]


def test_text_travels_between_processes():
    vector = gymnasium.make_vec(
        "sandbox/World-v0",
        num_envs=2,
        world=garden,
        vectorization_mode="async",
        vector_kwargs={"shared_memory": False},
    )
    try:
        vector.reset(seed=1)
        seen = ("", "")
        for command in ("enter", "swim", "on"):
            seen, *_ = vector.step((command, command))
        assert "你在亭子里。\nA pavilion, café-like." in seen
    finally:
        vector.close()


def test_the_space_of_text_holds_every_script_and_no_escapes_and_can_be_flattened():
    space = UnicodeText(40)
    text = "你在亭子里。\ncafé 👩‍🌾"
    assert text in space
    assert "\x1b[2J" not in space
    assert "x" * 41 not in space
    assert unflatten(space, flatten(space, text)) == text
    space.seed(3)
    assert all(space.sample() in space for _ in range(20))
    assert UnicodeText(40) == space != UnicodeText(41)


@pytest.mark.parametrize("view", ["text", "encoded"])
def test_parallel_api(view):
    parallel_api_test(WorldParallelEnv(relay(), view=view), num_cycles=200)


@pytest.mark.parametrize("view", ["text", "encoded"])
def test_seeds(view):
    parallel_seed_test(lambda: WorldParallelEnv(relay(), view=view), num_cycles=50)
    seed_test(lambda: WorldAECEnv(relay(), view=view), num_cycles=50)


def test_api():
    api_test(WorldAECEnv(relay(), view="encoded"), num_cycles=300)


@pytest.mark.parametrize("kind", [WorldAECEnv, WorldParallelEnv])
def test_close_is_once_and_for_what_was_made_here(kind):
    closed = []

    class Closing(TableWorld):
        def close(self):
            closed.append(self)

    given = Closing(table=relay().table, start="ann 0", seats=("ann", "bob"))
    kind(given).close()
    assert closed == []
    env = kind(lambda: given)
    env.close()
    env.close()
    assert closed == [given]


def test_render(capsys):
    render_test(lambda **options: WorldAECEnv(relay(), view="encoded", **options))
    capsys.readouterr()


def test_rewards_reach_every_seat_at_its_next_turn():
    env = WorldAECEnv(relay())
    env.reset(seed=3)
    assert env.agent_selection == "ann"
    env.step("wait")
    assert env.agent_selection == "bob"
    env.step("stop")
    last = {}
    for agent in env.agent_iter():
        _, reward, terminated, truncated, info = env.last()
        last[agent] = (reward, terminated, truncated, info["won"])
        env.step(None)
    assert last == {"ann": (2.0, True, False, True), "bob": (-2.0, True, False, False)}
    assert env.agents == []


class Retirement(TableWorld):
    """Ann is done once she has given three commands, and watches Bob go on alone."""

    def to_move(self, state):
        return super().to_move(state) and ("bob" if state.turns[0] >= 3 else self.seats[sum(state.turns) % 2])

    def observe(self, state, seat):
        seen = super().observe(state, seat)
        return replace(seen, done=seen.done or (seat == "ann" and state.turns[0] >= 3), admissible=("wait",))


def retirement():
    return Retirement(table={"here": {"wait": to("here", 1.0)}}, start="here", seats=("ann", "bob"), limit=10)


def test_a_seat_that_is_done_before_the_others_leaves_and_does_not_come_back():
    env = WorldAECEnv(retirement(), view="encoded")
    env.reset(seed=0)
    order = []
    for agent in env.agent_iter():
        _, _, terminated, truncated, _ = env.last()
        order.append(f"{agent}{'!' * (terminated or truncated)}")
        env.step(None if terminated or truncated else 0)
    assert order == ["ann", "bob"] * 2 + ["ann", "ann!"] + ["bob"] * 5 + ["bob!"]
    api_test(WorldAECEnv(retirement(), view="encoded"), num_cycles=30)
    parallel_api_test(WorldParallelEnv(retirement(), view="encoded"), num_cycles=30)


def test_all_seats_act_in_one_parallel_step_in_the_worlds_order():
    env = WorldParallelEnv(relay(), max_turns=5)
    env.reset(seed=0)
    _, rewards, terminations, truncations, infos = env.step({"ann": "wait", "bob": "wait"})
    assert infos["ann"]["description"] == "ann 1"
    assert rewards == {"ann": 0.0, "bob": 0.0}
    env.step({"ann": "wait", "bob": "wait"})
    _, _, terminations, truncations, _ = env.step({"ann": "wait", "bob": "wait"})
    assert (terminations, truncations) == ({"ann": False, "bob": False}, {"ann": True, "bob": True})
    assert env.agents == []
    with pytest.raises(ValueError, match="no action for bob"):
        env.reset(seed=0)
        env.step({"ann": "wait"})


MANY = ["garden", "native", "textworld", "story"]


@pytest.fixture
def openable(request, bare_story):
    """Something to hand to an environment as its world, and commands that are understood there."""
    return {
        "garden": (garden, ["enter", "wait", "on"]),
        "native": ("honey", ["look", "wait", "inventory"]),
        "textworld": ("tw:simple?seed=18", ["look", "open fridge", "inventory"]),
        "story": (str(bare_story), ["north", "take mop", "drop blanket"]),
    }[request.param]


@pytest.mark.parametrize("openable", MANY, indirect=True)
def test_an_episode_goes_on_the_same_from_its_state_its_copy_and_its_pickle(openable):
    world, commands = openable
    env = gymnasium.make("sandbox/World-v0", world=world, max_turns=50)
    env.reset(seed=3)
    env.step(commands[0])
    kept = env.unwrapped.get_state()
    assert isinstance(kept, bytes)
    copied, pickled = copy.deepcopy(env), pickle.loads(pickle.dumps(env))
    other = gymnasium.make("sandbox/World-v0", world=world, max_turns=50).unwrapped

    def rest(each):
        lived = [each.step(command) for command in commands[1:]]
        return [*lived, each.reset()]

    expected = rest(env)
    assert data_equivalence(rest(copied), expected)
    assert data_equivalence(rest(pickled), expected)
    env.unwrapped.set_state(kept)
    assert data_equivalence(rest(env), expected)
    other.set_state(kept)
    assert data_equivalence(rest(other), expected)
    for each in (env, pickled, other):
        each.close()
    assert copied.step(commands[0])[0]  # the world goes with the last who uses it
    copied.close()


@pytest.mark.parametrize("reference", ["honey", "weathercock", "telegram", "tw:simple?seed=18"])
def test_a_world_itself_is_copied_and_pickled_and_goes_on_the_same(reference):
    world = open_world(reference)
    state, seat = world.initial(2), world.seats[0]
    command = (world.observe(state, seat).admissible or ("yes",))[0]
    expected = world.observe(world.step(state, seat, command).state, seat)
    for twin in (copy.deepcopy(world), pickle.loads(pickle.dumps(world))):
        assert (twin.name, twin.seats, twin.fingerprint) == (world.name, world.seats, world.fingerprint)
        assert twin.observe(twin.step(twin.load(world.dump(state)), seat, command).state, seat) == expected
        twin.close()
    world.close()


def test_a_copied_world_asks_for_hints_of_its_own():
    world = open_world("honey")
    twin = pickle.loads(pickle.dumps(world))
    start, seat = world.initial(0), world.seats[0]
    hint = world.observe(world.step(start, seat, "hint").state, seat).text
    world.close()
    assert twin.observe(twin.step(twin.initial(0), seat, "hint").state, seat).text == hint


@pytest.mark.parametrize("kind", [WorldAECEnv, WorldParallelEnv])
def test_a_game_for_several_is_copied_and_pickled_and_once_closed_says_so(kind):
    env = kind("weathercock")
    env.reset(seed=1)
    for twin in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        twin.reset(seed=1)
        assert twin._seats.seen == env._seats.seen
    env.close()
    with pytest.raises(ClosedEnvironmentError, match="closed"):
        env.reset(seed=1)
    with pytest.raises(ClosedEnvironmentError, match="closed"):
        env.step("wait" if kind is WorldAECEnv else dict.fromkeys(env.agents, "wait"))


def test_bytes_that_are_no_state_are_refused():
    env = WorldEnv(garden())
    with pytest.raises(ResetNeeded):
        env.get_state()
    env.reset(seed=0)
    good = env.get_state()
    for bad in (b"", b"{}\n", good[:10], good.replace(b"PCG64", b"PCG65"), b"[1]\n" + good):
        with pytest.raises(SaveError):
            env.set_state(bad)


@pytest.mark.parametrize("kind", [WorldEnv, partial(WorldVectorEnv, num_envs=2)])
def test_an_environment_that_was_closed_says_so(kind):
    env = kind(garden())
    env.reset(seed=0)
    env.close()
    with pytest.raises(ClosedEnvironmentError, match="closed"):
        env.reset()
    with pytest.raises(ClosedEnvironmentError, match="closed"):
        env.step(("wait", "wait"))


def test_commands_are_numbered_where_the_world_lists_none():
    class Mute(TableWorld):
        verbs = ("enter", "wait")

        def observe(self, state, seat):
            return replace(super().observe(state, seat), admissible=None)

    env = WorldEnv(Mute(table=garden().table, start="gate"), view="encoded")
    seen, info = env.reset(seed=0)
    assert {"enter", "wait"} <= set(info["admissible"])
    assert env.action_masks().tolist() == seen["action_mask"].astype(bool).tolist()
    env.step(info["admissible"].index("enter"))
    assert WorldEnv(env.world).reset(seed=0)[1]["admissible"] is None


class FirstBytes(gymnasium.ObservationWrapper):
    """The beginning of the encoded text in small numbers: a network learns little from bytes up to 255."""

    observation_space = Box(0, 2, (1024,), np.float32)

    def observation(self, observation):
        return observation["observation"][:1024].astype(np.float32) / 128


def test_maskable_ppo_learns():
    source = (bundled() / "worlds" / "honey" / "world.yaml").read_text(encoding="utf-8")
    world = NativeWorld(parse_source(source), "honey")
    env = FirstBytes(gymnasium.make("sandbox/World-v0", world=world, view="encoded", max_turns=25))
    env.reset(seed=0)  # the world has chances: what follows draws from this
    torch.set_num_threads(1)
    model = MaskablePPO(
        "MlpPolicy", env, n_steps=256, learning_rate=1e-3, gamma=0.95, ent_coef=0.02, seed=0, device="cpu"
    )
    before = evaluate_policy(model, env, n_eval_episodes=20, deterministic=False, warn=False)[0]
    model.learn(2_048)
    after = evaluate_policy(model, env, n_eval_episodes=20, deterministic=False, warn=False)[0]
    assert after > before + 1


def test_a_reference_means_what_it_means_to_play(tmp_path, monkeypatch):
    (tmp_path / "worlds" / "grotto").mkdir(parents=True)
    source = (bundled() / "worlds" / "honey" / "world.yaml").read_text(encoding="utf-8")
    (tmp_path / "worlds" / "grotto" / "world.yaml").write_text(source, encoding="utf-8")
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    for spelling in ("grotto", "worlds/grotto", str(tmp_path / "worlds" / "grotto")):
        env = gymnasium.make("sandbox/World-v0", world=spelling)
        assert env.unwrapped.world.name == "grotto"
        env.close()
    with pytest.raises(WorldError, match="did you mean 'grotto'"):
        gymnasium.make("sandbox/World-v0", world="grotta")

"""A native world in Chinese: commands without blanks, measure words, pronouns, questions."""

import pytest
from native_play import Game, make

from sandbox.world.native import NativeWorld

WORLD = make(
    """
    title: 灯塔
    language: zh
    seats: {小雨: {start: 大厅, goal: 点亮灯塔。}}
    rooms:
      大厅: {description: 墙上挂着旧海图。, exits: {north: 厨房, up: {to: 灯室, door: 铁门}}}
      厨房: {description: 有一股洋葱味。, exits: {south: 大厅}}
      灯室: {exits: {down: {to: 大厅, door: 铁门}}}
    things:
      铁门: {door: {locked: true, key: 铜钥匙}, measure: 扇}
      铜钥匙: {at: 桌子, measure: 把}
      铁钥匙: {at: 桌子, measure: 把}
      桌子: {at: 厨房, supporter: true, fixed: true, measure: 张}
      盒子: {at: 厨房, container: {}}
      金币: {at: 盒子, count: 5, one: 金币, measure: 枚}
      大灯: {at: 灯室, fixed: true, switch: "off", light: true, measure: 盏}
      信: {at: 大厅, text: 海在等你。, measure: 封}
    characters:
      老张: {article: none, at: 厨房, pronoun: he, topics: [{about: [钥匙], say: “铜的开铁门。”}]}
    verbs:
      敲: {forms: ["敲{thing}"], rules: [{thing: 铁门, say: 咚咚咚。}]}
    rules:
      - {after: switch_on, thing: 大灯, do: {end: 亮了}}
    endings: {亮了: {won: all, points: 1, say: 光照亮了海面。}}
    """
)


@pytest.fixture
def game():
    return Game(WORLD)


def test_description(game):
    assert game.seen().description == "大厅\n墙上挂着旧海图。\n这里有一封信。\n出口：北和上（铁门，锁着）。"
    game.do("北")
    assert game.seen().description == (
        "厨房\n有一股洋葱味。\n这里有一张桌子和一个盒子（关着）。\n桌子上有一把铜钥匙和一把铁钥匙。\n老张在这里。\n出口：南。"
    )
    assert game.seen().inventory == "你什么也没带。"


@pytest.mark.parametrize("line", ["北", "去北", "往北走", "向北", "去北边", "走北"])
def test_going(game, line):
    assert game.do(line).startswith("厨房")


def test_a_whole_game(game):
    assert game.do("拿信。读它") == "你拿起了信。\n海在等你。"
    assert game.do("敲铁门") == "咚咚咚。"
    game.do("去北")
    assert game.do("问老张关于钥匙") == "“铜的开铁门。”"
    assert game.do("拿钥匙") == "你指的是哪一个：铜钥匙还是铁钥匙？"
    assert game.do("铜的") == "你拿起了铜钥匙。"
    assert game.do("打开盒子") == "你打开了盒子，里面有五枚金币。"
    assert game.do("拿两枚金币") == "你拿起了两枚金币。"
    assert game.seen().inventory == "你带着一把铜钥匙、一封信和两枚金币。"
    assert "把一枚金币放进盒子" in game.seen().admissible and "拿一枚金币" in game.seen().admissible
    assert game.do("把信放在桌子上") == "你把信放在了桌子上。"
    game.do("去南，然后用铜钥匙打开铁门，然后打开铁门，然后去上")
    assert game.seen().description.startswith("灯室")
    assert game.do("点亮大灯").endswith("光照亮了海面。")
    assert game.terminated and game.rewards == {"小雨": 1.0}


def test_take_all_but(game):
    game.do("去北", "打开盒子", "拿除了铁钥匙以外的所有东西")
    assert game.seen().inventory == "你带着一把铜钥匙、一个盒子（开着）和五枚金币。"


def test_mistakes(game):
    assert game.do("飞") == "我不明白“飞”。"
    assert game.do("拿宝剑") == "我不认识“宝剑”。"
    assert game.do("拿") == "你要拿什么？"
    assert game.do("信") == "你拿起了信。"
    assert game.do("说：你好，世界。") == "你说：“你好，世界。”"


def test_listed_commands_parse_to_themselves():
    world = NativeWorld(WORLD.source, "test", remembering=False)
    game = Game(world)
    for line in ("拿信", "去北", "打开盒子", "拿金币", "拿铜钥匙", "去南"):
        for command in game.seen().admissible:
            state = game.state
            world.compiled.known.clear()
            slow = world.step(state, "小雨", command)
            world.compiled._phrases.clear()
            world.observe(state, "小雨")
            assert command in world.compiled.known
            assert world.step(state, "小雨", command) == slow
        game.do(line)

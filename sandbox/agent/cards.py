"""Cards: the YAML files that define agents. The models below are the schema and the reference at once."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializeAsAny,
    Strict,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sandbox import marked_yaml
from sandbox.agent import mistakes
from sandbox.agent.section import DEFAULT_LEARNER, LearnerSettings, Section, learner_settings
from sandbox.errors import CardError, Finding, SandboxError
from sandbox.files import read_bytes
from sandbox.hosts import checked_url
from sandbox.llm.chatml import CHOICE, INSTRUCTION
from sandbox.marked_yaml import Document, dotted
from sandbox.rl.exploration import Schedule, Shape, Unit
from sandbox.types import Device, Dtype

MAX_BYTES = 64 * 1024
PLACEHOLDERS = ("persona", "goal", "seat", "verbs")
LINE = "{line}"
"""Where the words go in a command that says something."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Ramp(Section):
    """A number that changes while the agent gains experience."""

    start: float
    """Where it begins."""
    end: float
    """Where it stays in the end."""
    over: Annotated[int, Field(ge=1, le=10_000_000)]
    """How many units it takes from start to end."""
    unit: Unit = "episodes"
    """What is counted: finished `episodes`, or `steps` (commands learned from)."""
    shape: Literal["linear", "exponential"] = "linear"
    """By equal amounts, or by equal factors (both ends above 0)."""

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.shape == "exponential" and min(self.start, self.end) <= 0:
            raise ValueError("an exponential ramp needs both ends above 0")
        return self


def _number_or_ramp(value: object) -> str:
    return "ramp" if isinstance(value, (dict, Ramp)) else "number"


Number = Annotated[Annotated[float, Tag("number")] | Annotated[Ramp, Tag("ramp")], Discriminator(_number_or_ramp)]


def schedule(number: float | Ramp) -> Schedule:
    """A plain number or a ramp, as the schedule that gives its value over time."""
    if isinstance(number, Ramp):
        shape: Shape = number.shape
        return Schedule(number.start, number.end, number.over, number.unit, shape)
    return Schedule.constant(number)


class Propose(Section):
    """Where the candidate commands come from."""

    mode: Literal["score", "sample", "hybrid"] = "score"
    """`score`: what the world lists as admissible. `sample`: the model writes freely and its lines are grounded to
    commands. `hybrid`: both. Where a world lists nothing, a card with a model samples whatever this says."""
    samples: Annotated[int, Field(ge=1, le=64)] = 8
    """How many lines to sample at a turn, in one batch."""
    max_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    """Longest sampled line, in tokens."""
    temperature: Annotated[float, Field(ge=0, le=5)] = 0.9
    """Temperature of sampling: 0 takes the likeliest token each time."""
    normalise: Literal["mean", "sum"] = "mean"
    """Log-probability of a command as the mean or the sum over its tokens. The sum favours short commands."""
    cutoff: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How alike (0 to 1) a sampled command must be to an admissible one to be taken for it."""
    remember: bool = True
    """Remember for each state which sampled commands did something there; propose these again, drop the others."""


class Remote(Section):
    """A language model on a server that speaks the OpenAI protocol, in place of `model`."""

    base_url: Annotated[str, Field(max_length=500)]
    """The server, up to `/v1`: https, or http on this machine. Your settings say whether it may be asked, and with
    which key: `sandbox model allow HOST --key-env NAME`."""
    model: Annotated[str, Field(min_length=1, max_length=500)]
    """The model, as the server calls it."""
    fallback: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """What plays while the server is away: a local model as in `model`, or `uniform`, with which every command has
    the same prior. `null` stops with an error."""
    adapters: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """A local model of the same weights, by the name that its adapters say. The adapter that a save has in use is
    then loaded by the server and named in requests: a vLLM server that sees the save's folder under the same
    path."""
    api: Literal["auto", "completions", "chat"] = "auto"
    """`completions`: continues transcripts, and scores commands exactly; needs a server that tells the
    log-probabilities of a prompt. `chat`: asks for the next command, and scores commands by a vote. `auto` finds
    out."""
    votes: Annotated[int, Field(ge=0, le=64)] = 8
    """With `chat`, how many replies the prior of a turn's commands is estimated from. 0 finds all alike."""
    instruction: str = INSTRUCTION
    """With `chat`, what the model is told to do, in any language."""
    choice: str = CHOICE
    """With `chat`, what stands before the list of commands in a vote."""
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds that a request may take by the clock, from its beginning to the last byte of the reply."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    """Further tries after one that failed, each with the same `timeout`, and with growing pauses between them."""
    max_calls: Annotated[int, Field(ge=1)] = 10_000
    """Budget of requests, from start to end of the program."""
    max_tokens: Annotated[int, Field(ge=1)] = 10_000_000
    """Budget of tokens, read and written, as the server counts them."""
    plain_http: bool = False
    """Allow http to another machine: key and transcript can then be read on the way."""

    @model_validator(mode="before")
    @classmethod
    def _no_key(cls, given: Any) -> Any:
        # The message does not repeat what was given: it may be the key itself.
        if isinstance(given, dict) and "key" in given:
            raise ValueError(
                "a card names no key: `sandbox model allow HOST --key-env NAME` says once which host gets which"
            )
        return given

    @model_validator(mode="after")
    def _address(self) -> Self:
        try:
            checked_url(self.base_url, plain_http=self.plain_http)
        except ValueError as error:
            raise ValueError(f"base_url {error}") from error
        return self


class PromptSettings(Section):
    """What the language model reads: a head, then the episode, as a transcript or as a conversation."""

    form: Literal["auto", "transcript", "chat"] = "auto"
    """`transcript`: as a story file prints it. `chat`: the head is the system's message, the world's replies are
    the user's, the commands the assistant's, all in the model's own chat template. `auto`: chat where the model
    has a template; the default model and adapters of cards read transcripts, which they were made for."""
    instruction: str = "Reply with your next command alone, on one line, such as: open the door"
    """In chat form, how to reply: what the system's message ends with, in any language."""
    shows: Literal["transcript", "situation"] = "transcript"
    """After the head: the `transcript` of the episode, or the `situation` alone, that is the surroundings and the
    inventory as they are now. It is shorter and comes again, so that the decision cache serves; what happened is
    not in it."""
    head: str = "{persona}\n\nGoal: {goal}\n"
    """Text before the transcript, in any language. `{persona}`, `{goal}`, `{seat}` and `{verbs}` are filled in; a
    line whose placeholders are all empty is left out."""
    example: bool = True
    """In a world that lists no commands, begin with a short sample transcript: small models write commands only in
    the form they are shown."""
    max_chars: Annotated[int, Field(ge=500, le=200_000)] = 6000
    """Longest transcript, in characters. Beyond it the older half is dropped at once, so that the model can keep
    what it has computed for the beginning of the prompt over many turns."""

    @field_validator("head")
    @classmethod
    def _known_placeholders(cls, head: str) -> str:
        for name in _PLACEHOLDER.findall(head):
            if name not in PLACEHOLDERS:
                known = " ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                raise ValueError(f"unknown placeholder {{{name}}}; there are {known}")
        return head


class VoiceSettings(Section):
    """How the agent says what it wants and why, a sentence for each of its best proposals."""

    when: Literal["before", "after", "off"] = "after"
    """`after`: it chooses, then says why; nothing waits for the words. `before`: it speaks, then chooses: its
    words are part of what the commands are scored behind. `off`: silent."""
    lines: Annotated[int, Field(ge=1, le=16)] = 4
    """With `before`, how many sentences it thinks of."""
    max_tokens: Annotated[int, Field(ge=4, le=256)] = 32
    """Longest sentence, in tokens."""
    temperature: Annotated[float, Field(ge=0, le=5)] = 0.5
    """Temperature of the words: 0 says the likeliest each time."""


class Talk(Section):
    """What the agent says to others. What one seat says is in what the others perceive next."""

    lines: Annotated[int, Field(ge=0, le=8)] = 0
    """How many things to say the language model writes at a turn, as proposals beside the other commands. Saying
    one takes the turn. 0 is silent."""
    answers: bool = True
    """Answer a question of another seat in the next turn, from what this one has read. Takes the turn."""
    asks: Annotated[int, Field(ge=0, le=8)] = 0
    """How many questions it asks the other seats in an episode, where it gets no further: about what it tried in
    vain, or what its goal names and it has not read of. It then also answers what is said to it and asks nothing.
    Asking takes the turn. 0 asks none."""
    command: Annotated[str, Field(max_length=100)] = "say {line}"
    """The command that says something in this world; `{line}` stands for the words."""
    max_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    """Longest line, in tokens."""

    @field_validator("command")
    @classmethod
    def _has_a_line(cls, command: str) -> str:
        if command.count(LINE) != 1:
            raise ValueError(f"should have {LINE} once, where the words go")
        return command


class Combine(Section):
    """How the prior and Q become one score."""

    method: Literal["additive", "standardised", "puct", "prior", "q", "top-k", "sample-k"] = "standardised"
    """`additive`: w * prior + b * Q. `standardised`: the same with Q standardised in each state. `puct`: the
    same, but in place of the log-probability a bonus for what the model likes and what was tried little. `prior`
    and `q`: one alone. `top-k`: Q among the k commands of highest prior. `sample-k`: Q among k commands drawn from
    the prior (with `explore.method: softmax`, likelier the higher b * Q)."""
    prior_weight: Number = 1.0
    """w, the weight of the log-probability."""
    q_weight: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """b, the weight of Q."""
    visit_decay: Annotated[float, Field(ge=0, le=100)] = 0.0
    """The weight w falls to `w / (1 + visit_decay * N)` in a state that was learned from N times."""
    even_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the prior that `puct` spreads evenly, so that a command which the model thinks little of has its
    turn sooner. 1 leaves nothing of the model's opinion."""
    top_k: Annotated[int, Field(ge=1, le=1000)] = 5
    """k of `top-k` and `sample-k`."""
    repeat_penalty: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Nats taken off a command's prior for each time it was given in the last `repeat_window` turns."""
    repeat_window: Annotated[int, Field(ge=1, le=1000)] = 20
    """How many turns back a repeat counts."""


class Explore(Section):
    """How the choice is made from the scores. An agent that is only evaluated takes the best one."""

    method: Literal["epsilon-greedy", "softmax"] = "epsilon-greedy"
    """`epsilon-greedy`: the best, but any with probability epsilon. `softmax`: likelier the higher the score."""
    epsilon: Number = 0.1
    """Probability of a command drawn uniformly, for `epsilon-greedy`."""
    temperature: Number = 1.0
    """Temperature of `softmax`: near 0 takes the best, high ones take any."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name, number, top in (("epsilon", self.epsilon, 1.0), ("temperature", self.temperature, 1000.0)):
            ends = (number.start, number.end) if isinstance(number, Ramp) else (number,)
            if not all(0 <= end <= top for end in ends):
                raise ValueError(f"{name} must lie between 0 and {top:g}")
        return self


def _thoughts(value: object) -> object:
    """The word for none, which YAML reads as false."""
    return 0 if value is False or value == "off" else value


def _voice(value: object) -> object:
    """The short form: a word, which YAML may have read as false."""
    if value is False:
        return {"when": "off"}
    return {"when": value} if isinstance(value, str) else value


class Lore(Section):
    """Something that the agent knows and that its prompt holds only where it is spoken of."""

    keys: Annotated[tuple[str, ...], Field(min_length=1, max_length=20), Strict(False)]
    """Words that bring it to mind, where they are in sight or in the latest reply."""
    text: Annotated[str, Field(max_length=1000)]
    """What it knows."""


class Card(Section):
    """An agent."""

    name: str
    """The agent's name: always the name of the file, so it is usually left out."""
    description: Annotated[str, Field(max_length=300)] = ""
    """One line for people, shown in lists."""
    persona: str = ""
    """Who the agent is told it is: put in place of `{persona}` in the prompt."""
    greeting: Annotated[str, Field(max_length=1000)] = ""
    """What it says before it does anything."""
    think: Annotated[int, BeforeValidator(_thoughts), Field(ge=0, le=32_768)] = 0
    """How many tokens it may think in before it decides, in chat form: a reasoning model does well with some
    hundreds. The thought is closed where they are used up, and what is chosen is chosen behind it. `off` is 0."""
    lorebook: Annotated[tuple[Lore, ...], Field(max_length=100), Strict(False)] = ()
    """What it knows and thinks of where the keys are in sight."""
    model: Annotated[str, Field(max_length=1000, min_length=1)] | None = None
    """The language model: a name such as `smollm2-135m-instruct`, a model pulled from a hub (`ORG/NAME`), a folder
    with a transformers model, or a `.gguf` file. `null` plays without one; every command then has the same
    prior."""
    device: Device = "auto"
    """Where a local `model` computes: `cpu`, `cuda` (NVIDIA, AMD), `mps` (Apple) or `xpu` (Intel). `auto` takes
    the best there is. Your setting `device`, and `--device`, come before it."""
    dtype: Dtype = "auto"
    """What a local `model` computes with. `auto` takes float32 on a CPU, so that scores are exact, and bfloat16 on
    a GPU. Your setting `dtype` comes before it."""
    adapter: Annotated[str, Field(max_length=64, pattern=r"^[\w][\w.-]*$")] | None = None
    """The adapter of a local `model` that it begins with: a folder of `agents/`, such as `voice`, which ships. A
    save may put another into use, or `base` for none."""
    remote: Remote | None = None
    """A language model on a server, in place of `model`."""
    propose: Propose = Propose()
    """Where candidate commands come from."""
    prompt: PromptSettings = PromptSettings()
    """What the language model reads."""
    voice: Annotated[VoiceSettings, BeforeValidator(_voice)] = VoiceSettings()
    """How it says what it wants. `voice: off` for short."""
    talk: Talk = Talk()
    """What the agent says to others. Silent by default."""
    learner: SerializeAsAny[LearnerSettings] | None = None
    """What learns from reward. `null` learns nothing."""
    memory: Annotated[int, Field(ge=0, le=50)] = 0
    """How many short notes it keeps from one episode to the next: what won or killed, what paid, what opened. They
    stand in its prompt. 0 keeps none."""
    combine: Combine = Combine()
    """How the prior and Q become one score."""
    explore: Explore = Explore()
    """How the choice is made from the scores."""

    @field_validator("remote")
    @classmethod
    def _one_model(cls, remote: Remote | None, info: ValidationInfo) -> Remote | None:
        if remote is not None and info.data.get("model") is not None:
            raise ValueError(
                "give `model` or `remote`, not both; `remote.fallback` plays while the server is away"
            )
        return remote

    @field_validator("prompt")
    @classmethod
    def _can_think(cls, prompt: PromptSettings, info: ValidationInfo) -> PromptSettings:
        if info.data.get("think") and prompt.form == "transcript":
            raise ValueError("an agent thinks in chat form alone; give `form: chat`, or `think: off`")
        return prompt

    @field_validator("talk")
    @classmethod
    def _has_words(cls, talk: Talk, info: ValidationInfo) -> Talk:
        if talk.lines and not (info.data.get("model") or info.data.get("remote")):
            raise ValueError("an agent without a language model has no words; give `model` or `remote`")
        return talk

    @field_validator("learner", mode="before")
    @classmethod
    def _of_its_kind(cls, learner: object) -> object:
        if isinstance(learner, dict):
            return learner_settings(learner.get("kind", DEFAULT_LEARNER)).model_validate(learner)
        return learner

    @field_validator("learner")
    @classmethod
    def _has_features(cls, learner: LearnerSettings | None, info: ValidationInfo) -> LearnerSettings | None:
        if learner is not None and learner.reads_model and info.data.get("model") is None:
            raise ValueError(
                f"a {learner.kind} reads the hidden states of a language model in this process; give `model`"
            )
        return learner


def load_card(path: Path) -> Card:
    """Read a card. Raises `CardError` that names the file and the line of each mistake."""
    return read_card(path)[0]


def read_card(path: Path) -> tuple[Card, str]:
    """A card, and the text of its file. Raises `CardError`."""
    try:
        data = read_bytes(path, MAX_BYTES + 1)
    except OSError as error:
        raise CardError(f"the card cannot be read: {error.strerror or error}", where=path) from error
    return _parse(data, path.stem, path), data.decode("utf-8", "replace")


def parse_card(text: str, name: str, *, stored: bool = False) -> Card:
    """A card from its text. Raises `CardError`.

    Args:
        text: YAML.
        name: the agent's.
        stored: whether it comes out of a save, where older cards may name a key; that is passed over.
    """
    return _parse(text.encode("utf-8", "surrogatepass"), name, f"{name}.yaml", stored)


def _parse(data: bytes, name: str, where: Path | str, stored: bool = False) -> Card:
    if len(data) > MAX_BYTES:
        raise CardError(
            f"longer than {MAX_BYTES // 1024} KiB", where=where, hint="a card is a page or two of text"
        )
    document = marked_yaml.read(data.removeprefix(codecs.BOM_UTF8))
    if document.findings:
        raise mistakes.card_error(document.findings, where)
    value: Any = {} if document.data is None else document.data
    if not isinstance(value, dict):
        raise CardError("a card is made of `key: value` lines", where=where, line=1)
    if value.get("name", name) != name:
        raise CardError(
            f"the card is named {value['name']!r} but its file {name!r}",
            where=where,
            line=document.line(("name",)),
            hint="remove the line, or rename the file",
        )
    if stored and isinstance(value.get("remote"), dict):
        value["remote"].pop("key", None)
    fields: dict[str, Any] = {**value, "name": name}
    found: list[Finding] = []
    learner = fields.get("learner")
    if isinstance(learner, dict):
        # Its fields are those of its kind, which may be another package's: they are read first, by themselves.
        fields["learner"], found = _learner(learner, document)
    try:
        card = Card.model_validate(fields)
    except ValidationError as error:
        found += mistakes.findings(error, Card, document)
    if found:
        raise mistakes.card_error(found, where)
    return card


def _learner(given: dict[Any, Any], document: Document) -> tuple[LearnerSettings | None, list[Finding]]:
    """The settings of the learner; None, and what is wrong with them, where something is."""
    try:
        kind = learner_settings(given.get("kind", DEFAULT_LEARNER))
    except SandboxError as error:
        place = ("learner", "kind")
        return None, [Finding(document.line(place) or 1, dotted(place), error.message, error.hint)]
    try:
        return kind.model_validate(given), []
    except ValidationError as error:
        return None, mistakes.findings(error, kind, document, ("learner",))

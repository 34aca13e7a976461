"""A causal language model in this process, with torch and transformers, made for scoring commands fast.

A decision scores tens of short options behind one long prompt. Done plainly, each option drags the whole prompt
through the network. Here what the network made of the prompt is kept between calls, and the options go behind it
in the fastest way that its layers allow: `tree_passes`, or else `batch_passes`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from sandbox import machine
from sandbox.errors import ModelError, NoMemoryError
from sandbox.llm import catalogue, chatml, passes, registry
from sandbox.llm import device as devices
from sandbox.llm.adapter import Merged, mark
from sandbox.llm.batch_passes import BatchPasses
from sandbox.llm.few_rows import use_few_rows
from sandbox.llm.prefix import IDLE, PrefixLimits
from sandbox.llm.questions import Answering, Continue, FeatureScores, Question, Read, ScoreQuestion
from sandbox.llm.state import ServerState
from sandbox.llm.streaming import tell
from sandbox.llm.template import ChatTemplate
from sandbox.llm.tree_passes import TreePasses
from sandbox.llm.trie import Tokens
from sandbox.llm.writing import SampledTokens, Writer
from sandbox.types import Device, Dtype, OptionScore

KEPT_BYTES = 1 << 29
"""Of keys and values of kept prompts, beyond four windows of them."""
RESERVE = 64
"""Tokens kept free behind the prompt for options and samples; longer ones shorten the prompt further."""


class LocalModel(Answering):
    """A `LanguageModel` over a transformers model. Safe to call from several threads, one call at a time.

    An option is scored as the tokens of the prompt followed by the tokens of the option, each tokenised by itself.
    Let a prompt end where a word ends, and an option begin with its blank (`>`, then ` take lamp`): then this
    is also how the tokeniser would split the whole.

    A prompt that does not fit the window loses tokens at its beginning, in steps of half the window: most turns of
    a long transcript then find their prefix in the cache, and one now and then encodes half a window anew.

    Args:
        network: a causal model, in evaluation mode.
        tokenizer: its tokenizer.
        name: what it is recorded as, with the adapter: `smollm2-135m-instruct@base`.
        window: how many tokens a prompt and its continuation may have together.
        seats: how many are expected to take turns on it.
    """

    def __init__(self, network: Any, tokenizer: Any, *, name: str, window: int, seats: int = IDLE) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.window = window
        self.device: torch.device = network.device
        self.state = ServerState()
        """`slow` from the first time on that memory did not suffice."""
        self.adapter: Path | None = None
        """The folder of the adapter that is merged in; `use_adapter` changes it."""
        self._name = name
        self._mark = mark(None)
        self._merged = Merged(network)
        use_few_rows(network)
        kept = _limits(network, window, seats)
        self._passes = passes.exact(
            network,
            [
                lambda: TreePasses(network, kept),
                lambda: BatchPasses(network, kept, "by blocks"),
                lambda: BatchPasses(network, kept, "by tokens"),
                lambda: BatchPasses(network, kept, "never"),
            ],
        )
        self.lock = threading.RLock()
        """Held while the model is at work. Whoever needs two calls to see the same adapter holds it for both."""
        self.template = ChatTemplate(tokenizer)
        """How it is spoken to in chat form."""
        self._head: Tokens = tuple(tokenizer("")["input_ids"])
        self._ends = _end_tokens(network, tokenizer)

    @classmethod
    def load(
        cls,
        reference: str | Path,
        *,
        name: str | None = None,
        threads: int = 0,
        device: Device = "auto",
        dtype: Dtype = "auto",
        window: int = 2048,
        seats: int = IDLE,
    ) -> LocalModel:
        """A model by name (see `catalogue`), from a folder, or from a GGUF file. Raises `ModelError`.

        Args:
            reference: what `registry.resolve` understands.
            name: the name before the `@`; that of the catalogue, the folder or the file if not given.
            threads: for all of torch in this process; 0 takes the physical cores that the process may use.
            device: where it computes; the best there is by default.
            dtype: scores are exact in float32, the default on a CPU; bfloat16 is faster where there are
                instructions for it.
            window: the model's own context length is never exceeded.
            seats: how many are expected to take turns on it: for more, more of their prompts is kept.
        """
        source = registry.resolve(reference)
        place = devices.chosen(device)
        use_threads(threads)
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        try:
            with catalogue.plain_files(source.folder) as folder:
                network, found = transformers.AutoModelForCausalLM.from_pretrained(
                    folder,
                    dtype=devices.numbers(dtype, place),
                    use_safetensors=True,
                    local_files_only=True,
                    trust_remote_code=False,
                    output_loading_info=True,
                )
                tokenizer = transformers.AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
            if missing := sorted(found["missing_keys"]):
                raise ValueError(f"there are no weights for {missing[0]}")
            window = min(window, _context_length(network.config))
            network, name = network.to(place).eval(), f"{name or source.name}@base"
            return cls(network, tokenizer, name=name, window=window, seats=seats)
        except ModelError:
            raise
        except Exception as error:
            if (lacking := NoMemoryError.of(error)) is not None:
                raise lacking from error
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"cannot be loaded as a language model: {reason}",
                where=source.folder,
                hint="it should hold config.json, tokenizer.json and model.safetensors",
            ) from error

    @property
    def name(self) -> str:
        return self._name

    @property
    def encoded(self) -> int:
        """How many tokens have gone through the network so far."""
        return self._passes.encoded

    @property
    def packs(self) -> bool:
        """Whether its layers are attention alone, so that sequences can be trained on end to end."""
        return self._passes.packs

    @property
    def chats(self) -> bool:
        """Whether it has a chat template."""
        return self.template.chats

    @property
    def width(self) -> int:
        """Numbers in the features of one option."""
        return int(self.network.config.get_text_config().hidden_size)

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        """Scores and readings of all questions from the same passes, then samples, decoded side by side.

        An empty option has the score 0, and the features of the prompt. Where memory is short, all is begun anew
        with smaller passes; raises what it was that there was no memory for where they are the smallest already.
        """
        return self._tried(lambda: self._answer(questions))

    def write(self, questions: Sequence[Continue]) -> list[list[SampledTokens]]:
        """The continuations of each question with their tokens, for who learns from them; raises as `answer`."""
        return self._tried(lambda: [writer.results() for writer in self._write(questions)])

    def _tried(self, ask: Callable[[], list[Any]]) -> list[Any]:
        with self.lock, torch.inference_mode():
            while True:
                try:
                    return ask()
                except Exception as error:
                    if NoMemoryError.of(error) is None or not self._passes.shrink():
                        raise
                self.state = ServerState("slow", "memory is short: it takes less at once")
                self._passes.forget()
                devices.release(self.device)

    def _answer(self, questions: Sequence[Question]) -> list[Any]:
        answers: list[Any] = [None] * len(questions)
        rated = {i: question for i, question in enumerate(questions) if not isinstance(question, Continue)}
        sampled = {i: question for i, question in enumerate(questions) if isinstance(question, Continue)}
        for i, reading in zip(rated, self._read(list(rated.values())), strict=True):
            answers[i] = reading if isinstance(rated[i], Read) else reading.scores
        for i, writer in zip(sampled, self._write(list(sampled.values())), strict=True):
            answers[i] = writer.samples()
        return answers

    def _read(self, questions: Sequence[ScoreQuestion | Read]) -> list[FeatureScores]:
        """Rate the options of each question, as many together as a pass may take; the same question once."""
        encoded = [tuple(self.encode(option) for option in question.options) for question in questions]
        prompts = [
            self.fit(question.prompt, reserve=max(map(len, options), default=0))
            for question, options in zip(questions, encoded, strict=True)
        ]
        asked = list(zip(prompts, encoded, strict=True))
        distinct = list(dict.fromkeys(asked))
        rated = dict(zip(distinct, self._passes.rate(distinct), strict=True))
        return [
            FeatureScores(
                [OptionScore(known[option][0], len(option)) for option in options],
                torch.stack([known[option][1] for option in options]).cpu().numpy()
                if options
                else np.zeros((0, self.width), dtype=np.float32),
            )
            for known, options in ((rated[each], each[1]) for each in asked)
        ]

    def _write(self, questions: Sequence[Continue]) -> list[Writer]:
        """Write the continuations of all questions, one token of each at a time.

        A sample's log-probability is the model's own, whatever the temperature, over all tokens drawn, those of
        the stop string included; so it is comparable with the score of an option that ends in the stop string.
        Temperature 0 takes the likeliest token.
        """
        distinct = {each: Writer(each, self._decode, self._ends_of(each)) for each in questions}
        writers = [distinct[each] for each in questions]
        begun = [writer for writer in distinct.values() if not writer.done]
        prompts = [self.fit(writer.asked.prompt, reserve=writer.asked.max_tokens) for writer in begun]
        for _ in self._passes.write(list(zip(prompts, begun, strict=True))):
            tell([text for writer in writers for text in writer.texts])
        return writers

    def _ends_of(self, question: Continue) -> Tokens:
        """The tokens that end a continuation: also the end of thoughts, which may be one that is not written."""
        thought = self.tokenizer.get_added_vocab().get(chatml.THOUGHT)
        thinks = thought is not None and chatml.THOUGHT in question.stop
        return (*self._ends, thought) if thinks else self._ends

    def encode(self, text: str) -> Tokens:
        """The tokens of a text by itself, nothing added. The end of a reply in chat form is the model's own."""
        return tuple(self.tokenizer(self.template.reply(text), add_special_tokens=False)["input_ids"])

    def fit(self, prompt: str, *, reserve: int = 0) -> Tokens:
        """The prompt's tokens as the network sees them, with room for `reserve` more. Depends on nothing else."""
        tokens = self.encode(self.template.rendered(prompt) if chatml.is_chat(prompt) else prompt)
        if self._head and tokens[: len(self._head)] == self._head:  # a chat template writes it too
            tokens = tokens[len(self._head) :]
        room = self.window - max(reserve, RESERVE) - len(self._head)
        if room < 2:
            raise ModelError(
                f"the window of {self.window} tokens leaves no room for a prompt",
                hint="shorten the options, or give the model a longer window",
            )
        stride = room // 2
        steps = -(-max(len(tokens) - room, 0) // stride)
        return (self._head + tokens[steps * stride :]) or self._ends[:1]

    def use_adapter(self, folder: Path | None, name: str = "") -> None:
        """Merge a LoRA adapter into the weights, in place of the present one; None goes back to the base weights.

        The model goes by another name then, and forgets its kept prefixes. Raises `ModelError` where the folder
        holds no adapter for this model; nothing has changed then.

        Args:
            folder: with `adapter_config.json` and `adapter_model.safetensors`.
            name: what stands after the `@`; the folder's own name if not given.
        """
        with self.lock:
            self._merged.use(folder)
            self._passes.forget()
            self.adapter, self._mark = folder, mark(folder)
            self._name = f"{self._name.rpartition('@')[0]}@{name or (folder.name if folder else 'base')}"

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        """The answers with an adapter merged in, whichever the model carried before. Raises `ModelError`."""
        with self.lock:
            if mark(adapter) != self._mark:
                self.use_adapter(adapter)
            return self.answer(questions)

    def forget(self) -> None:
        """Drop all kept prefixes."""
        with self.lock:
            self._passes.forget()

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def _end_tokens(network: Any, tokenizer: Any) -> Tokens:
    """The tokens that end a text."""
    configured = network.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    found = dict.fromkeys(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
    return tuple(found) or (0,)


def _limits(network: Any, window: int, seats: int) -> PrefixLimits:
    """What is kept of the prompts of so many seats: half a window each within `KEPT_BYTES`, or four windows."""
    config = network.config.get_text_config()
    heads = int(getattr(config, "num_key_value_heads", None) or getattr(config, "num_attention_heads", None) or 1)
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    token = 2 * config.num_hidden_layers * heads * size * network.dtype.itemsize
    kept = max(4 * window, min(seats * window // 2, KEPT_BYTES // token))
    return PrefixLimits(kept, max(2 * seats - IDLE, IDLE))


def _context_length(config: Any) -> int:
    """How many tokens a network was made for."""
    return getattr(config.get_text_config(), "max_position_embeddings", None) or 2048


def use_threads(threads: int) -> None:
    """How many threads torch computes with; 0 takes `OMP_NUM_THREADS` where it is set, else the physical cores."""
    if threads or "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads or machine.physical_cores())

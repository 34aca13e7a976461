"""A causal language model in this process, with torch and transformers, made for scoring commands fast on a CPU.

A decision scores tens of short options behind one long prompt. Done plainly, each option drags the whole prompt
through the network. Here the prompt's key-value cache is kept between calls, and the options go behind it as one
trie of tokens: siblings share positions, and an attention mask lets each node see the prompt and its ancestors
alone. The numbers are those of scoring each option by itself, in one forward pass over the new tokens. Tree
attention is known from speculative decoding (SpecInfer, Miao et al. 2024).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor

from sandbox.errors import ModelError
from sandbox.llm import catalogue
from sandbox.llm.adapter import Merged
from sandbox.llm.prefix import Cache, PrefixCache
from sandbox.llm.trie import Tokens, Trie, tries
from sandbox.types import OptionScore, Sample

Dtype = Literal["float32", "bfloat16"]

NODES_PER_PASS = 256
"""How many nodes of a trie go through the network at once: bounds the memory of the mask and of the logits."""
RESERVE = 64
"""Tokens kept free behind the prompt for options and samples; longer ones shorten the prompt further."""


class LocalModel:
    """A `LanguageModel` over a transformers model. Safe to call from several threads, one call at a time.

    An option is scored as the tokens of the prompt followed by the tokens of the option, each tokenised by itself.
    Let a prompt end where a word ends, and an option begin with its blank (`>`, then ` take lamp`): then this
    is also how the tokeniser would split the whole.

    A prompt that does not fit the window loses tokens at its beginning, in steps of half the window: most turns of
    a long transcript then find their prefix in the cache, and one now and then encodes half a window anew.

    Args:
        network: a causal model with full attention, in evaluation mode.
        tokenizer: its tokenizer.
        name: what it is recorded as, with the adapter: `smollm2-135m-instruct@base`.
        window: how many tokens a prompt and its continuation may have together.
    """

    def __init__(self, network: Any, tokenizer: Any, *, name: str, window: int) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.window = window
        self.adapter: Path | None = None
        """The folder of the adapter that is merged in; `use_adapter` changes it."""
        self.encoded = 0
        """How many tokens have gone through the network so far."""
        self._name = name
        self._merged = Merged(network)
        self._lock = threading.Lock()
        self._prefixes = PrefixCache(max_tokens=2 * window)
        self._head: Tokens = tuple(tokenizer("")["input_ids"])
        self._ends = _end_tokens(network, tokenizer)

    @classmethod
    def load(
        cls,
        reference: str | Path,
        *,
        name: str | None = None,
        threads: int = 0,
        dtype: Dtype = "float32",
        window: int = 2048,
    ) -> LocalModel:
        """A model by name (see `catalogue`), from a folder, or from a GGUF file. Raises `ModelError`.

        Args:
            reference: what `catalogue.resolve` understands.
            name: the name before the `@`; that of the catalogue, the folder or the file if not given.
            threads: for all of torch in this process; 0 takes the physical cores that the process may use.
            dtype: scores are exact in float32; bfloat16 is faster where the processor has it.
            window: the model's own context length is never exceeded.
        """
        source = catalogue.resolve(reference)
        use_threads(threads)
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        try:
            network = transformers.AutoModelForCausalLM.from_pretrained(
                source.folder,
                dtype=getattr(torch, dtype),
                attn_implementation="sdpa",
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            ).eval()
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source.folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"cannot be loaded as a language model: {reason}",
                where=source.folder,
                mend="it should hold config.json, tokenizer.json and model.safetensors",
            ) from error
        window = min(window, _context_length(network.config, source.folder))
        return cls(network, tokenizer, name=f"{name or source.name}@base", window=window)

    @property
    def name(self) -> str:
        return self._name

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        """Log-probability of each option as the continuation of the prompt; an empty option has 0."""
        encoded = [self.encode(option) for option in options]
        logprobs: dict[Tokens, float] = {}
        with self._lock, torch.inference_mode():
            tokens = self.fit(prompt, reserve=max(map(len, encoded), default=0))
            for trie in tries(encoded, NODES_PER_PASS):
                logits, _ = self._advance(tokens, trie)
                logprobs.update(zip(trie.options, _option_logprobs(logits, trie), strict=True))
        return [OptionScore(logprobs[option], len(option)) for option in encoded]

    def sample(
        self,
        prompt: str,
        n: int,
        *,
        seed: int,
        max_tokens: int = 24,
        temperature: float = 1.0,
        stop: Sequence[str] = ("\n",),
    ) -> list[Sample]:
        """n continuations, decoded side by side; the same seed gives the same texts.

        All hang from the one cached prompt as branches of a tree. A sample's log-probability is the model's own,
        whatever the temperature, over all tokens drawn, those of the stop string included; so it is comparable
        with the score of an option that ends in the stop string. Temperature 0 takes the likeliest token.
        """
        if n < 1 or max_tokens < 1:
            return [Sample("", 0.0, 0)] * n
        generator = torch.Generator().manual_seed(seed)
        branches = [_Branch() for _ in range(n)]
        with self._lock, torch.inference_mode():
            tokens = self.fit(prompt, reserve=max_tokens)
            logits, cache = self._advance(tokens, Trie.build(()))
            live, logits = list(range(n)), logits.expand(n, -1)
            owners: list[int] = []
            for position in range(len(tokens), len(tokens) + max_tokens):
                for i, token, logprob in zip(live, *_draw(logits, temperature, generator), strict=True):
                    branches[i].add(token, logprob)
                    branches[i].finish(self._decode(branches[i].tokens), stop, token in self._ends)
                live = [i for i in live if not branches[i].done]
                if not live or position + 1 == len(tokens) + max_tokens:
                    break
                owners += live
                own = torch.tensor(live)[:, None] == torch.tensor(owners)[None, :]
                visible = torch.cat([torch.ones(len(live), len(tokens), dtype=torch.bool), own], dim=1)
                last = [branches[i].tokens[-1] for i in live]
                logits = self._forward(cache, last, [position] * len(live), visible, keep=len(live))
        return [Sample(branch.text, branch.logprob, len(branch.tokens)) for branch in branches]

    def encode(self, text: str) -> Tokens:
        """The tokens of a text by itself, nothing added."""
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def fit(self, prompt: str, *, reserve: int = 0) -> Tokens:
        """The prompt's tokens as the network sees them, with room for `reserve` more. Depends on nothing else."""
        tokens = self.encode(prompt)
        room = self.window - max(reserve, RESERVE) - len(self._head)
        if room < 2:
            raise ModelError(
                f"the window of {self.window} tokens leaves no room for a prompt",
                mend="shorten the options, or give the model a longer window",
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
        with self._lock:
            self._merged.use(folder)
            self._prefixes.clear()
            self.adapter = folder
            self._name = f"{self._name.rpartition('@')[0]}@{name or (folder.name if folder else 'base')}"

    def forget(self) -> None:
        """Drop all kept prefixes."""
        with self._lock:
            self._prefixes.clear()

    def _advance(self, prompt: Tokens, trie: Trie) -> tuple[Tensor, Cache]:
        """One pass over what is new of the prompt and the trie behind it.

        Returns the logits of the trie's rows, [1 + nodes, vocabulary], and the cache of prompt and trie. The
        prompt's own part stays among the kept prefixes.
        """
        known, cache = self._prefixes.longest(prompt)
        if cache is None:
            cache = transformers.DynamicCache()
        new, nodes, length = len(prompt) - known, len(trie), len(prompt)
        visible = torch.zeros(new + nodes, length + nodes, dtype=torch.bool)
        visible[:new, :length] = torch.ones(new, length, dtype=torch.bool).tril(diagonal=known)
        visible[new:, :length] = True
        visible[new:, length:] = torch.from_numpy(trie.ancestry())
        positions = [*range(known, length), *(length - 1 + depth for depth in trie.depths)]
        logits = self._forward(cache, [*prompt[known:], *trie.tokens], positions, visible, keep=1 + nodes)
        self._prefixes.keep(prompt, cache, length + nodes)
        return logits, cache

    def _forward(
        self, cache: Cache, tokens: list[int], positions: list[int], visible: Tensor, *, keep: int
    ) -> Tensor:
        """Put tokens through the network and into the cache; the logits of the last `keep` of them."""
        output = self.network(
            input_ids=torch.tensor([tokens]),
            position_ids=torch.tensor([positions]),
            attention_mask=visible[None, None],
            cache=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        self.encoded += len(tokens)
        logits: Tensor = output.logits[0].float()
        return logits

    def _decode(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class _Branch:
    """A sample being written."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.logprob = 0.0
        self.text = ""
        self.done = False

    def add(self, token: int, logprob: float) -> None:
        self.tokens.append(token)
        self.logprob += logprob

    def finish(self, text: str, stop: Sequence[str], ended: bool) -> None:
        """Take the text so far, and see whether it ends here."""
        cuts = [cut for s in stop if s and (cut := text.find(s)) >= 0]
        self.text = text[: min(cuts)] if cuts else text
        self.done = ended or bool(cuts)


def _option_logprobs(logits: Tensor, trie: Trie) -> list[float]:
    """The summed log-probability of each option of a trie."""
    rows = torch.tensor([row for rows in trie.rows for row in rows], dtype=torch.long)
    tokens = torch.tensor([token for option in trie.options for token in option], dtype=torch.long)
    logprobs = logits.log_softmax(dim=-1)[rows, tokens]
    parts = torch.split(logprobs.double(), [len(option) for option in trie.options])
    return [part.sum().item() for part in parts]


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> tuple[list[int], list[float]]:
    """One token a row, and its log-probability at temperature 1."""
    if temperature > 0:
        chosen = torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=generator)
    else:
        chosen = logits.argmax(dim=-1, keepdim=True)
    logprobs = logits.log_softmax(dim=-1).gather(1, chosen)
    return chosen[:, 0].tolist(), logprobs[:, 0].tolist()


def _end_tokens(network: Any, tokenizer: Any) -> Tokens:
    """The tokens that end a text."""
    configured = network.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    found = dict.fromkeys(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
    return tuple(found) or (0,)


def _context_length(config: Any, folder: Path) -> int:
    """How many tokens may attend to each other. Raises `ModelError` where a tree cannot be masked exactly."""
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if not kinds <= {"full_attention", "sliding_attention"}:
        raise ModelError(
            f"its layers are not plain attention ({', '.join(sorted(kinds))})",
            where=folder,
            mend="take a model with full attention, such as the Llama, Qwen or SmolLM families",
        )
    limits = [getattr(config, "max_position_embeddings", None), getattr(config, "sliding_window", None)]
    return min((limit for limit in limits if limit), default=2048)


def use_threads(threads: int) -> None:
    """How many threads torch computes with; 0 takes `OMP_NUM_THREADS` where it is set, else the physical cores."""
    if threads or "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads or physical_cores())


def physical_cores() -> int:
    """The physical cores that this process may use: two threads of one core get in each other's way."""
    if not hasattr(os, "sched_getaffinity"):
        return max(1, os.cpu_count() or 1)
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            cores.add(siblings.read_text())
        except OSError:
            cores.add(str(cpu))
    return max(1, len(cores))

"""A game-like laboratory in the terminal, where people and language-model agents share text worlds."""

__version__ = "0.1.0"

"""The screen in a browser: every visitor has a process of their own, which the page shows as a terminal."""

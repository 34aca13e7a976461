"""The voice: demonstrations in which every step is spoken, for a language model to learn to play and to speak.

`worlds` makes small native worlds from seeds, `teacher` plays them and generated TextWorld games with detours,
refusals and recoveries, `speech` puts each step into words in the manner of a persona (`personas.yaml`).
"""

"""Language models behind one protocol, `sandbox.types.LanguageModel`.

`local` runs them with torch, `fake` scripts them for tests, `catalogue` knows which there are and where,
`fetch` gets the default one. Importing this package sets the environment of the Hugging Face libraries, which
read it once, when they are imported: nothing is looked up on a hub, nothing is reported to one. And that of
OpenMP, which torch computes with: threads that wait sleep rather than spin, or else a decision takes ten times as
long as soon as anything else wants a core.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""An adapter taken elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

from sandbox.errors import UsageError
from sandbox.files import new_folder
from sandbox.llm import registry as model_registry
from sandbox.tune.adapters import CONFIG, WEIGHTS, Adapters

Format = Literal["peft", "merged"]


def export(adapters: Adapters, adapter: str, folder: Path, form: Format, model: str | None = None) -> None:
    """Write an adapter into a new folder. Raises `UsageError` where the folder exists, and `ModelError`.

    Args:
        adapters: of the save.
        adapter: which.
        folder: made here, and only if all of it could be written.
        form: `peft`, for `PeftModel.from_pretrained` and vLLM, or `merged`, a model folder of its own.
        model: the language model that it belongs to, where it is a folder: the adapter only knows a name.
    """
    source = adapters.path(adapter)
    base = model_registry.resolve(model or adapters.get(adapter).model)
    if folder.exists():
        raise UsageError("is there already", where=folder, hint="choose a folder that does not exist yet")
    with new_folder(folder.absolute()) as work:
        if form == "peft":
            config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
            config["base_model_name_or_path"] = str(base.folder)
            (work / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            shutil.copyfile(source / WEIGHTS, work / WEIGHTS)
            return
        from sandbox.llm.local import LocalModel

        merged = LocalModel.load(base.folder)
        merged.use_adapter(source)
        merged.network.save_pretrained(work)
        merged.tokenizer.save_pretrained(work)

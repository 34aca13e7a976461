from sandbox.llm.fake import ScriptedModel
from sandbox.types import LanguageModel


def test_it_is_a_language_model_that_says_what_it_is_told():
    model = ScriptedModel({"take lamp": -1.0}, ["take lamp", "go north"])
    assert isinstance(model, LanguageModel)
    assert [s.logprob for s in model.score(">", [" take lamp\n", " dance\n"])] == [-1.0, -10.0]
    assert [s.tokens for s in model.score(">", [" take lamp\n", ""])] == [2, 0]
    assert [s.text for s in model.sample("> ", 3, seed=1)] == ["go north", "take lamp", "go north"]
    assert model.prompts == [">", ">", "> "]


def test_scores_may_be_a_function_of_the_prompt():
    model = ScriptedModel(lambda prompt, option: -float(len(prompt + option)))
    assert model.score("ab", ["c", "cd"])[1].logprob == -4.0
    assert model.sample("ab", 2, seed=0) == []

"""What a story prints, without what is not its reply."""

import pytest

from sandbox.world import printed

BLANKS = " " * 127


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (f"\nTaken.\n\n>{BLANKS}CellarScore: 5Moves: 12", "Taken."),
        (f"\nAre you sure?{BLANKS}Cellar", "Are you sure?"),
        (f"\nPlease answer yes or no.>{BLANKS}CellarTime:  9:05 am", "Please answer yes or no."),
        (f"{BLANKS}<< Hall >>Score: 10Moves: 1\n<< Hall >>\nA hall.\n", "<< Hall >>\nA hall."),
        ("> Hall" + " " * 98 + "Score: 0                Moves: 3              \nA hall.\n\n", "A hall."),
        ("A sign says: Score: 3\nMoves: none.", "A sign says: Score: 3\nMoves: none."),
        ("You wait.\n\n[The Court Yard]>", "You wait."),
        ("Choose RESTART,\nor RESTORE a game, or read on.", "Choose RESTART,\nor RESTORE a game, or read on."),
        (
            "*** You have died ***\n\nWould you like to RESTART, RESTORE a saved game or QUIT?\n> ",
            "*** You have died ***",
        ),
    ],
)
def test_a_reply_is_shown_without_prompt_status_line_and_clock(raw: str, shown: str) -> None:
    assert printed.reply_text(raw) == shown


def test_a_quotation_in_a_window_keeps_its_lines() -> None:
    raw = f"Press SPACE.{BLANKS}Every box should be{BLANKS}complete.{BLANKS}\nYou are a student."
    assert printed.reply_text(raw) == "Press SPACE.\nEvery box should be\ncomplete.\n\nYou are a student."


def test_what_happens_meanwhile_is_no_part_of_what_is_perceived() -> None:
    news = "A shadow passes."
    assert printed.without_news(f"Void\nIt is dark.\n\n{news}", f"You carry nothing.\n\n{news}") == (
        "Void\nIt is dark.",
        "You carry nothing.",
    )
    assert printed.without_news("Void\n\nA lamp.", "A lamp.") == ("Void\n\nA lamp.", "A lamp.")
    assert printed.without_news("Same.", "Same.") == ("Same.", "Same.")


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("q", "q"),
        ("", "enter"),
        ("RETURN", "enter"),
        ("esc", "escape"),
        (" ", "space"),
        ("north", "n"),
        ("Up", "up"),
    ],
)
def test_a_key_is_a_name_or_a_letter(typed: str, key: str) -> None:
    assert printed.key(typed) == key

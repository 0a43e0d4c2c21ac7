"""A metric in a foreign package."""

from earnest.metrics import metrics


@metrics.register("share_of_vowels")
def share_of_vowels(text: str) -> float:
    """Share of the letters of `text` that are vowels; neither direction is better.

    Returns
    -------
    float in [0, 1]
        0 where there is no letter.
    """
    letters = [letter for letter in text.lower() if letter.isalpha()]
    return sum(letter in "aeiou" for letter in letters) / max(1, len(letters))

"""Text as it is compared: without case and accents."""

import unicodedata

# Letters that Unicode does not take apart, and typesetters' signs for what keyboards have.
_PLAIN = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "‐": "-",
        "–": "-",
        "—": "-",
    }
)
# Marks on letters, invisible signs, and halves of characters that no database stores.
_DROPPED = {"Mn", "Cf", "Cs"}


def fold(text: str) -> str:
    """Return the text as searches compare it: “Émile Zola” and “EMILE  zola” are “emile zola”."""
    # Folding case can bring composed letters back, and taking those apart can bring capitals back.
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    kept = (character for character in plain if unicodedata.category(character) not in _DROPPED)
    return " ".join("".join(" " if _is_control(character) else character for character in kept).split())


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"

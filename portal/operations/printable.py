"""Words of others, made safe to show: names of keys, or what a server says, may hold commands for a terminal."""


def printable(text: str, *, keeps: str = "\n") -> str:
    r"""Return a text with all that is not printable, but for what it `keeps`, as Python writes it, such as \x1b."""
    return "".join(letter if letter.isprintable() or letter in keeps else ascii(letter)[1:-1] for letter in text)

"""What of Protocol Buffers' wire format spans need."""

from functools import lru_cache

from observability.text import well_formed

_CACHED_HEADS = 1024


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field; `number` is at most 15."""
    return head(number, len(content)) + content


@lru_cache(_CACHED_HEADS)
def head(number: int, size: int) -> bytes:
    """What comes before the content of a length-delimited field of `size` bytes."""
    return bytes((number << 3 | 2,)) + varint(size)


def text(number: int, content: str) -> bytes:
    """A field of text; of lone surrogates, which UTF-8 cannot carry, it has U+FFFD."""
    return field(number, well_formed(content).encode())


def varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte."""
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)

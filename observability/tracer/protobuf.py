"""The part of Protocol Buffers' wire format that spans need: LEN fields and varints."""

from functools import lru_cache

from observability.text import well_formed

_CACHED = 1024


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field (LEN); `number` is at most 15."""
    return tag_and_length(number, len(content)) + content


@lru_cache(_CACHED)
def tag_and_length(number: int, size: int) -> bytes:
    """The bytes before the content of a length-delimited field of `size` bytes."""
    return bytes((number << 3 | 2,)) + varint(size)


def text(number: int, content: str) -> bytes:
    """A field of text, with U+FFFD in place of lone surrogates, which UTF-8 cannot encode."""
    return field(number, well_formed(content).encode())


def varint(number: int) -> bytes:
    """A number that is not negative as a varint: seven bits a byte."""
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)

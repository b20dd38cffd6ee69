"""Gives two messages that come in one chunk as one."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def chunk(self, data):
        messages = list(super().chunk(data))
        if messages:
            yield b"".join(messages)


serve(Decoder)

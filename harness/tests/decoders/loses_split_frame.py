"""Looks for whole frames in each chunk only, and forgets the beginning of one at its end."""

from adapter import Lengths, Refused, serve


class Decoder(Lengths):
    def chunk(self, data):
        self.unread = b""
        yield from super().chunk(data)


serve(Decoder)

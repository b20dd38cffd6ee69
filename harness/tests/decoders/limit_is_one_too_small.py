"""Refuses a message that is just as long as the limit."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def is_too_long(self, length):
        return length >= self.LIMIT


serve(Decoder)

"""Refuses a message that is just as long as the limit, and does not tell why."""

from adapter import Lengths, Refused, serve


class Decoder(Lengths):
    def is_too_long(self, length):
        if length >= self.LIMIT:
            raise Refused("error", "no")


serve(Decoder)

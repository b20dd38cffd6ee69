"""Goes on behind an error as if nothing had been."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def is_too_long(self, length):
        too_long = super().is_too_long(length)
        if too_long:
            self.unread = b""
        return too_long


serve(Decoder, sticky=False)

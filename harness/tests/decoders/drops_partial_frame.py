"""Is content with the end of a stream wherever it comes."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def end(self):
        self.unread = b""


serve(Decoder)

"""Gives a message only when something comes behind it."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def __init__(self):
        super().__init__()
        self.held = None

    def messages(self, message):
        if self.held is not None:
            yield self.held
        self.held = message

    def chunk(self, data):
        if self.held is not None:
            yield self.held
            self.held = None
        yield from super().chunk(data)

    def end(self):
        if self.held is not None:
            print("frame", self.held.hex())
        super().end()


serve(Decoder)

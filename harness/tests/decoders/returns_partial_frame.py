"""Takes what is left at the end of a stream for a last message."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def end(self):
        if len(self.unread) > 4:
            print("frame", self.unread[4:].hex())
        self.unread = b""


serve(Decoder)

"""The protocol, for the wrong decoders beside it."""

import sys


class Refused(Exception):
    """A word and a text."""


class Lengths:
    """A right decoder of messages behind four bytes of length, for the wrong ones to differ from."""

    LIMIT = 1000

    def __init__(self):
        self.unread = b""

    def chunk(self, data):
        self.unread += data
        while len(self.unread) >= 4:
            length = int.from_bytes(self.unread[:4], "big")
            if self.is_too_long(length):
                raise Refused("too-long", f"{length} bytes are announced")
            if len(self.unread) < 4 + length:
                return
            message, self.unread = self.unread[4 : 4 + length], self.unread[4 + length :]
            yield from self.messages(message)

    def is_too_long(self, length):
        return length > self.LIMIT

    def messages(self, message):
        yield message

    def end(self):
        if self.unread:
            raise Refused("truncated", f"{len(self.unread)} bytes are left")


def serve(make, sticky=True):
    print("sockspec-decoder 1", flush=True)
    decoder = refusal = None
    for line in sys.stdin:
        verb, _, data = line.strip().partition(" ")
        try:
            if verb == "new":
                decoder, refusal = make(), None
            elif refusal and sticky:
                raise refusal
            elif verb == "chunk":
                for message in decoder.chunk(bytes.fromhex(data)):
                    print("frame", message.hex())
            else:
                decoder.end()
            print("end" if verb == "end" else "more", flush=True)
        except Refused as error:
            refusal = error
            print(*error.args, flush=True)

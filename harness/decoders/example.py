#!/usr/bin/env python3
"""A decoder of messages behind a length of four bytes, most significant first, at most 64 KiB each.

    sockspec fuzz-decoder --framing 'binary-length u32 big' --limit 64KiB -- python3 example.py

Put your own decoder in the place of `Decoder`; the rest can stay as it is.
"""

import sys


class Refused(Exception):
    """The bytes are no messages: a word (error, truncated, too-long or malformed), and a text."""


class Decoder:
    LIMIT = 64 * 1024

    def __init__(self):
        self.unread = b""

    def chunk(self, data):
        self.unread += data
        while len(self.unread) >= 4:
            length = int.from_bytes(self.unread[:4], "big")
            if length > self.LIMIT:
                raise Refused("too-long", f"{length} bytes are announced")
            if len(self.unread) < 4 + length:
                return
            yield self.unread[4 : 4 + length]
            self.unread = self.unread[4 + length :]

    def end(self):
        if self.unread:
            raise Refused("truncated", f"{len(self.unread)} bytes are left")


print("sockspec-decoder 1 example.py", flush=True)
for line in sys.stdin:
    verb, _, data = line.strip().partition(" ")
    try:
        if verb == "new":
            decoder, refusal = Decoder(), None
        elif refusal:
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

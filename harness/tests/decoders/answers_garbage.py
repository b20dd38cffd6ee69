"""Leaves a note for its author on standard output when a message holds a line feed."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def messages(self, message):
        if b"\n" in message:
            print("DEBUG: line feed in message")
        yield message


serve(Decoder)

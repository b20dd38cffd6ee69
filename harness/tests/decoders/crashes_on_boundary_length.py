"""Puts a length into one byte."""

import sys

from adapter import Lengths, serve


class Decoder(Lengths):
    def messages(self, message):
        print("a message of", bytes([len(message)])[0], file=sys.stderr)
        yield message


serve(Decoder)

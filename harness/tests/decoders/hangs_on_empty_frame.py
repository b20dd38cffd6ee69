"""Waits for ever for the body of an empty message."""

import time

from adapter import Lengths, serve


class Decoder(Lengths):
    def messages(self, message):
        while not message:
            time.sleep(1)
        yield message


serve(Decoder)

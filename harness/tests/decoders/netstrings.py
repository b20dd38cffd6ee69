"""Netstrings (`5:hello,`), which are none of the framings that are known. With `forgetful`, the
digits of a length that is cut are forgotten."""

import sys

from adapter import Refused, serve


class Decoder:
    def __init__(self):
        self.unread = b""

    def chunk(self, data):
        self.unread += data
        while self.unread:
            digits, colon, rest = self.unread.partition(b":")
            if not digits.isdigit() or len(digits) > 3 or (len(digits) > 1 and digits[:1] == b"0"):
                raise Refused("malformed", "no length")
            length = int(digits)
            if not colon or len(rest) <= length:
                if "forgetful" in sys.argv and not colon:
                    self.unread = b""
                return
            if rest[length : length + 1] != b",":
                raise Refused("malformed", "no comma")
            yield rest[:length]
            self.unread = rest[length + 1 :]

    def end(self):
        if self.unread:
            raise Refused("truncated", "no comma at the end")


serve(Decoder)

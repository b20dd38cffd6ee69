"""Says `more` once for a chunk and once for each of its messages but the first."""

from adapter import Lengths, serve


class Decoder(Lengths):
    def chunk(self, data):
        for index, message in enumerate(super().chunk(data)):
            if index > 0:
                print("more")
            yield message


serve(Decoder)

"""Does not begin afresh with a new stream."""

from adapter import Lengths, serve

decoder = Lengths()
serve(lambda: decoder)

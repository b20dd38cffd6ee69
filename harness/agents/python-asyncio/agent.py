#!/usr/bin/env python3
"""An agent of sockspec for the streams of asyncio. The protocol is told in ../README.md.

A program that uses asyncio sees a connection as a StreamReader and a StreamWriter, a listener as
`start_server()` with a callback, and datagrams as the callbacks of a DatagramProtocol. That is what is shown
here, on the event loop of `--loop`:

- `open` and `bind` make a socket as programs do that want to set options before anything else: it is
  given to asyncio as `sock=`. `listen` is `start_server()` or `start_unix_server()`; `connect` is
  `loop.sock_connect()` with `open_connection()` or `open_unix_connection()`.
- `accept` awaits a connection that the callback was called with; asyncio accepts them by itself.
- `recv` is an awaited `read(n)`, with MSG_WAITALL `readexactly(n)`. asyncio reads ahead, up to 128 KiB and
  more, so that a program gets data that came before a reset even where the kernel has dropped them, and
  its peer sees room that nobody has asked for.
- `send` is `write()` and an awaited `drain()`, so it counts all or nothing: what is above the high-water mark
  waits, what is below it is in a buffer of asyncio's. Nothing is told of what became of that.
- `shutdown` of the write half is `write_eof()`. `close` is `close()` and an awaited `wait_closed()`.
- SO_RCVTIMEO and SO_SNDTIMEO are `wait_for()` around each receive and accept, or each send and connect,
  as a program limits them. Other options are set on the socket, later by `get_extra_info("socket")`.
- A datagram that came is kept until it is asked for, as it is with most protocols that programs have, and
  given whole, since a protocol gets it so; an error that the protocol is told of is given to the next
  receive.
- A call is ended by cancelling its task.
"""

import argparse
import asyncio
import base64
import collections
import errno
import importlib.metadata
import json
import os
import platform
import socket
import struct
import sys
import time
from array import array

arguments = argparse.ArgumentParser(description="An agent of sockspec for the streams of asyncio.")
arguments.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
LOOP = arguments.parse_args().loop
if LOOP == "uvloop":
    import uvloop

# --- generated payloads and digests: many blocks at once, each in a lane of 128 bits of one integer

WORD = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
LANES = 4096
CHUNK = 64 << 10
HEAD, BLOCK = 4 << 10, 16 << 10


def lanes(count):
    """An integer with a one in each lane."""
    return int.from_bytes((b"\1" + bytes(15)) * count, "little")


ONES = lanes(LANES)
STEPS = int.from_bytes(b"".join(k.to_bytes(16, "little") for k in range(1, LANES + 1)), "little")


def generated(seed, offset, length):
    """Bytes of the stream of a seed."""
    first, skipped = divmod(offset, 8)
    pieces, mask = [], ONES * WORD
    for block in range(first, first + (skipped + length + 7) // 8, LANES):
        z = (STEPS * GOLDEN + ONES * ((seed + block * GOLDEN) & WORD)) & mask
        z = ((z ^ ((z >> 30) & mask)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ ((z >> 27) & mask)) * 0x94D049BB133111EB) & mask
        z ^= (z >> 31) & mask
        pieces.append(array("Q", z.to_bytes(16 * LANES, "little"))[::2].tobytes())
    return b"".join(pieces)[skipped:skipped + length]


def digests(data):
    """FNV-1a with 64 bits of each block."""
    basis, prime = 0xCBF29CE484222325, 0x100000001B3
    whole = len(data) // BLOCK
    hashes, mask, column = basis * lanes(whole), WORD * lanes(whole), bytearray(16 * whole)
    for at in range(BLOCK if whole else 0):
        column[::16] = data[at:whole * BLOCK:BLOCK]
        hashes = ((hashes ^ int.from_bytes(column, "little")) * prime) & mask
    found = [hashes >> (128 * lane) & WORD for lane in range(whole)]
    if len(data) % BLOCK:
        found.append(basis)
        for byte in data[whole * BLOCK:]:
            found[-1] = ((found[-1] ^ byte) * prime) & WORD
    return ["%016x" % digest for digest in found]


def received(data):
    found = {"length": len(data), "head": base64.b64encode(data[:HEAD]).decode()}
    if len(data) > HEAD:
        found["blocks"] = digests(data)
    return {"received": found}



STREAMS = {"tcp4": socket.AF_INET, "tcp6": socket.AF_INET6, "unix": socket.AF_UNIX}
DATAGRAMS = {"udp4": socket.AF_INET, "udp6": socket.AF_INET6, "unix-dgram": socket.AF_UNIX}


def address_of(endpoint):
    """The address that Python has for an endpoint."""
    if endpoint == "unnamed":
        raise Unsupported("an address without a name cannot be given")
    if "local" in endpoint:
        return "\0" + endpoint["local"]
    host, _, port = endpoint["inet"].rpartition(":")
    return host.strip("[]"), int(port)


def endpoint_of(address):
    """The endpoint that an address of Python's stands for."""
    if not address:
        return "unnamed"
    if isinstance(address, tuple):
        host, scope = address[0], "%%%d" % address[3] if len(address) > 3 and address[3] else ""
        inside = "[%s%s]" % (host.partition("%")[0], scope) if ":" in host else host
        return {"inet": "%s:%d" % (inside, address[1])}
    name = address.decode("utf-8", "replace") if isinstance(address, bytes) else address
    return {"local": name.lstrip("\0")} if name.startswith("\0") else "unnamed"


LEVELS = {"SO": socket.SOL_SOCKET, "TCP": socket.IPPROTO_TCP, "IP": socket.IPPROTO_IP,
          "IPV6": socket.IPPROTO_IPV6}
OPTIONS = ["SO_ACCEPTCONN", "SO_BROADCAST", "SO_ERROR", "SO_KEEPALIVE", "SO_LINGER", "SO_RCVBUF", "SO_REUSEADDR",
           "SO_REUSEPORT", "SO_SNDBUF", "TCP_CORK", "TCP_KEEPCNT", "TCP_MAXSEG", "TCP_NODELAY", "TCP_QUICKACK",
           "IP_TTL", "IPV6_V6ONLY"]
LIMITS = ["SO_RCVTIMEO", "SO_SNDTIMEO"]


# --- the sockets of a session

class Unsupported(Exception):
    """This cannot be expressed here."""


class Held:
    """A socket, and what asyncio made of it: a connection, a server, or an endpoint of datagrams."""

    def __init__(self, transport):
        self.transport = transport
        self.is_stream = transport in STREAMS
        family = STREAMS.get(transport) or DATAGRAMS[transport]
        self.sock = socket.socket(family, socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.reader = self.writer = self.server = self.protocol = None
        self.arrived, self.limits = asyncio.Queue(), {}

    def socket(self):
        below = self.writer or self.protocol and self.protocol.transport
        return below.get_extra_info("socket") if below else self.sock

    def connection(self):
        if self.writer is None:
            raise OSError(errno.ENOTCONN, "no stream before there is a connection")
        return self.reader, self.writer

    def take(self, reader, writer):
        self.reader, self.writer = reader, writer
        return self

    async def endpoint(self):
        if self.protocol is None:
            loop = asyncio.get_running_loop()
            _, self.protocol = await loop.create_datagram_endpoint(Datagrams, sock=self.sock)
        return self.protocol

    async def close(self):
        if self.server:
            self.server.close()
        elif self.protocol:
            self.protocol.transport.close()
        elif self.writer:
            self.writer.close()
            await self.writer.wait_closed()
        else:
            self.sock.close()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self):
        self.came, self.waiting, self.lost = collections.deque(), collections.deque(), False

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, source):
        self.give((data, source))

    def error_received(self, error):
        self.give(error)

    def connection_lost(self, error):
        self.lost = True
        self.give(error or OSError(errno.EBADF, "connection_lost() was called"))

    def give(self, what):
        self.came.append(what)
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def receive(self):
        while not self.came:
            if self.lost:
                raise OSError(errno.EBADF, "connection_lost() was called")
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]
        what = self.came.popleft()
        if isinstance(what, Exception):
            raise what
        return what


# --- calls

def say(**message):
    sys.stdout.buffer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


BLOCKED = {"err": {"class": "blocked", "text": "the task was cancelled"}}


def failure(error):
    """What an exception is in the protocol."""
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, "other")
        return {"err": {"class": name, "raw": error.errno, "text": error.strerror or str(error)}}
    if isinstance(error, asyncio.TimeoutError):
        return {"err": {"class": "timeout", "text": repr(error)}}
    for kind, name in ((ConnectionResetError, "ECONNRESET"), (BrokenPipeError, "EPIPE"),
                       (ConnectionAbortedError, "ECONNABORTED")):
        if isinstance(error, kind):  # asyncio makes some of its own, without a number
            return {"err": {"class": name, "text": repr(error)}}
    return {"threw": {"type": type(error).__qualname__, "text": str(error)}}


class Call:
    """A request that is being performed. Each verb is a method that gives what `ok` holds."""

    CAN_BLOCK = ("connect", "accept", "send", "sendall", "recv", "close", "fill", "drain")

    def __init__(self, request, session):
        self.request, self.session, self.began, self.ended = request, session, None, None

    def held(self, key="socket"):
        held = self.session.sockets.get(self.request[key])
        if held is None:
            raise OSError(errno.EBADF, "a socket that was never opened")
        return held

    async def perform(self):
        """What came of it, unless it is cancelled."""
        verb = getattr(self, "do_" + self.request["verb"], None)
        try:
            if verb is None or self.request.get("flags", []) not in ([], ["MSG_WAITALL"]):
                raise Unsupported("a stream of asyncio has nothing like it")
            return {"ok": await verb() or "nothing"}
        except Unsupported as reason:
            return {"unsupported": {"why": str(reason)}}
        except Exception as error:
            return failure(error)

    async def run(self):
        limit, result = self.request["limit"], BLOCKED
        self.performing = asyncio.ensure_future(self.perform())
        timer = limit and asyncio.get_running_loop().call_later(limit / 1e9, self.performing.cancel)
        try:
            result = await self.performing
        except asyncio.CancelledError:
            pass
        if timer:
            timer.cancel()
        if self.session.pending.pop(self.request["id"], None):  # not so after a reset
            if self.ended is None:
                self.began = self.ended = time.monotonic_ns()
            say(kind="done", id=self.request["id"], began=self.began, took=self.ended - self.began, **result)

    async def make(self, act, limit=None):
        """The call under test, between two looks at the clock."""
        seconds = self.held().limits.get(limit) if limit else None
        if self.request["verb"] in self.CAN_BLOCK:
            say(kind="started", id=self.request["id"])
        self.began = time.monotonic_ns()
        try:
            return await (asyncio.wait_for(act(), seconds) if seconds else act())
        finally:
            self.ended = time.monotonic_ns()

    async def at_once(self, act):
        async def made():
            return act()
        return await self.make(made)

    async def do_open(self):
        def note():
            self.session.sockets[self.request["socket"]] = Held(self.request["transport"])
        await self.at_once(note)

    async def do_bind(self):
        held, address = self.held(), address_of(self.request["address"])
        await self.at_once(lambda: held.sock.bind(address))

    async def do_listen(self):
        held, backlog = self.held(), self.request["backlog"]
        start = asyncio.start_unix_server if held.transport == "unix" else asyncio.start_server

        def arrived(reader, writer):
            held.arrived.put_nowait((reader, writer))
        held.server = await self.make(lambda: start(arrived, sock=held.sock, backlog=backlog))

    async def do_connect(self):
        held, address, loop = self.held(), address_of(self.request["address"]), asyncio.get_running_loop()
        if held.protocol:
            raise Unsupported("an endpoint of asyncio is connected before its first datagram, or never")
        opening = asyncio.open_unix_connection if held.transport == "unix" else asyncio.open_connection

        async def connect():
            await loop.sock_connect(held.sock, address)
            return held.is_stream and await opening(sock=held.sock)
        connection = await self.make(connect, "SO_SNDTIMEO")
        if connection:
            held.take(*connection)

    async def do_accept(self):
        held = self.held()
        reader, writer = await self.make(held.arrived.get, "SO_RCVTIMEO")
        connection = self.session.sockets[self.request["as"]] = Held(held.transport)
        connection.sock.close()
        connection.take(reader, writer)

    def payload(self, data):
        if "bytes" in data:
            return base64.b64decode(data["bytes"])
        return generated(data["generated"]["seed"], 0, data["generated"]["length"])

    async def do_send(self):
        held, data, to = self.held(), self.payload(self.request["data"]), self.request.get("to")
        if not held.is_stream:
            address, protocol = to and address_of(to), await held.endpoint()
            await self.at_once(lambda: protocol.transport.sendto(data, address))
        else:
            _, writer = held.connection()

            async def write():
                writer.write(data)
                await writer.drain()
            await self.make(write, "SO_SNDTIMEO")
        return {"count": len(data)}

    async def do_sendall(self):
        pieces, (_, writer) = [self.payload(data) for data in self.request["pieces"]], self.held().connection()

        async def write():
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        await self.make(write, "SO_SNDTIMEO")

    async def do_recv(self):
        held, size = self.held(), self.request["size"]
        if not held.is_stream:
            data, source = await self.make((await held.endpoint()).receive, "SO_RCVTIMEO")
            found = {"bytes": base64.b64encode(data).decode()}  # whole, however much was asked for
            if self.request.get("from") and source:
                found["from"] = endpoint_of(source)
            return {"data": found}
        reader, _ = held.connection()
        if "MSG_WAITALL" in self.request.get("flags", []):
            try:
                data = await self.make(lambda: reader.readexactly(size), "SO_RCVTIMEO")
            except asyncio.IncompleteReadError as rest:
                data = rest.partial
        else:
            data = await self.make(lambda: reader.read(size), "SO_RCVTIMEO")
        return {"data": {"bytes": base64.b64encode(data).decode()}} if data or not size else "end-of-stream"

    async def do_shutdown(self):
        if self.request["how"] != "write":
            raise Unsupported(LACKS["shutdown-read"])
        await self.at_once(self.held().connection()[1].write_eof)

    async def do_close(self):
        await self.make(self.held().close)

    async def do_setopt(self):
        held, name, value = self.held(), self.request["option"], self.request["value"]
        if name in LIMITS:
            return await self.at_once(lambda: held.limits.update({name: value["time"] / 1e9}))
        if name not in OPTIONS:
            raise Unsupported("it is not offered")
        level, code, number = LEVELS[name.partition("_")[0]], getattr(socket, name), value.get("number")
        if "linger" in value:
            number = struct.pack("ii", value["linger"] is not None, (value["linger"] or 0) // 10**9)
        sock = held.socket()
        await self.at_once(lambda: sock.setsockopt(level, code, number))

    async def do_getopt(self):
        held, name = self.held(), self.request["option"]
        if name in LIMITS:
            return {"value": {"time": round(held.limits.get(name, 0) * 1e9)}}
        if name not in OPTIONS:
            raise Unsupported("it is not offered")
        level, code, sock = LEVELS[name.partition("_")[0]], getattr(socket, name), held.socket()
        if name == "SO_LINGER":
            on, seconds = struct.unpack("ii", await self.at_once(lambda: sock.getsockopt(level, code, 8)))
            return {"value": {"linger": seconds * 10**9 if on else None}}
        number = await self.at_once(lambda: sock.getsockopt(level, code))
        if name == "SO_ERROR":
            return {"value": {"error": errno.errorcode.get(number, "other") if number else None}}
        return {"value": {"number": number}}

    async def do_getsockname(self):
        return {"name": endpoint_of(await self.at_once(self.held().socket().getsockname))}

    async def do_getpeername(self):
        return {"name": endpoint_of(await self.at_once(self.held().socket().getpeername))}

    async def do_fill(self):
        _, writer = self.held().connection()

        async def stream():
            total = 0
            while True:
                writer.write(generated(self.request["seed"], total, CHUNK))
                total += CHUNK
                try:
                    await asyncio.wait_for(writer.drain(), 0.1)
                except asyncio.TimeoutError:
                    return total
        return {"count": await self.make(stream)}

    async def do_drain(self):
        held, pieces = self.held(), []
        reader, _ = held.connection()

        async def stream():
            while piece := await asyncio.wait_for(reader.read(CHUNK), held.limits.get("SO_RCVTIMEO") or None):
                pieces.append(piece)
        await self.make(stream)
        return received(b"".join(pieces)) if pieces else "end-of-stream"


STREAM = "a stream of asyncio has nothing like it"
LACKS = {"shutdown-read": "a StreamWriter can end its own half only", "shutdown-both": "there is write_eof() only",
         "shutdown-number": "write_eof() takes none", "dup": STREAM, "peek": STREAM, "dont-wait": STREAM,
         "truncation": STREAM, "more": STREAM, "error-queue": STREAM, "raise": STREAM, "read-write": STREAM,
         "nonblocking": STREAM, "poll": STREAM, "epoll": STREAM, "select": STREAM, "signals": STREAM,
         "tcp-info": STREAM, "short-options": STREAM}
OFFERS = [*STREAMS, *DATAGRAMS, "blocking-calls", "concurrent", "cancel", "shutdown-write", "wait-all",
          "names", "fill", *OPTIONS, *LIMITS]


class Session:
    def __init__(self):
        self.sockets, self.pending = {}, {}

    async def run(self):
        loop = "asyncio" if LOOP == "asyncio" else "uvloop %s" % importlib.metadata.version("uvloop")
        # libuv counts time in whole milliseconds and rounds both ends of a wait.
        grain = 0 if LOOP == "asyncio" else 2_000_000
        say(kind="hello", versions=[1], name="python-asyncio" if LOOP == "asyncio" else "python-asyncio-uvloop",
            version="%s, %s %s, %s %s" % (loop, platform.python_implementation(), platform.python_version(),
                                          platform.system(), platform.release()),
            offers=OFFERS, lacks=LACKS, granularity={"poll": 0, "socket": grain})
        reader = asyncio.StreamReader(limit=16 << 20)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                await self.handle(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                print("%r is no request: %r" % (line[:200], error), file=sys.stderr, flush=True)
                os._exit(2)
        os._exit(0)  # whatever is pending

    async def handle(self, message):
        if message["kind"] == "call":
            call = self.pending[message["id"]] = Call(message, self)
            call.task = asyncio.ensure_future(call.run())
            if message["verb"] not in Call.CAN_BLOCK:
                await call.task
            else:
                await asyncio.sleep(0)
        elif message["kind"] == "cancel" and message["call"] in self.pending:
            self.pending[message["call"]].performing.cancel()
        elif message["kind"] == "reset":
            began = time.monotonic_ns()
            calls, self.pending = list(self.pending.values()), {}
            for call in calls:
                call.performing.cancel()
            await asyncio.gather(*(call.task for call in calls))
            for held in self.sockets.values():
                while not held.arrived.empty():
                    held.arrived.get_nowait()[1].transport.abort()
                if held.writer:
                    held.writer.transport.abort()  # drops what its buffer holds
                else:
                    await held.close()
            self.sockets = {}
            took = time.monotonic_ns() - began
            say(kind="done", id=message["id"], began=began, took=took, ok={"reset": {"leaks": []}})


if LOOP == "uvloop":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(Session().run())

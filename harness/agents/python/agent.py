#!/usr/bin/env python3
"""An agent of sockspec for Python's sockets. The protocol is told in ../README.md.

`--flavour` says whose sockets they are:

plain     the module `socket` of CPython; a call that can block has a thread
gevent    the same module as gevent patches it; a call that can block has a greenlet
eventlet  the same as eventlet patches it
trio      `trio.socket`; a call that can block has a task

What the words of the protocol mean here:

- SO_RCVTIMEO and SO_SNDTIMEO are both `settimeout()`, since that is what a Python program limits a wait
  by: one limit for every call on the socket, so setting one of them sets the other. In trio they
  are `fail_after()` around each receive and accept, or each send and connect.
- A flag that a flavour takes is offered, also where it makes no difference there.
- A call is ended as a program of that flavour would: a greenlet is killed, a task cancelled. CPython
  makes a call again that a signal interrupted (PEP 475), so in a thread no signal ends it by itself:
  the socket object gives up its descriptor meanwhile and the call finds none when it is made again. The
  socket of the kernel sees nothing of that. A wait for readiness watches a pipe too.
"""

import argparse
import sys

FLAVOURS = ("plain", "gevent", "eventlet", "trio")
arguments = argparse.ArgumentParser(description="An agent of sockspec for Python's sockets.")
arguments.add_argument("--flavour", choices=FLAVOURS, default="plain")
FLAVOUR = arguments.parse_args().flavour
if FLAVOUR == "gevent":  # before anything else imports what it patches
    import gevent.monkey
    gevent.monkey.patch_all()
elif FLAVOUR == "eventlet":
    import eventlet
    eventlet.monkey_patch()
elif FLAVOUR == "trio":
    import trio

import base64
import errno
import fcntl
import functools
import importlib.metadata
import inspect
import json
import math
import os
import platform
import select
import signal
import socket
import struct
import termios
import threading
import time
from array import array

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


# --- names and options

TRANSPORTS = {
    "tcp4": (socket.AF_INET, socket.SOCK_STREAM), "tcp6": (socket.AF_INET6, socket.SOCK_STREAM),
    "udp4": (socket.AF_INET, socket.SOCK_DGRAM), "udp6": (socket.AF_INET6, socket.SOCK_DGRAM),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM), "unix-dgram": (socket.AF_UNIX, socket.SOCK_DGRAM),
}


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
NUMBERS = ["SO_ACCEPTCONN", "SO_BROADCAST", "SO_DONTROUTE", "SO_KEEPALIVE", "SO_OOBINLINE", "SO_RCVBUF",
           "SO_RCVLOWAT", "SO_REUSEADDR", "SO_REUSEPORT", "SO_SNDBUF", "TCP_CORK", "TCP_KEEPCNT",
           "TCP_MAXSEG", "TCP_NODELAY", "TCP_QUICKACK", "TCP_SYNCNT", "IP_RECVERR", "IPV6_RECVERR",
           "IP_TTL", "IPV6_V6ONLY"]
TIMES = {"TCP_KEEPIDLE": 10**9, "TCP_KEEPINTVL": 10**9, "TCP_LINGER2": 10**9, "TCP_USER_TIMEOUT": 10**6}
OTHERS = ["SO_BINDTODEVICE", "SO_ERROR", "SO_LINGER", "TCP_INFO"]
LIMITS = ["SO_RCVTIMEO", "SO_SNDTIMEO"]
OPTIONS = [name for name in NUMBERS + list(TIMES) + OTHERS if hasattr(socket, name)]
STATES = ["", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
          "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"]
READY = ["in", "pri", "out", "rdhup", "hup", "err", "nval"]
HALVES = {"read": socket.SHUT_RD, "write": socket.SHUT_WR, "both": socket.SHUT_RDWR}
MODULE = trio.socket if FLAVOUR == "trio" else socket
LACKS = {"raise": "CPython ignores SIGPIPE from its start",
         "read-write": "a socket has neither read() nor write()"}
LACKS.update({name: "the module socket has no %s" % name for name in (*NUMBERS, "MSG_ERRQUEUE")
              if not hasattr(socket, name)})
LACKS.update({by: "the flavour %s has no %s" % (FLAVOUR, by) for by in ("poll", "epoll", "select")
              if FLAVOUR == "trio" or not hasattr(select, by)})
if FLAVOUR != "plain":
    LACKS["signals"] = "a signal reaches the thread, not the one of its tasks that waits"
if FLAVOUR == "trio":
    LACKS["nonblocking"] = "a socket of trio is always awaited"
OFFERS = [word for word in [
    *TRANSPORTS, "blocking-calls", "concurrent", "cancel", "shutdown-read", "shutdown-write", "shutdown-both",
    "shutdown-number", "dup", "peek", "wait-all", "dont-wait", "truncation", "more", "nonblocking", "short-options",
    "poll", "epoll", "select", "names", "fill", "signals", "tcp-info", *OPTIONS, *LIMITS, "FIONREAD",
] if word not in LACKS]
if "MSG_ERRQUEUE" in LACKS:
    LACKS["error-queue"] = LACKS.pop("MSG_ERRQUEUE")
else:
    OFFERS.append("error-queue")



def option_code(name):
    if name not in OPTIONS:
        raise Unsupported("the module socket has no %s" % name)
    return LEVELS[name.partition("_")[0]], getattr(socket, name)


def option_bytes(name, value):
    """What is passed to setsockopt: an integer or bytes."""
    if "time" in value:
        return value["time"] // TIMES[name]
    if "linger" in value:
        time = value["linger"]
        return struct.pack("ii", time is not None, (time or 0) // 10**9)
    if "device" in value:
        return value["device"].encode()
    return value["number"]


def option_value(sock, name):
    if name == "FIONREAD":
        return {"number": struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0]}
    level, code = option_code(name)
    if name == "SO_LINGER":
        on, seconds = struct.unpack("ii", sock.getsockopt(level, code, 8))
        return {"linger": seconds * 10**9 if on else None}
    if name == "TCP_INFO":
        return {"state": STATES[sock.getsockopt(level, code, 1)[0]]}
    number = sock.getsockopt(level, code)
    if name == "SO_ERROR":
        return {"error": errno.errorcode.get(number, "other") if number else None}
    return {"time": number * TIMES[name]} if name in TIMES else {"number": number}


# --- calls

class Unsupported(Exception):
    """This cannot be expressed here."""


class Ended(BaseException):
    """Thrown into a pending call to end it."""


BLOCKED = {"err": {"class": "blocked", "text": "the call was ended"}}
INPUT = os.dup(0)  # the select of eventlet never finds descriptor 0 ready
OUTPUT = threading.Lock()


def say(**message):
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    with OUTPUT:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def failure(error):
    """What an exception is in the protocol."""
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, "other")
        return {"err": {"class": name, "raw": error.errno, "text": error.strerror or str(error)}}
    if isinstance(error, socket.timeout) or FLAVOUR == "trio" and isinstance(error, trio.TooSlowError):
        return {"err": {"class": "timeout", "text": repr(error)}}
    if isinstance(error, OSError):
        return {"err": {"class": "other", "text": repr(error)}}
    return {"threw": {"type": type(error).__qualname__, "text": str(error)}}


async def given(act, limit=None):
    """What a call gives; in trio it has to be awaited, perhaps within a limit."""
    if limit is not None:
        with trio.fail_after(limit):
            return await act()
    value = act()
    return await value if inspect.isawaitable(value) else value


class Call:
    """A request that is being performed. Each verb is a method that gives what `ok` holds."""

    def __init__(self, request, session):
        self.request, self.session = request, session
        limit = request.get("limit")
        self.due = None if limit is None else time.monotonic() + limit / 1e9
        self.began = self.ended = self.thread = None
        self.wakes = None  # the end of a pipe that ends a wait for readiness
        self.ending = self.over = self.silent = False

    def can_block(self):
        verb = self.request["verb"]
        if verb == "poll":
            return self.request["timeout"] is not None
        return (verb in ("connect", "accept", "send", "sendall", "recv", "fill", "drain")
                or verb == "close" and self.request["socket"] in self.session.lingering)

    async def outcome(self):
        verb = getattr(self, "do_" + self.request["verb"], None)
        try:
            if verb is None:
                raise Unsupported("the verb is not known")
            result = await verb() or "nothing"
            return BLOCKED if self.ending and self.was_cut(result) else {"ok": result}
        except Unsupported as reason:
            return {"unsupported": {"why": str(reason)}}
        except Ended:
            return BLOCKED
        except Exception as error:
            return BLOCKED if self.ending else failure(error)

    def was_cut(self, result):
        """Whether a call that was ended had done a part."""
        if self.request["verb"] == "send":
            return result["count"] < len(self.payload())
        return "MSG_WAITALL" in self.request.get("flags", []) or self.request["verb"] in ("close", "fill")

    def answer(self, result):
        with OUTPUT:  # from here on its thread gets no signal
            self.over = True
        self.session.pending.pop(self.request["id"], None)
        if self.ended is None:
            self.began = self.ended = time.monotonic_ns()
        if not self.silent:
            say(kind="done", id=self.request["id"], began=self.began, took=self.ended - self.began, **result)

    async def make(self, act, *rest, limit=None):
        """The call under test, between two looks at the clock."""
        seconds = self.session.limits.get((self.request.get("socket"), limit))
        if rest:
            act = functools.partial(act, *rest)
        if self.can_block():
            # Without `thread`: one that waits for the interpreter's lock sleeps too.
            say(kind="started", id=self.request["id"])
        self.began = time.monotonic_ns()
        try:
            return await given(act, seconds)
        finally:
            self.ended = time.monotonic_ns()

    def socket(self):
        try:
            return self.session.sockets[self.request["socket"]]
        except KeyError:
            raise OSError(errno.EBADF, "a socket that was never opened") from None

    def keep(self, sock, key):
        self.session.sockets[self.request[key]] = sock

    def flags(self):
        names = self.request.get("flags", [])
        for name in names:
            if not hasattr(socket, name):
                raise Unsupported(LACKS.get(name, "the module socket has no %s" % name))
        return functools.reduce(int.__or__, [getattr(socket, name) for name in names], 0)

    def payload(self, data=None):
        data = data or self.request["data"]
        if "bytes" in data:
            return base64.b64decode(data["bytes"])
        return generated(data["generated"]["seed"], 0, data["generated"]["length"])

    async def do_open(self):
        self.keep(await self.make(MODULE.socket, *TRANSPORTS[self.request["transport"]]), "socket")

    async def do_bind(self):
        await self.make(self.socket().bind, address_of(self.request["address"]))

    async def do_listen(self):
        await self.make(self.socket().listen, self.request["backlog"])

    async def do_connect(self):
        await self.make(self.socket().connect, address_of(self.request["address"]), limit="SO_SNDTIMEO")

    async def do_accept(self):
        self.keep((await self.make(self.socket().accept, limit="SO_RCVTIMEO"))[0], "as")

    async def do_send(self):
        sock, data, flags, to = self.socket(), self.payload(), self.flags(), self.request.get("to")
        if to is None:
            return {"count": await self.make(sock.send, data, flags, limit="SO_SNDTIMEO")}
        return {"count": await self.make(sock.sendto, data, flags, address_of(to), limit="SO_SNDTIMEO")}

    async def do_sendall(self):
        sock, flags, pieces = self.socket(), self.flags(), [self.payload(data) for data in self.request["pieces"]]
        limit = self.session.limits.get((self.request["socket"], "SO_SNDTIMEO"))

        async def stream():
            for piece in pieces:
                taken = await given(lambda: sock.send(piece, flags), limit)
                while taken < len(piece):
                    if self.ending:
                        raise Ended
                    taken += await given(lambda: sock.send(memoryview(piece)[taken:], flags), limit)

        await self.make(stream)

    async def do_recv(self):
        sock, size, flags, source = self.socket(), self.request["size"], self.flags(), self.request.get("from")
        receive = functools.partial(self.make, limit="SO_RCVTIMEO")
        address, truncated = None, False
        if "MSG_TRUNC" in self.request.get("flags", []):
            # recv() would give so many bytes, which were never received.
            return {"count": await receive(sock.recv_into, bytearray(size), size, flags)}
        if sock.type == socket.SOCK_DGRAM and FLAVOUR != "eventlet":  # where recvmsg() does not wait
            data, _, told, address = await receive(sock.recvmsg, size, 0, flags)
            truncated = bool(told & socket.MSG_TRUNC)
        elif source or sock.type == socket.SOCK_DGRAM:
            data, address = await receive(sock.recvfrom, size, flags)
        else:
            data = await receive(sock.recv, size, flags)
        if not data and size and not address:
            return "end-of-stream"
        found = {"bytes": base64.b64encode(data).decode(), "truncated": truncated}
        if source and address:
            found["from"] = endpoint_of(address)
        return {"data": found}

    async def do_shutdown(self):
        how = self.request["how"]
        await self.make(self.socket().shutdown, HALVES.get(how, how))

    async def do_close(self):
        await self.make(self.socket().close)

    async def do_dup(self):
        self.keep(await self.make(self.socket().dup), "as")

    async def do_setopt(self):
        sock, name, value = self.socket(), self.request["option"], self.request["value"]
        if name in LIMITS:
            seconds = value["time"] / 1e9 or None
            if FLAVOUR != "trio":
                return await self.make(sock.settimeout, seconds)
            return self.session.limits.update({(self.request["socket"], name): seconds})
        level, code = option_code(name)
        passed, length = option_bytes(name, value), self.request.get("length")
        if length is not None:
            passed = (struct.pack("i", passed) if isinstance(passed, int) else passed)[:length]
        await self.make(sock.setsockopt, level, code, passed)
        if name == "SO_LINGER":
            self.session.lingering.add(self.request["socket"])

    async def do_getopt(self):
        sock, name = self.socket(), self.request["option"]
        if name not in LIMITS:
            return {"value": await self.make(option_value, sock, name)}
        if FLAVOUR == "trio":
            seconds = self.session.limits.get((self.request["socket"], name))
        else:
            seconds = await self.make(sock.gettimeout)
        return {"value": {"time": round((seconds or 0) * 1e9)}}

    async def do_poll(self):
        by, limit = self.request["by"], self.request["timeout"]
        if by in LACKS:
            raise Unsupported(LACKS[by])
        pipe = os.pipe() if limit is not None and FLAVOUR == "plain" else ()
        try:
            ready = await (self.select if by == "select" else self.watch)(by, pipe, (limit or 0) / 1e9)
        finally:
            self.wakes = None
            for descriptor in pipe:
                os.close(descriptor)
        if not ready and limit is not None:
            raise Ended if self.ending else socket.timeout("nothing was ready")
        return {"ready": ready}

    async def select(self, _, pipe, seconds):
        sock, names = self.socket(), ("in", "out", "pri")
        asked = [[sock] if name in self.request["interest"] else [] for name in names]
        asked[0].extend(pipe[:1])
        self.wakes = pipe
        found = await self.make(select.select, *asked, seconds)
        return [name for name, ready in zip(names, found) if sock in ready]

    async def watch(self, by, pipe, seconds):
        sock, number = self.socket(), self.request["socket"]
        names = {name: getattr(select, by.upper() + name.upper(), 0) for name in READY}
        if by == "epoll" and number not in self.session.epolls:
            self.session.epolls[number] = select.epoll()
        poller = select.poll() if by == "poll" else self.session.epolls[number]
        interest = sum(names[name] for name in self.request["interest"])
        try:
            poller.register(sock, interest)
        except FileExistsError:  # with this epoll instance it is registered already
            poller.modify(sock, interest)
        for descriptor in pipe[:1]:
            poller.register(descriptor, names["in"])
        self.wakes = pipe
        found = await self.make(poller.poll, seconds if by == "epoll" else seconds * 1000)
        for descriptor in pipe[:1]:
            poller.unregister(descriptor)
        events = dict(found).get(sock.fileno(), 0)
        return [name for name, bit in names.items() if events & bit]

    async def do_nonblocking(self):
        await self.make(self.socket().setblocking, not self.request["on"])

    async def do_getsockname(self):
        return {"name": endpoint_of(await self.make(self.socket().getsockname))}

    async def do_getpeername(self):
        return {"name": endpoint_of(await self.make(self.socket().getpeername))}

    async def do_fill(self):
        sock, seed = self.socket(), self.request["seed"]

        async def in_trio():
            total = 0
            while True:
                with trio.move_on_after(0.1) as scope:
                    total += await sock.send(generated(seed, total, CHUNK))
                if scope.cancelled_caught:
                    return total

        def elsewhere():
            total, limit = 0, sock.gettimeout()
            sock.settimeout(0)
            try:
                while not self.ending:
                    try:
                        total += sock.send(generated(seed, total, CHUNK))
                    except BlockingIOError:
                        if not select.select([], [sock], [], 0.1)[1]:
                            break
                return total
            finally:
                sock.settimeout(limit)

        return {"count": await self.make(in_trio if FLAVOUR == "trio" else elsewhere)}

    async def do_drain(self):
        sock, pieces = self.socket(), []
        limit = self.session.limits.get((self.request["socket"], "SO_RCVTIMEO"))

        async def stream():
            while not self.ending:
                pieces.append(await given(lambda: sock.recv(CHUNK), limit))
                if not pieces[-1]:
                    return
            raise Ended

        await self.make(stream)
        return received(b"".join(pieces)) if pieces[0] else "end-of-stream"

    async def do_interrupt(self):
        target = self.session.pending.get(self.request["call"])
        if "signals" in LACKS or target is None:
            raise Unsupported(LACKS.get("signals", "that call is not pending"))
        await self.make(send_signal, target, signal.SIGUSR2)


# --- flavours: how a call gets something of its own to wait in, and how it is ended

def at_once(coroutine):
    """Runs a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("it waits")


def send_signal(call, number):
    with OUTPUT:  # so that its thread is there
        if call.thread is not None and not call.over:
            signal.pthread_kill(call.thread, number)


class Plain:
    """Threads. Nothing but `input` is different where they are patched."""

    def __init__(self):
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.signal(signal.SIGUSR2, lambda *_: None)
        signal.siginterrupt(signal.SIGUSR2, False)  # SA_RESTART

    async def input(self, seconds):
        """What came; `None` if nothing did, and `b""` at the end."""
        ready, _, _ = select.select([INPUT], [], [], seconds)
        return os.read(INPUT, 1 << 20) if ready else None

    async def start(self, call):
        threading.Thread(target=self.work, args=[call], daemon=True).start()

    def work(self, call):
        call.thread = threading.get_ident()
        call.answer(at_once(call.outcome()))

    async def end(self, call):
        sock, lent = call.session.sockets.get(call.request["socket"]), -1
        if call.wakes:
            os.write(call.wakes[1], b"x")
        elif sock is not None:
            limit, lent = sock.gettimeout(), sock.detach()
        until = time.monotonic() + 0.2
        while not call.over and time.monotonic() < until:
            send_signal(call, signal.SIGUSR1)
            time.sleep(0.001)
        if lent >= 0:
            sock.__init__(sock.family, sock.type, sock.proto, lent)
            sock.settimeout(limit)


class Greenlets(Plain):
    """Of gevent and eventlet, whose `select` lets the others go on."""

    async def start(self, call):
        spawn = gevent.spawn if FLAVOUR == "gevent" else eventlet.spawn
        call.thread = spawn(lambda: call.answer(at_once(call.outcome())))
        time.sleep(0)  # lets it begin, so that it can be ended

    async def end(self, call):
        if FLAVOUR == "gevent":
            call.thread.kill(Ended, timeout=0.2)
        else:
            call.thread.kill(Ended)


class Trio:
    async def input(self, seconds):
        with trio.move_on_after(math.inf if seconds is None else seconds):
            await trio.lowlevel.wait_readable(INPUT)
            return os.read(INPUT, 1 << 20)

    async def start(self, call):
        call.scope = trio.CancelScope()
        self.nursery.start_soon(self.work, call)

    async def work(self, call):
        result = BLOCKED
        with call.scope:
            result = await call.outcome()
        call.answer(result)

    async def end(self, call):
        call.scope.cancel()
        until = time.monotonic() + 0.2
        while not call.over and time.monotonic() < until:
            await trio.sleep(0.001)


class Session:
    def __init__(self, flavour):
        self.flavour = flavour
        self.pending = {}
        self.forget()

    def forget(self):
        self.sockets, self.epolls = {}, {}
        self.lingering = set()  # the sockets whose close can wait
        self.limits = {}  # in trio: seconds, by socket and option

    async def run(self):
        below = {"gevent": "gevent", "eventlet": "eventlet", "trio": "trio"}.get(FLAVOUR)
        version = "%s %s" % (platform.python_implementation(), platform.python_version())
        if below:
            version = "%s %s, %s" % (below, importlib.metadata.version(below), version)
        say(kind="hello", versions=[1], name="python" if FLAVOUR == "plain" else "python-" + FLAVOUR,
            version="%s, %s %s" % (version, platform.system(), platform.release()),
            offers=OFFERS, lacks=LACKS, granularity={"poll": 0, "socket": 0})
        unread = b""
        while True:
            waits = [call.due for call in list(self.pending.values()) if call.due and not call.ending]
            came = await self.flavour.input(max(0, min(waits) - time.monotonic()) if waits else None)
            for call in list(self.pending.values()):
                if call.due and call.due <= time.monotonic():
                    await self.end(call)
            if came == b"":
                os._exit(0)  # whatever is pending
            *lines, unread = (unread + (came or b"")).split(b"\n")
            for line in lines:
                await self.handle(line)

    async def handle(self, line):
        try:
            message = json.loads(line)
            kind = message["kind"]
            if kind == "call":
                call = Call(message, self)
                self.pending[message["id"]] = call
                if call.can_block():
                    await self.flavour.start(call)
                else:
                    call.answer(await call.outcome())
            elif kind == "cancel" and message["call"] in self.pending:
                await self.end(self.pending[message["call"]])
            elif kind == "reset":
                await self.reset(message["id"])
        except (ValueError, KeyError, TypeError) as error:
            print("%r is no request: %r" % (line[:200], error), file=sys.stderr, flush=True)
            os._exit(2)

    async def end(self, call):
        if not call.ending:
            call.ending = True
            await self.flavour.end(call)

    async def reset(self, number):
        began, leaks = time.monotonic_ns(), []
        for call in list(self.pending.values()):
            call.silent = True
            await self.end(call)
            if not call.over:
                leaks.append("call %d (%s) did not end" % (call.request["id"], call.request["verb"]))
        for key, sock in self.sockets.items():
            try:
                if key in self.lingering:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            except OSError:
                pass  # it is closed
            try:
                sock.close()
            except OSError as error:
                leaks.append("closing socket %d: %s" % (key, error))
        for epoll in self.epolls.values():
            epoll.close()
        self.forget()
        took = time.monotonic_ns() - began
        say(kind="done", id=number, began=began, took=took, ok={"reset": {"leaks": leaks}})


async def in_trio():
    session = Session(Trio())
    async with trio.open_nursery() as session.flavour.nursery:
        await session.run()


if FLAVOUR == "trio":
    trio.run(in_trio)
else:
    at_once(Session(Plain() if FLAVOUR == "plain" else Greenlets()).run())

"""A proxy as it should be, or with one fault: proxy.py FAULT LISTEN TARGET"""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

fault, listen, target = sys.argv[1:4]


def address(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def say(text):
    print(text, file=sys.stderr, flush=True)


def abort(one):
    """Ends a connection by a reset."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def end(one):
    try:
        one.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def passed_on(source, sink):
    """Whether there was data, and no end."""
    data = source.recv(1 << 16)
    if data and fault == "crashes":
        say("about to crash")
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)  # another thread may be the one that it reaches
    if fault == "loses-a-byte" and len(data) > 4096:
        data = data[:-1]
    sink.sendall(data)
    return bool(data)


def serve(client):
    try:
        server = socket.create_connection(address(target))
    except OSError:
        if fault == "keeps-refused":
            time.sleep(60)
        abort(client)
        return
    other = {client: server, server: client}
    reading = [client, server]
    while reading:
        source = select.select(reading, [], [])[0][0]
        sink = other[source]
        try:
            if passed_on(source, sink):
                continue
        except OSError:
            if fault != "takes-reset-for-end":
                abort(sink)
                source.close()
                return
        if fault == "forgets-half-close":
            break
        reading.remove(source)
        end(sink)
    client.close()
    server.close()


def flood():
    while True:
        os.write(2, b"x" * 4095 + b"\n")


if fault == "dies":
    say("no port for me")
    sys.exit(7)
if fault == "never-listens":
    say("still thinking")
    time.sleep(60)
if fault == "floods-and-never-listens":
    flood()
if fault == "goes-into-the-background":
    if os.fork():
        sys.exit(0)
    time.sleep(30)
if fault == "floods":
    threading.Thread(target=flood, daemon=True).start()
if fault == "forks":
    child = subprocess.Popen(["sleep", "60"])
    with open(os.environ["CHILD"], "a") as file:
        print(child.pid, file=file)
host, port = address(listen)
family = socket.AF_INET6 if ":" in host else socket.AF_INET
listener = socket.create_server((host, port), family=family)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

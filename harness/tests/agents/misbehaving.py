"""An agent that misbehaves: it stands before a good one and spoils what goes through.

    misbehaving.py FAULT COMMAND...

What it spoils is the answer to the first `recv`, unless the fault is another one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

fault, command = sys.argv[1], sys.argv[2:]
if fault == "hangs-before-hello":
    print("still thinking", file=sys.stderr, flush=True)
    time.sleep(3_600)
if fault == "dies-before-hello":
    sys.exit("no sockets here")
if fault == "garbage-before-hello":
    print("Welcome to my agent!", flush=True)
    time.sleep(3_600)
if fault in ("forks", "ignores-sigterm", "outlives-its-input"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Who must not stay: this process, or one that it has started.
    stays = subprocess.Popen(["sleep", "3600"]).pid if fault == "forks" else os.getpid()
    with open(os.environ.get("CHILD", os.devnull), "w") as file:
        file.write(str(stays))

if fault == "starts-late":
    with open(os.environ["CHILD"], "a") as file:
        print("started", file=file)

good = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
lock = threading.Lock()
late = []
receives = set()


def say(text):
    with lock:
        sys.stdout.write(text)
        sys.stdout.flush()


def forward():
    """Hands requests on, and remembers which of them are receives."""
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("verb") == "recv":
            receives.add(request["id"])
        if fault == "never-answers" and request["kind"] == "cancel":
            continue
        if fault == "forgets-to-close" and request["kind"] == "reset":
            done = {"kind": "done", "id": request["id"], "began": 0, "took": 0}
            say(json.dumps(done | {"ok": {"reset": {"leaks": []}}}) + "\n")
            continue
        if fault == "generates-slowly" and "generated" in request.get("data", ()):
            time.sleep(0.6)
        if fault == "drops-flags" and "flags" in request:
            line = json.dumps(request | {"flags": []}) + "\n"
        if fault == "drops-lengths" and "length" in request:
            line = json.dumps(request | {"length": None}) + "\n"
        if fault == "asks-for-nothing" and request.get("by") in ("epoll", "select"):
            line = json.dumps(request | {"interest": []}) + "\n"
        if fault == "generates-another-stream":
            line = line.replace('"seed":', '"seed":1')
        good.stdin.write(line.encode())
        good.stdin.flush()
    good.stdin.close()
    if fault == "outlives-its-input":
        time.sleep(3_600)
    good.wait()


def spoil(line, answer):
    """What stands for the answer to a receive."""
    print(f"spoiling call {answer['id']}", file=sys.stderr, flush=True)
    if fault == "garbage":
        return "undefined is not a function\n"
    if fault == "dies":
        os._exit(7)
    if fault == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "ends-within-a-line":
        say(line[:20])
        os._exit(0)
    if fault == "answers-twice":
        return line + line
    if fault == "answers-another":
        return line.replace(f'"id":{answer["id"]}', '"id":4711')
    if fault == "floods":
        for _ in range(1_024):
            say("x" * (1 << 20))
        return line
    if fault == "never-answers":
        return ""
    if fault == "is-slow":
        time.sleep(0.05)
        return line
    if fault == "lies-about-its-offers":
        done = {"kind": "done", "id": answer["id"], "began": 0, "took": 0}
        return json.dumps(done | {"unsupported": {"why": "not today"}}) + "\n"
    return line


threading.Thread(target=forward, daemon=True).start()
for line in good.stdout:
    line = line.decode()
    answer = json.loads(line)
    if answer["kind"] == "hello" and fault == "speaks-another-version":
        line = line.replace('"versions":[1]', '"versions":[7,9]')
    if fault == "does-not-say-started" and answer["kind"] == "started":
        continue
    if fault == "starts-late":
        if answer["kind"] == "started":
            late.append(line)
            continue
        if "reset" in answer.get("ok", ()):
            say(line + "".join(late))
            late.clear()
            continue
    if fault == "invents-a-class":
        line = line.replace('"class":"ECONNREFUSED"', '"class":"EREFUSED"')
    if fault in ("has-classes", "hides-that-it-has-classes"):
        line = line.replace('"class":"ECONNREFUSED"', '"class":"refused"')
        line = line.replace('"class":"EPIPE"', '"class":"send-refused"')
    if fault == "has-classes" and answer["kind"] == "hello":
        line = json.dumps(answer | {"names": "class"}) + "\n"
    if fault == "counts-nothing":
        line = line.replace('"value":{"number":5}', '"value":{"number":0}')
    if fault == "knows-no-state":
        line = line.replace('"state":"LISTEN"', '"state":"CLOSE"')
    if fault == "leaks":
        line = line.replace('"leaks":[]', '"leaks":["socket 7"]')
    if fault == "is-early" and answer["kind"] == "done":
        answer["took"] //= 2
        line = json.dumps(answer) + "\n"
    if answer["kind"] == "done" and answer["id"] in receives:
        line = spoil(line, answer)
    say(line)
if fault == "outlives-its-input":
    time.sleep(3_600)

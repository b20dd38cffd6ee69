// An agent of sockspec for node:net and node:dgram, as Node, Bun and Deno have them. The protocol is told in
// ../README.md.
//
// `--half-open on|off` is the option `allowHalfOpen` of every connection; `off`, as by default, has the
// runtime end its own half when the peer has ended the other.
//
// What the words of the protocol mean here:
// - `open` and `bind` of a stream only note what was asked for: there is no socket before `connect()` or
//   `listen()`, which bind as well.
// - `recv` is `read()` of a paused stream, awaiting 'readable', 'end', 'error' or 'close'. The runtime reads
//   ahead, up to its high-water mark. MSG_WAITALL, MSG_PEEK and the like do not exist.
// - `send` is `write()` until its callback, which comes when all of it has been given to the kernel.
// - `shutdown` of the write half is `end()`; `close` is `destroy()` until 'close'. A server's `close()` is not
//   awaited: it would wait for every connection.
// - `accept` awaits 'connection'; the runtime accepts by itself.
// - A datagram is given whole, however much was asked for, since 'message' gives it so. What came is kept
//   in order, errors too, until it is asked for.
// - What is ended is the waiting: a write that was begun goes on, as it does for a program that gives up.

import dgram from "node:dgram";
import net from "node:net";
import os from "node:os";
import process from "node:process";

const halfOpen = process.argv.includes("--half-open") && process.argv[process.argv.indexOf("--half-open") + 1] === "on";
const RUNTIME = globalThis.Bun ? "bun" : globalThis.Deno ? "deno" : "node";
const VERSIONS = {
  bun: () => `Bun ${globalThis.Bun.version}`,
  deno: () => `Deno ${globalThis.Deno.version.deno}`,
  node: () => `Node.js ${process.version}, libuv ${process.versions.uv}`,
};
const STREAMS = { tcp4: 4, tcp6: 6, unix: 0 };
const STREAM = "a stream of the runtime has nothing like it";
const READ = "some can be set, but none can be read";
const LACKS = {
  "unix-dgram": "node:dgram has udp4 and udp6 only",
  "shutdown-read": "end() ends the own half only", "shutdown-both": STREAM, "shutdown-number": STREAM,
  "dup": STREAM, "peek": STREAM, "wait-all": STREAM, "dont-wait": STREAM, "truncation": STREAM, "more": STREAM,
  "error-queue": STREAM, "raise": STREAM, "read-write": STREAM, "nonblocking": "every call is",
  "options": READ,
  "SO_RCVTIMEO": "setTimeout() tells of inactivity in both directions and limits no receive",
  "SO_LINGER": "resetAndDestroy() resets, but no time to linger can be set",
  "poll": STREAM, "epoll": STREAM, "select": STREAM, "signals": "no call waits in a thread of its own",
  "tcp-info": STREAM,
  ...Object.fromEntries([...Object.keys(STREAMS), "udp4", "udp6"].map((kind) => [`getopt on ${kind}`, READ])),
  ...Object.fromEntries(Object.keys(STREAMS).map((kind) => [`SO_BROADCAST on ${kind}`, STREAM])),
};
const OFFERS = [...Object.keys(STREAMS), "udp4", "udp6", "blocking-calls", "concurrent", "cancel", "shutdown-write",
  "names", "fill", "SO_BROADCAST"];

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const origin = process.hrtime.bigint();
const now = () => Number(process.hrtime.bigint() - origin);

// --- generated payloads and digests

const CHUNK = 64 << 10, HEAD = 4 << 10, BLOCK = 16 << 10;

/** The upper half of the product of two numbers of 32 bits: with BigInt, 16 MiB would take seconds. */
function upper(a, b) {
  const a0 = a & 0xFFFF, a1 = a >>> 16, b0 = b & 0xFFFF, b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return a1 * b1 + (middle >>> 16) + (((middle & 0xFFFF) + a0 * b1) >>> 16);
}

function generated(seed, offset, length) {
  const first = Math.floor(offset / 8), skipped = offset % 8;
  const bytes = Buffer.from(new ArrayBuffer((skipped + length + 7) & ~7));
  const view = new DataView(bytes.buffer);
  const start = BigInt.asUintN(64, seed + BigInt(first) * 0x9E3779B97F4A7C15n);
  let high = Number(start >> 32n), low = Number(start & 0xFFFFFFFFn);
  for (let at = 0; at < bytes.length; at += 8) {
    const sum = low + 0x7F4A7C15;
    high = (high + 0x9E3779B9 + (sum >= 2 ** 32 ? 1 : 0)) >>> 0;
    low = sum >>> 0;
    let h = high ^ (high >>> 30), l = low ^ ((low >>> 30) | (high << 2));
    h = (upper(l, 0x1CE4E5B9) + Math.imul(h, 0x1CE4E5B9) + Math.imul(l, 0xBF58476D)) | 0;
    l = Math.imul(l, 0x1CE4E5B9);
    l ^= (l >>> 27) | (h << 5);
    h ^= h >>> 27;
    h = (upper(l, 0x133111EB) + Math.imul(h, 0x133111EB) + Math.imul(l, 0x94D049BB)) | 0;
    l = Math.imul(l, 0x133111EB);
    view.setInt32(at, l ^ ((l >>> 31) | (h << 1)), true);
    view.setInt32(at + 4, h ^ (h >>> 31), true);
  }
  return bytes.subarray(skipped, skipped + length);
}

/** FNV-1a with 64 bits, in two halves of 32; its prime is 2^40 + 0x1b3. */
function digest(bytes) {
  let high = 0xCBF29CE4, low = 0x84222325;
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1B3;
    high = (high * 0x1B3 + Math.floor(product / 2 ** 32) + ((low << 8) >>> 0)) % 2 ** 32;
    low = product % 2 ** 32;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

function received(pieces) {
  const bytes = Buffer.concat(pieces);
  const found = { length: bytes.length, head: bytes.subarray(0, HEAD).toString("base64") };
  if (bytes.length > HEAD) {
    found.blocks = [];
    for (let at = 0; at < bytes.length; at += BLOCK) found.blocks.push(digest(bytes.subarray(at, at + BLOCK)));
  }
  return { received: found };
}

// --- answers

class Unsupported extends Error {}
class Ended extends Error {}

const failure = (name, text) => Object.assign(new Error(text), { code: name });

function answer(error) {
  if (error instanceof Ended) return { err: { class: "blocked", text: "nobody waits for it any more" } };
  if (error instanceof Unsupported) return { unsupported: { why: error.message } };
  const text = String(error?.message ?? error), code = error?.code;
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) {
    return { err: { class: code, ...(typeof error.errno === "number" && { raw: error.errno }), text } };
  }
  if (code === "CLOSED") return { err: { class: "other", text } };
  return { threw: { type: code ?? error?.name ?? typeof error, text } };
}

// --- sockets

function addressOf(endpoint) {
  if (endpoint === "unnamed") throw new Unsupported("an address without a name cannot be given");
  if (endpoint.local !== undefined) return { path: "\0" + endpoint.local };
  const at = endpoint.inet.lastIndexOf(":");
  return { host: endpoint.inet.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(endpoint.inet.slice(at + 1)) };
}

function endpointOf(host, port) {
  if (typeof port !== "number") throw failure("CLOSED", "the runtime tells no address");
  return { inet: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}` };
}

/** A stream, a server or a socket for datagrams, with what has come and not been asked for yet. */
class Held {
  constructor(transport) {
    this.transport = transport;
    this.isStream = transport in STREAMS;
    this.came = []; // connections, datagrams and errors, in order
    this.waiting = []; // who is told of the next event
    this.told = new WeakSet(); // errors that a call has answered with
    if (!this.isStream) {
      this.datagrams = dgram.createSocket(transport);
      this.datagrams.on("message", (data, source) => this.give({ data, source }));
      this.datagrams.on("error", (error) => this.fail(error));
      this.datagrams.on("close", () => { this.closed = true; this.wake(); });
    }
  }

  give(what) {
    this.came.push(what);
    this.wake();
  }

  fail(error) {
    if (this.told.has(error)) this.wake(); else this.give({ error });
  }

  wake() {
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  take(stream) {
    this.stream = stream;
    stream.on("readable", () => this.wake());
    stream.on("end", () => { this.ended = true; this.wake(); });
    stream.on("error", (error) => this.fail(error));
    stream.on("close", () => { this.closed = true; this.wake(); });
    return this;
  }

  connection() {
    if (!this.stream) throw failure("ENOTCONN", "there is no stream before connect() or 'connection'");
    return this.stream;
  }

  /** Waits until `look` gives something, which it does at once or after an event. */
  async until(call, look) {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await call.whichever((resolve) => this.waiting.push(resolve));
    }
  }

  /** The next thing that came; an error is thrown once, as it is told once. */
  next() {
    const what = this.came.shift();
    if (what?.error) throw what.error;
    return what;
  }

  datagram() {
    const what = this.next();
    if (!what && this.closed) throw failure("CLOSED", "'close' came");
    return what;
  }

  read(size) {
    if (size === 0) return Buffer.alloc(0);
    const data = this.stream.read(Math.min(size, this.stream.readableLength) || undefined);
    if (data) return data;
    this.next();
    if (this.ended) return null;
    if (this.closed) throw failure("CLOSED", "'close' without 'end' or 'error'");
    return undefined;
  }

  /** Closes it for good, whatever is in the way. */
  drop() {
    try {
      this.stream?.destroy();
      this.server?.close();
      for (const { stream } of this.came) stream?.destroy();
      if (!this.closed) this.datagrams?.close();
    } catch (error) {
      if (error.code !== "ERR_SOCKET_DGRAM_NOT_RUNNING" && error.code !== "ERR_SERVER_NOT_RUNNING") {
        return [`closing: ${error.message}`];
      }
    }
    return [];
  }
}

// --- calls

let sockets = new Map();
const pending = new Map();

class Call {
  constructor(request) {
    this.request = request;
    this.end = new Promise((_, reject) => { this.giveUp = () => reject(new Ended()); });
    this.end.catch(() => {});
  }

  held() {
    const held = sockets.get(this.request.socket);
    if (!held) throw failure("EBADF", "a socket that was never opened");
    return held;
  }

  payload({ bytes, generated: made }) {
    return made ? generated(BigInt(made.seed), 0, made.length) : Buffer.from(bytes, "base64");
  }

  whichever(start) {
    return Promise.race([new Promise(start), this.end]);
  }

  /** The call under test, between two looks at the clock. */
  async make(act) {
    const { verb, id, limit } = this.request;
    if (BLOCKING.has(verb)) say({ kind: "started", id });
    // A timer of Node may fire up to a millisecond early.
    if (limit !== null) this.timer = setTimeout(this.giveUp, limit / 1e6 + 1);
    this.began = now();
    try {
      return await act();
    } finally {
      this.took = now() - this.began;
    }
  }

  async perform() {
    let result;
    try {
      const verb = VERBS[this.request.verb];
      if (!Object.hasOwn(VERBS, this.request.verb)) throw new Unsupported("the verb is not known");
      if (this.request.flags?.length) throw new Unsupported(STREAM);
      result = { ok: (await verb(this, this.request)) ?? "nothing" };
    } catch (error) {
      result = answer(error);
    }
    clearTimeout(this.timer);
    if (!pending.delete(this.request.id)) return; // a reset came
    say({ kind: "done", id: this.request.id, began: this.began ?? now(), took: this.took ?? 0, ...result });
  }
}

const BLOCKING = new Set(["connect", "accept", "send", "sendall", "recv", "close", "drain", "fill"]);

/** Calls what takes a callback, and fails with the error that the callback or 'error' tells. */
const completed = (call, held, act) => call.whichever((resolve, reject) => {
  const emitter = held.datagrams ?? held.stream;
  const failed = (error) => { // a callback and 'error' tell of the same one
    held.told.add(error);
    held.came = held.came.filter((what) => what.error !== error);
    reject(error);
  };
  emitter?.once("error", failed);
  act((error, value) => {
    emitter?.off("error", failed);
    if (error instanceof Error) failed(error); else resolve(value);
  });
});

const VERBS = {
  open: (call, { socket, transport }) => call.make(() => void sockets.set(socket, new Held(transport))),

  bind(call, { address }) {
    const held = call.held(), local = addressOf(address);
    if (held.isStream) return call.make(() => void (held.local = local));
    return call.make(() => completed(call, held, (done) => held.datagrams.bind(local.port, local.host, () => done())));
  },

  listen(call, { backlog }) {
    const held = call.held();
    held.server = net.createServer({ allowHalfOpen: halfOpen }, (stream) => held.give({ stream: new Held(held.transport).take(stream) }));
    return call.make(() => call.whichever((resolve, reject) => {
      held.server.once("error", reject);
      held.server.listen({ ...held.local, ipv6Only: held.transport === "tcp6", backlog }, () => resolve());
    }));
  },

  connect(call, { address }) {
    const held = call.held(), to = addressOf(address);
    if (!held.isStream) {
      return call.make(() => completed(call, held, (done) => held.datagrams.connect(to.port, to.host, done)));
    }
    const local = held.local?.port === undefined ? {} : { localAddress: held.local.host, localPort: held.local.port };
    held.take(new net.Socket({ allowHalfOpen: halfOpen }));
    return call.make(() => completed(call, held, (done) =>
      held.stream.connect({ ...to, ...local, family: STREAMS[held.transport], autoSelectFamily: false }, () => done())));
  },

  async accept(call, { as }) {
    const held = call.held();
    const { stream } = await call.make(() => held.until(call, () => held.next()));
    sockets.set(as, stream);
  },

  async send(call, { data: asked, to }) {
    const held = call.held(), data = call.payload(asked);
    if (held.isStream) {
      const stream = held.connection();
      await call.make(() => completed(call, held, (done) => stream.write(data, done)));
      return { count: data.length };
    }
    const target = to ? [addressOf(to).port, addressOf(to).host] : [];
    return { count: await call.make(() => completed(call, held, (done) => held.datagrams.send(data, ...target, done))) };
  },

  sendall(call, { pieces: asked }) {
    const held = call.held(), stream = held.connection(), pieces = asked.map((data) => call.payload(data));
    return call.make(async () => {
      for (const piece of pieces) await completed(call, held, (done) => stream.write(piece, done));
    });
  },

  async recv(call, { size, from }) {
    const held = call.held();
    if (held.isStream) held.connection();
    const found = await call.make(() => held.until(call, () => held.isStream ? held.read(size) : held.datagram()));
    if (found === null) return "end-of-stream";
    const data = { bytes: (held.isStream ? found : found.data).toString("base64") };
    if (from && found.source) data.from = endpointOf(found.source.address, found.source.port);
    return { data };
  },

  shutdown(call, { how }) {
    if (how !== "write") throw new Unsupported(LACKS[`shutdown-${how}`] ?? LACKS["shutdown-number"]);
    const held = call.held(), stream = held.connection();
    return call.make(() => completed(call, held, (done) => {
      stream.end(done);
      if (stream.writableLength > 0) done(); // its callback would wait until all before it is sent
    }));
  },

  close(call) {
    const held = call.held();
    if (held.server) return call.make(() => void held.server.close());
    if (!held.isStream) return call.make(() => call.whichever((resolve) => held.datagrams.close(() => { held.closed = true; resolve(); })));
    if (!held.stream) return call.make(() => undefined);
    return call.make(async () => {
      held.stream.destroy();
      await held.until(call, () => held.closed);
    }).then(() => undefined);
  },

  async setopt(call, { option, value }) {
    const { datagrams } = call.held();
    if (option !== "SO_BROADCAST" || !datagrams) throw new Unsupported(LACKS[option] ?? LACKS.options);
    await call.make(() => void datagrams.setBroadcast(value.number !== 0));
  },

  getopt: () => { throw new Unsupported(LACKS.options); },

  async getsockname(call) {
    const held = call.held(), named = held.datagrams ?? held.server ?? held.connection();
    const { address, port } = await call.make(() => named.address() ?? {});
    return { name: endpointOf(address, port) };
  },

  async getpeername(call) {
    const held = call.held();
    const { address, port } = await call.make(() => held.datagrams ? held.datagrams.remoteAddress()
      : { address: held.connection().remoteAddress, port: held.connection().remotePort });
    return { name: endpointOf(address, port) };
  },

  async fill(call, { seed }) {
    const held = call.held(), stream = held.connection();
    let total = 0;
    await call.make(async () => {
      for (let taken = true; taken;) {
        const data = generated(BigInt(seed), total, CHUNK);
        total += CHUNK;
        taken = await Promise.race([
          completed(call, held, (done) => stream.write(data, (error) => done(error, true))),
          new Promise((resolve) => setTimeout(resolve, 100, false)),
        ]);
      }
    });
    return { count: total };
  },

  async drain(call) {
    const held = call.held(), pieces = [];
    held.connection();
    await call.make(async () => {
      for (let piece; (piece = await held.until(call, () => held.read(CHUNK))) !== null;) pieces.push(piece);
    });
    return pieces.length ? received(pieces) : "end-of-stream";
  },
};

// --- the session

function handle(message) {
  if (message.kind === "call") {
    const call = new Call(message);
    pending.set(message.id, call);
    return call.perform();
  }
  if (message.kind === "cancel") pending.get(message.call)?.giveUp();
  if (message.kind === "reset") {
    const began = now();
    for (const call of pending.values()) call.giveUp();
    pending.clear();
    const leaks = [...sockets.values()].flatMap((held) => held.drop());
    sockets = new Map();
    say({ kind: "done", id: message.id, began, took: now() - began, ok: { reset: { leaks } } });
  }
}

let unread = "";
process.stdin.setEncoding("utf8");
process.stdin.on("end", () => process.exit(0)); // whatever is pending
process.stdin.on("data", (text) => {
  const lines = (unread + text).split("\n");
  unread = lines.pop();
  for (const line of lines) {
    try {
      handle(JSON.parse(line.replace(/"seed":\s*(\d+)/g, '"seed":"$1"'))); // a number has 53 bits only
    } catch (error) {
      console.error(`${line.slice(0, 200)} is no request: ${error.message}`);
      process.exit(2);
    }
  }
});
// What nobody listens for ends a program; here it is for people, since its socket was told of it.
process.on("uncaughtException", (error) => console.error("uncaught:", error));

say({
  kind: "hello", versions: [1],
  name: (RUNTIME === "node" ? "node" : `node-${RUNTIME}`) + (halfOpen ? "-half-open" : ""),
  version: `${VERSIONS[RUNTIME]()}, ${os.type()} ${os.release()}`,
  offers: OFFERS, lacks: LACKS, granularity: { poll: 0, socket: 0 },
});

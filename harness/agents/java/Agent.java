import java.io.*;
import java.math.BigInteger;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An agent of sockspec for Java's sockets, started by {@code java Agent.java}. The protocol is told in ../README.md.
 *
 * <p>{@code --api socket} shows java.net.Socket, ServerSocket and DatagramSocket; {@code --api channel} shows
 * java.nio's SocketChannel, ServerSocketChannel and DatagramChannel, which block unless told otherwise.
 * What the words of the protocol mean here:
 * <ul>
 * <li>{@code open} and {@code bind} of a stream only note what was asked for: whether it becomes a client or a server
 * is decided by {@code connect} or {@code listen}. Options that were set before go to either.
 * <li>SO_RCVTIMEO is {@code setSoTimeout()}, in whole milliseconds, rounded up. A channel has no such limit.
 * <li>No call can be ended that leaves its socket open: closing is all that ends a blocked Socket, and interrupting a
 * channel closes it. So {@code cancel} is not offered. A receive or accept of {@code --api socket} with a limit of its
 * own gets it by {@code setSoTimeout()} for that call; any other goes on, and the agent is killed.
 * <li>{@code send} is {@code OutputStream.write()}, which is all or nothing, or {@code write()} of a channel.
 * MSG_WAITALL is {@code InputStream.readNBytes()}.
 * <li>A channel that does not block gives nothing, zero or false where others say EAGAIN or EINPROGRESS.
 * <li>An exception has no number and no name of POSIX, but a type, or the system's text; by these it is given its
 * class, as hello says by {@code "names":"class"}.
 * </ul>
 */
public final class Agent {
    static boolean channels;
    static final Map<Long, Held> sockets = new ConcurrentHashMap<>();
    static final Map<Long, Call> pending = new ConcurrentHashMap<>();

    public static void main(String[] arguments) throws IOException {
        channels = List.of(arguments).equals(List.of("--api", "channel"));
        say("{\"kind\":\"hello\",\"versions\":[1],\"name\":" + quoted(channels ? "java-channel" : "java") + ",\"version\":"
                + quoted(System.getProperty("java.vm.name") + " " + Runtime.version() + ", " + System.getProperty("os.name")
                        + " " + System.getProperty("os.version"))
                + ",\"offers\":" + list(offers()) + ",\"lacks\":" + object(lacks())
                + ",\"granularity\":{\"poll\":0,\"socket\":0},\"names\":\"class\"}");
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = input.readLine()) != null;) {
            try {
                handle(asMap(new Json(line).value()));
            } catch (RuntimeException error) {
                System.err.println(line.substring(0, Math.min(200, line.length())) + " is no request: " + error);
                Runtime.getRuntime().halt(2);
            }
        }
        Runtime.getRuntime().halt(0); // whatever is pending
    }

    static List<String> offers() {
        var words = new ArrayList<>(List.of("tcp4", "tcp6", "udp4", "udp6", "blocking-calls", "concurrent", "shutdown-read",
                "shutdown-write", "names"));
        words.addAll(channels ? List.of("nonblocking", "fill") : List.of("wait-all", "SO_RCVTIMEO"));
        words.addAll(OPTIONS.keySet());
        return words;
    }

    static Map<String, String> lacks() {
        var reasons = new LinkedHashMap<String, String>();
        for (var word : List.of("dup", "peek", "dont-wait", "truncation", "more", "error-queue", "raise", "read-write",
                "poll", "epoll", "select", "signals", "tcp-info", "short-options")) {
            reasons.put(word, "neither java.net nor java.nio has anything like it for one socket");
        }
        for (var kind : List.of("tcp4", "tcp6")) reasons.put("SO_BROADCAST on " + kind, "only sockets for datagrams have it");
        for (var kind : List.of("listener", "udp4", "udp6")) {
            reasons.put("shutdown-read on " + kind, "only a connection of a stream has halves");
            reasons.put("shutdown-write on " + kind, "only a connection of a stream has halves");
        }
        reasons.put("unix", "UnixDomainSocketAddress names a path, never an abstract name");
        reasons.put("unix-dgram", "there are no unix sockets for datagrams");
        reasons.put("shutdown-both", "there is one method for each half");
        reasons.put("shutdown-number", "there is one method for each half");
        reasons.put("cancel", channels ? "interrupting a blocked channel closes it" : "only closing ends a blocked Socket");
        if (channels) {
            reasons.put("SO_RCVTIMEO", "a channel has no timeout");
            reasons.put("wait-all", "a channel reads what is there");
        } else {
            reasons.put("nonblocking", "a java.net.Socket always blocks");
            reasons.put("fill", "a write that blocks cannot be given up");
        }
        return reasons;
    }

    static void handle(Map<String, Object> message) {
        switch ((String) message.get("kind")) {
            case "call" -> {
                var call = new Call(message);
                pending.put(call.id, call);
                if (call.canBlock()) {
                    call.thread = new Thread(call::perform);
                    call.thread.setDaemon(true);
                    call.thread.start();
                } else {
                    call.perform();
                }
            }
            case "reset" -> reset((Long) message.get("id"));
            default -> { }
        }
    }

    static void reset(long id) {
        long began = System.nanoTime();
        var leaks = new ArrayList<String>();
        var calls = new ArrayList<>(pending.values());
        calls.forEach(Call::silence);
        closeAll(leaks);
        for (var call : calls) {
            try {
                call.thread.join(200);
            } catch (InterruptedException never) {
                throw new IllegalStateException(never);
            }
            if (call.thread.isAlive()) leaks.add("call " + call.id + " (" + call.verb + ") did not end");
        }
        closeAll(leaks); // what was accepted meanwhile
        sockets.clear();
        pending.clear();
        say("{\"kind\":\"done\",\"id\":" + id + ",\"began\":" + began + ",\"took\":" + (System.nanoTime() - began)
                + ",\"ok\":{\"reset\":{\"leaks\":" + list(leaks) + "}}}");
    }

    static void closeAll(List<String> leaks) {
        for (var held : sockets.values()) {
            try {
                if (held.lingers) held.with(StandardSocketOptions.SO_LINGER, -1);
            } catch (Exception closed) {
                // It will not linger then.
            }
            try {
                held.close();
            } catch (IOException error) {
                leaks.add("closing: " + error.getMessage());
            }
        }
    }

    // --- sockets

    static final Map<String, SocketOption<?>> OPTIONS = options();

    static Map<String, SocketOption<?>> options() {
        var options = new LinkedHashMap<String, SocketOption<?>>();
        options.put("SO_BROADCAST", StandardSocketOptions.SO_BROADCAST);
        options.put("SO_KEEPALIVE", StandardSocketOptions.SO_KEEPALIVE);
        options.put("SO_LINGER", StandardSocketOptions.SO_LINGER);
        options.put("SO_RCVBUF", StandardSocketOptions.SO_RCVBUF);
        options.put("SO_REUSEADDR", StandardSocketOptions.SO_REUSEADDR);
        options.put("SO_REUSEPORT", StandardSocketOptions.SO_REUSEPORT);
        options.put("SO_SNDBUF", StandardSocketOptions.SO_SNDBUF);
        options.put("TCP_KEEPCNT", jdk.net.ExtendedSocketOptions.TCP_KEEPCOUNT);
        options.put("TCP_KEEPIDLE", jdk.net.ExtendedSocketOptions.TCP_KEEPIDLE);
        options.put("TCP_KEEPINTVL", jdk.net.ExtendedSocketOptions.TCP_KEEPINTERVAL);
        options.put("TCP_NODELAY", StandardSocketOptions.TCP_NODELAY);
        options.put("TCP_QUICKACK", jdk.net.ExtendedSocketOptions.TCP_QUICKACK);
        return options;
    }

    /** A socket of whichever kind it has become, or what was asked for until it becomes one. */
    static final class Held {
        final boolean isStream;
        final ProtocolFamily family;
        final Map<SocketOption<Object>, Object> asked = new LinkedHashMap<>();
        boolean lingers;
        boolean isClosed;
        SocketAddress local;
        Socket socket;
        InputStream input;
        OutputStream output;
        ServerSocket server;
        DatagramSocket datagrams;
        SocketChannel channel;
        ServerSocketChannel serverChannel;
        DatagramChannel datagramChannel;

        Held(String transport) throws IOException {
            isStream = transport.startsWith("tcp");
            family = transport.endsWith("6") ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
            if (!isStream && channels) datagramChannel = DatagramChannel.open(family);
            if (!isStream && !channels) datagrams = new DatagramSocket(null);
        }

        /** Makes it a client, if it is nothing yet. */
        Held stream() throws IOException {
            open();
            if (isStream && socket == null && server == null && channel == null && serverChannel == null) {
                if (channels) channel = SocketChannel.open(family); else socket = new Socket();
            }
            return this;
        }

        Closeable closeable() {
            for (Closeable any : new Closeable[] {socket, server, datagrams, channel, serverChannel, datagramChannel}) {
                if (any != null) return any;
            }
            return new Nothing();
        }

        void close() throws IOException {
            isClosed = true;
            closeable().close();
        }

        /** What is nothing yet can have been closed too. */
        void open() throws IOException {
            if (isClosed && closeable() instanceof Nothing) throw new SocketException("Socket closed");
        }

        void bind(SocketAddress address) throws IOException {
            open();
            local = address;
            if (datagrams != null) datagrams.bind(address);
            if (datagramChannel != null) datagramChannel.bind(address);
        }

        void listen(int backlog) throws IOException {
            if (isClosed) throw new SocketException("Socket closed");
            closeable().close(); // a client that was made to hold options
            if (channels) {
                channel = null;
                serverChannel = ServerSocketChannel.open(family);
            } else {
                socket = null;
                server = new ServerSocket();
            }
            for (var option : asked.entrySet()) with(option.getKey(), option.getValue());
            if (channels) serverChannel.bind(local, backlog); else server.bind(local, backlog);
        }

        void connect(SocketAddress address) throws IOException {
            stream();
            if (datagrams != null) datagrams.connect(address);
            else if (datagramChannel != null) datagramChannel.connect(address);
            else {
                if (local != null && channels && channel.getLocalAddress() == null) channel.bind(local);
                if (local != null && !channels && !socket.isBound()) socket.bind(local);
                if (socket != null) socket.connect(address);
                else if (channel == null) throw new SocketException("Invalid argument");
                else if (!channel.connect(address)) throw new SocketException("Operation now in progress");
                streams();
            }
        }

        Held accept() throws IOException {
            var connection = new Held(family == StandardProtocolFamily.INET6 ? "tcp6" : "tcp4");
            if (server != null) connection.socket = server.accept();
            else if (serverChannel == null) throw new SocketException("Invalid argument");
            else if ((connection.channel = serverChannel.accept()) == null) throw new SocketException(WOULD_WAIT);
            connection.streams();
            return connection;
        }

        int send(byte[] data, SocketAddress to) throws IOException {
            if (socket != null) output().write(data);
            else if (channel != null) return some(channel.write(ByteBuffer.wrap(data)), data.length);
            else if (datagrams != null) {
                var packet = new DatagramPacket(data, data.length);
                if (to != null) packet.setSocketAddress(to);
                datagrams.send(packet);
            } else if (datagramChannel != null) {
                var buffer = ByteBuffer.wrap(data);
                return some(to == null ? datagramChannel.write(buffer) : datagramChannel.send(buffer, to), data.length);
            } else throw new NotYetConnectedException();
            return data.length;
        }

        /** The streams are got once, with the connection, and kept, as they are used. */
        void streams() throws IOException {
            if (socket == null) return;
            input = socket.getInputStream();
            output = socket.getOutputStream();
        }

        InputStream input() throws IOException {
            return input == null ? socket.getInputStream() : input;
        }

        OutputStream output() throws IOException {
            return output == null ? socket.getOutputStream() : output;
        }

        /** At most so many bytes of a stream, none at its end. */
        byte[] receive(int size, boolean all) throws IOException {
            if (socket != null) {
                if (all) return input().readNBytes(size);
                var bytes = new byte[size];
                int count = input().read(bytes);
                return count < 0 ? null : Arrays.copyOf(bytes, count);
            }
            if (channel == null) throw new NotYetConnectedException();
            var buffer = ByteBuffer.allocate(size);
            int count = some(channel.read(buffer), size);
            return count < 0 ? null : Arrays.copyOf(buffer.array(), count);
        }

        /** A datagram into a packet, which then has its length and its sender. */
        void receive(DatagramPacket packet) throws IOException {
            if (datagrams != null) {
                datagrams.receive(packet);
                return;
            }
            var buffer = ByteBuffer.wrap(packet.getData());
            var source = datagramChannel.receive(buffer);
            if (source == null) throw new SocketException(WOULD_WAIT);
            packet.setSocketAddress(source);
            packet.setLength(buffer.position());
        }

        void shutdown(boolean input) throws IOException {
            if (socket != null && input) socket.shutdownInput();
            else if (socket != null) socket.shutdownOutput();
            else if (channel != null && input) channel.shutdownInput();
            else if (channel != null) channel.shutdownOutput();
            else throw new NotYetConnectedException();
        }

        NetworkChannel network() {
            return channel != null ? channel : serverChannel != null ? serverChannel : datagramChannel;
        }

        /** Sets an option and gives null, or reads it where the value is null. */
        @SuppressWarnings("unchecked")
        Object with(SocketOption<?> which, Object value) throws IOException {
            var option = (SocketOption<Object>) which;
            stream();
            if (value != null) asked.put(option, value);
            if (value == null) {
                return socket != null ? socket.getOption(option) : server != null ? server.getOption(option)
                        : datagrams != null ? datagrams.getOption(option) : network().getOption(option);
            }
            return socket != null ? socket.setOption(option, value) : server != null ? server.setOption(option, value)
                    : datagrams != null ? datagrams.setOption(option, value) : network().setOption(option, value);
        }

        int limit(Integer milliseconds) throws IOException {
            stream();
            if (milliseconds == null) {
                return socket != null ? socket.getSoTimeout() : server != null ? server.getSoTimeout() : datagrams.getSoTimeout();
            }
            if (socket != null) socket.setSoTimeout(milliseconds);
            else if (server != null) server.setSoTimeout(milliseconds);
            else datagrams.setSoTimeout(milliseconds);
            return milliseconds;
        }

        SocketAddress name(boolean peer) throws IOException {
            stream();
            if (socket != null) return peer ? socket.getRemoteSocketAddress() : socket.getLocalSocketAddress();
            if (server != null) return peer ? null : server.getLocalSocketAddress();
            if (datagrams != null) return peer ? datagrams.getRemoteSocketAddress() : datagrams.getLocalSocketAddress();
            if (!peer) return network().getLocalAddress();
            return channel != null ? channel.getRemoteAddress()
                    : datagramChannel != null ? datagramChannel.getRemoteAddress() : null;
        }

        void block(boolean on) throws IOException {
            stream();
            ((SelectableChannel) network()).configureBlocking(on);
        }

        static int some(int count, int asked) throws IOException {
            if (count == 0 && asked > 0) throw new SocketException(WOULD_WAIT);
            return count;
        }
    }

    record Nothing() implements Closeable {
        @Override public void close() { }
    }

    static final String WOULD_WAIT = "Resource temporarily unavailable";

    static InetSocketAddress addressOf(Object endpoint) throws UnknownHostException {
        var text = (String) asMap(endpoint).get("inet");
        int at = text.lastIndexOf(':');
        var host = text.substring(0, at).replace("[", "").replace("]", "");
        return new InetSocketAddress(InetAddress.getByName(host), Integer.parseInt(text.substring(at + 1)));
    }

    static String endpointOf(SocketAddress address) throws SocketException {
        if (address == null) throw new SocketException("Socket is not connected");
        var inet = (InetSocketAddress) address;
        var host = inet.getAddress().getHostAddress();
        return "{\"inet\":" + quoted((host.contains(":") ? "[" + host + "]" : host) + ":" + inet.getPort()) + "}";
    }

    // --- calls

    /** This cannot be expressed here. */
    static final class Unsupported extends RuntimeException {
        Unsupported(String why) {
            super(why);
        }
    }

    interface Act<T> {
        T perform() throws IOException;
    }

    static final class Call {
        final Map<String, Object> request;
        final long id;
        final String verb;
        private boolean isSilent;
        Thread thread = Thread.currentThread();
        long began;
        long ended;
        boolean isLimited;

        Call(Map<String, Object> request) {
            this.request = request;
            id = (Long) request.get("id");
            verb = (String) request.get("verb");
        }

        boolean canBlock() {
            if (!verb.equals("close")) return Set.of("connect", "accept", "send", "sendall", "recv", "fill", "drain").contains(verb);
            var held = sockets.get(number("socket"));
            return held != null && held.lingers;
        }

        long number(String key) {
            return (Long) request.get(key);
        }

        Held held() throws IOException {
            var held = sockets.get(number("socket"));
            if (held == null) throw new SocketException("Socket closed");
            return held;
        }

        void perform() {
            String result;
            try {
                result = "\"ok\":" + answer();
            } catch (Unsupported reason) {
                result = "\"unsupported\":{\"why\":" + quoted(reason.getMessage()) + "}";
            } catch (Exception error) {
                result = failure(error);
            }
            pending.remove(id);
            if (ended == 0) began = ended = System.nanoTime();
            tell("{\"kind\":\"done\",\"id\":" + id + ",\"began\":" + began + ",\"took\":" + (ended - began) + "," + result + "}");
        }

        /** Says something of this call, until a reset has ended it. */
        synchronized void tell(String text) {
            if (!isSilent) say(text);
        }

        synchronized void silence() {
            isSilent = true;
        }

        /** The call under test, between two looks at the clock. */
        <T> T make(Act<T> act) throws IOException {
            if (canBlock()) tell("{\"kind\":\"started\",\"id\":" + id + "}");
            began = System.nanoTime();
            try {
                return act.perform();
            } finally {
                ended = System.nanoTime();
            }
        }

        /** A receive or accept, ended by the limit of this call if that comes before the socket's own. */
        <T> T makeLimited(Held held, Act<T> act) throws IOException {
            if (channels || !(request.get("limit") instanceof Long limit)) return make(act);
            int own = held.limit(null);
            int milliseconds = (int) Math.max(1, Math.min(Integer.MAX_VALUE, limit / 1_000_000));
            isLimited = own == 0 || milliseconds < own;
            if (!isLimited) return make(act);
            held.limit(milliseconds);
            try {
                return make(act);
            } finally {
                if (!(held.closeable() instanceof Socket socket && socket.isClosed())) held.limit(own);
            }
        }

        /** What `ok` holds. */
        String answer() throws IOException {
            boolean all = false;
            for (var flag : (List<?>) request.getOrDefault("flags", List.of())) {
                if (channels || !flag.equals("MSG_WAITALL")) throw new Unsupported("a method takes no " + flag);
                all = true;
            }
            if (verb.equals("open")) {
                sockets.put(number("socket"), make(() -> new Held((String) request.get("transport"))));
                return NOTHING;
            }
            if (!VERBS.contains(verb)) throw new Unsupported("the verb is not known");
            var held = held();
            switch (verb) {
                case "bind" -> {
                    var address = addressOf(request.get("address"));
                    make(() -> {
                        held.bind(address);
                        return null;
                    });
                }
                case "listen" -> make(() -> {
                    held.listen((int) number("backlog"));
                    return null;
                });
                case "connect" -> {
                    var address = addressOf(request.get("address"));
                    make(() -> {
                        held.connect(address);
                        return null;
                    });
                }
                case "accept" -> sockets.put(number("as"), makeLimited(held, held::accept));
                case "send" -> {
                    var data = payload(request.get("data"));
                    var to = request.get("to") == null ? null : addressOf(request.get("to"));
                    return "{\"count\":" + make(() -> held.send(data, to)) + "}";
                }
                case "sendall" -> {
                    var pieces = ((List<?>) request.get("pieces")).stream().map(this::payload).toList();
                    make(() -> {
                        for (var piece : pieces) {
                            for (int sent = held.send(piece, null); sent < piece.length;) {
                                sent += held.send(Arrays.copyOfRange(piece, sent, piece.length), null);
                            }
                        }
                        return null;
                    });
                }
                case "recv" -> {
                    return received(held, (int) number("size"), all);
                }
                case "shutdown" -> {
                    var how = request.get("how");
                    if (!how.equals("read") && !how.equals("write")) throw new Unsupported("there is one method for each half");
                    make(() -> {
                        held.shutdown(how.equals("read"));
                        return null;
                    });
                }
                case "close" -> make(() -> {
                    held.close();
                    return null;
                });
                case "setopt", "getopt" -> {
                    return option(held, (String) request.get("option"));
                }
                case "nonblocking" -> {
                    if (!channels) throw new Unsupported("a java.net.Socket always blocks");
                    make(() -> {
                        held.block(!(Boolean) request.get("on"));
                        return null;
                    });
                }
                case "getsockname", "getpeername" -> {
                    return "{\"name\":" + endpointOf(make(() -> held.name(verb.equals("getpeername")))) + "}";
                }
                case "fill" -> {
                    return "{\"count\":" + make(() -> fill(held)) + "}";
                }
                case "drain" -> {
                    return drained(held);
                }
                default -> throw new IllegalStateException(verb);
            }
            return NOTHING;
        }

        static final Set<String> VERBS = Set.of("bind", "listen", "connect", "accept", "send", "sendall", "recv", "shutdown",
                "close", "setopt", "getopt", "nonblocking", "getsockname", "getpeername", "fill", "drain");
        static final String NOTHING = "\"nothing\"";

        String received(Held held, int size, boolean all) throws IOException {
            if (held.isStream) {
                var bytes = makeLimited(held.stream(), () -> held.receive(size, all));
                return bytes == null || all && bytes.length == 0 && size > 0 ? "\"end-of-stream\""
                        : "{\"data\":{\"bytes\":" + base64(bytes) + "}}";
            }
            var packet = new DatagramPacket(new byte[size], size);
            makeLimited(held, () -> {
                held.receive(packet);
                return null;
            });
            var bytes = Arrays.copyOf(packet.getData(), packet.getLength());
            var from = Boolean.TRUE.equals(request.get("from")) ? ",\"from\":" + endpointOf(packet.getSocketAddress()) : "";
            return "{\"data\":{\"bytes\":" + base64(bytes) + from + "}}";
        }

        String option(Held held, String name) throws IOException {
            var option = OPTIONS.get(name);
            boolean sets = verb.equals("setopt");
            if (name.equals("SO_RCVTIMEO") && !channels) {
                int asked = sets ? (int) ((time("time") + 999_999) / 1_000_000) : 0;
                int limit = make(() -> held.limit(sets ? asked : null));
                return sets ? NOTHING : "{\"value\":{\"time\":" + limit * 1_000_000L + "}}";
            }
            if (option == null) throw new Unsupported("there is no such option");
            boolean isTime = name.equals("TCP_KEEPIDLE") || name.equals("TCP_KEEPINTVL");
            if (sets) {
                var value = asMap(request.get("value"));
                Object passed = name.equals("SO_LINGER") ? (value.get("linger") == null ? -1 : seconds(time("linger")))
                        : isTime ? seconds(time("time")) : option.type() == Boolean.class ? (Object) (time("number") != 0)
                        : (Object) (int) time("number");
                make(() -> held.with(option, passed));
                held.lingers |= name.equals("SO_LINGER");
                return NOTHING;
            }
            Object value = make(() -> held.with(option, null));
            long number = value instanceof Boolean on ? (on ? 1 : 0) : ((Integer) value).longValue();
            return "{\"value\":{" + (name.equals("SO_LINGER") ? "\"linger\":" + (number < 0 ? null : number * 1_000_000_000)
                    : (isTime ? "\"time\":" + number * 1_000_000_000 : "\"number\":" + number)) + "}}";
        }

        long time(String key) {
            return (Long) asMap(request.get("value")).get(key);
        }

        static int seconds(long nanoseconds) {
            return (int) Math.min(Integer.MAX_VALUE, nanoseconds / 1_000_000_000);
        }

        long fill(Held held) throws IOException {
            if (held.channel == null) throw new Unsupported("a write that blocks cannot be given up");
            long total = 0;
            boolean blocked = held.channel.isBlocking();
            held.block(false);
            try (var selector = Selector.open()) {
                var key = held.channel.register(selector, SelectionKey.OP_WRITE);
                do {
                    for (int count = 1; count > 0; total += count) {
                        count = held.channel.write(ByteBuffer.wrap(generated(number("seed"), total, CHUNK)));
                    }
                    selector.selectedKeys().clear();
                } while (selector.select(100) > 0);
                key.cancel();
            }
            held.block(blocked);
            return total;
        }

        String drained(Held held) throws IOException {
            var bytes = new ByteArrayOutputStream();
            makeLimited(held.stream(), () -> {
                for (byte[] piece; (piece = held.receive(CHUNK, false)) != null;) bytes.write(piece);
                return null;
            });
            return bytes.size() == 0 ? "\"end-of-stream\"" : digested(bytes.toByteArray());
        }

        byte[] payload(Object asked) {
            var data = asMap(asked);
            if (data.get("bytes") instanceof String text) return Base64.getDecoder().decode(text);
            var made = asMap(data.get("generated"));
            return generated((Long) made.get("seed"), 0, (int) (long) (Long) made.get("length"));
        }

        String failure(Exception error) {
            String text = String.valueOf(error.getMessage());
            String name = error instanceof SocketTimeoutException ? (isLimited ? "blocked" : "timeout")
                    : error instanceof PortUnreachableException ? "refused"
                    : error instanceof NoRouteToHostException ? "unreachable"
                    : error instanceof NotYetConnectedException ? "not-connected"
                    : error instanceof AlreadyConnectedException ? "already-connected"
                    : error instanceof ConnectionPendingException ? "already-connecting"
                    : error instanceof ClosedChannelException ? (isOpen() ? "send-refused" : "not-open")
                    : CLASSES.entrySet().stream().filter(known -> text.contains(known.getKey())).map(Map.Entry::getValue)
                            .findFirst().orElse(null);
            if (name == null && error instanceof IOException) name = "other";
            String said = quoted(error.getClass().getSimpleName() + ": " + text);
            return name == null ? "\"threw\":{\"type\":" + quoted(error.getClass().getName()) + ",\"text\":" + quoted(text) + "}"
                    : "\"err\":{\"class\":" + quoted(name) + ",\"text\":" + said + "}";
        }

        boolean isOpen() {
            var held = sockets.get(number("socket"));
            return held != null && held.closeable() instanceof Channel channel && channel.isOpen();
        }
    }

    /** The classes of the system's texts, and of those of the runtime for what it finds by itself. */
    static final Map<String, String> CLASSES = new LinkedHashMap<>();

    static {
        String[] known = {"Connection refused", "refused", "Connection reset", "reset", "Broken pipe", "send-refused",
            "Connection timed out", "timed-out", "Address already in use", "address-in-use",
            "Cannot assign requested address", "not-available", "Network is unreachable", "unreachable",
            "No route to host", "unreachable", "Network is down", "unreachable", "Permission denied", "permission",
            "Operation not permitted", "permission", "Message too long", "message-too-long", "not connected", "not-connected",
            "Destination address required", "not-connected", "already connected", "already-connected",
            "Invalid argument", "invalid", "Protocol not available", "unsupported",
            "No buffer space available", "no-resources", "Too many open files", "no-resources", "connection abort", "reset",
            WOULD_WAIT, "would-block", "Operation now in progress", "would-block", "output is shutdown", "send-refused",
            "is closed", "not-open", "Socket closed", "not-open", "Bad file descriptor", "not-open"};
        for (int at = 0; at < known.length; at += 2) CLASSES.put(known[at], known[at + 1]);
    }

    // --- generated payloads and digests

    static final int CHUNK = 64 << 10;
    static final int HEAD = 4 << 10;
    static final int BLOCK = 16 << 10;

    static byte[] generated(long seed, long offset, int length) {
        int skipped = (int) (offset % 8);
        var words = ByteBuffer.allocate(skipped + length + 7 & ~7).order(ByteOrder.LITTLE_ENDIAN);
        for (long block = offset / 8; words.hasRemaining(); block++) words.putLong(word(seed, block));
        return Arrays.copyOfRange(words.array(), skipped, skipped + length);
    }

    static long word(long seed, long block) {
        long z = seed + (block + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    static String digested(byte[] bytes) {
        var blocks = new ArrayList<String>();
        for (int from = 0; from < bytes.length && bytes.length > HEAD; from += BLOCK) {
            long hash = 0xCBF29CE484222325L;
            for (int at = from; at < Math.min(from + BLOCK, bytes.length); at++) {
                hash = (hash ^ bytes[at] & 0xFF) * 0x100000001B3L;
            }
            blocks.add(String.format("%016x", hash));
        }
        var head = Base64.getEncoder().encodeToString(Arrays.copyOf(bytes, Math.min(HEAD, bytes.length)));
        return "{\"received\":{\"length\":" + bytes.length + ",\"head\":" + quoted(head)
                + (blocks.isEmpty() ? "" : ",\"blocks\":" + list(blocks)) + "}}";
    }

    // --- lines

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static String quoted(String text) {
        var quoted = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each == '"' || each == '\\') quoted.append('\\').append(each);
            else if (each < ' ' || each > '~') quoted.append(String.format("\\u%04x", (int) each));
            else quoted.append(each);
        }
        return quoted.append('"').toString();
    }

    static String base64(byte[] bytes) {
        return '"' + Base64.getEncoder().encodeToString(bytes) + '"';
    }

    static String list(Collection<String> texts) {
        return "[" + String.join(",", texts.stream().map(Agent::quoted).toList()) + "]";
    }

    static String object(Map<String, String> texts) {
        return "{" + String.join(",", texts.entrySet().stream()
                .map(entry -> quoted(entry.getKey()) + ":" + quoted(entry.getValue())).toList()) + "}";
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> asMap(Object value) {
        if (!(value instanceof Map)) throw new Unsupported("an address without a name cannot be given");
        return (Map<String, Object>) value;
    }

    /** Reads a value: a map, a list, a text, a Long (also above its half, as unsigned), a Boolean, or null. */
    static final class Json {
        final String text;
        int at;

        Json(String text) {
            this.text = text;
        }

        char next() {
            while (Character.isWhitespace(text.charAt(at))) at++;
            return text.charAt(at);
        }

        Object value() {
            switch (next()) {
                case '{' -> {
                    var map = new HashMap<String, Object>();
                    for (at++; next() != '}'; at += next() == ',' ? 1 : 0) {
                        var key = (String) value();
                        if (next() != ':') throw new IllegalArgumentException("no colon at " + at);
                        at++;
                        map.put(key, value());
                    }
                    at++;
                    return map;
                }
                case '[' -> {
                    var list = new ArrayList<>();
                    for (at++; next() != ']'; at += next() == ',' ? 1 : 0) list.add(value());
                    at++;
                    return list;
                }
                case '"' -> {
                    return string();
                }
                default -> {
                    int from = at;
                    while (at < text.length() && ",]} \t".indexOf(text.charAt(at)) < 0) at++;
                    var word = text.substring(from, at);
                    return switch (word) {
                        case "null" -> null;
                        case "true", "false" -> Boolean.valueOf(word);
                        default -> new BigInteger(word).longValue();
                    };
                }
            }
        }

        String string() {
            var found = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                char each = text.charAt(at);
                if (each == '\\') {
                    each = text.charAt(++at);
                    int known = "bfnrt".indexOf(each);
                    if (known >= 0) each = "\b\f\n\r\t".charAt(known);
                    if (each == 'u') {
                        each = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                        at += 4;
                    }
                }
                found.append(each);
            }
            at++;
            return found.toString();
        }
    }
}

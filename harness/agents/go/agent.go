// An agent of sockspec for Go's package net. The protocol is told in ../README.md.
//
// What the words of the protocol mean here:
//   - open and bind of a stream only note what was asked for, options too: Dial and Listen make the socket,
//     bind it and set options by themselves. A backlog cannot be given. A bound datagram socket is connected
//     through SyscallConn, since Dial would make another.
//   - SO_RCVTIMEO and SO_SNDTIMEO are SetReadDeadline and SetWriteDeadline right before each call, or the timeout
//     of a dialer. A write that was cut short tells how much it had done and why; if it had done something, the
//     count is answered.
//   - A call is ended by a deadline in the past, a dial by its context. A deadline is the socket's, so that every
//     call on it that waits for the same direction ends too, and says `blocked` as well.
//   - Other options go through SyscallConn, as package net itself can set few and read none.
//   - MSG_WAITALL is io.ReadFull.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

type endpoint struct {
	Inet  string  `json:"inet,omitempty"`
	Local *string `json:"local,omitempty"`
}

type payload struct {
	Bytes     []byte `json:"bytes"`
	Generated *struct {
		Length int    `json:"length"`
		Seed   uint64 `json:"seed"`
	} `json:"generated"`
}

type value struct {
	Number *int   `json:"number"`
	Time   *int64 `json:"time"`
	Linger *int64 `json:"linger"`
}

type request struct {
	Kind, Verb, Transport, Option string
	ID, Call                      uint64
	Limit                         *int64
	Socket, As, Backlog, Size     int
	Address, To                   json.RawMessage
	Data                          payload
	Pieces                        []payload
	Flags                         []string
	From                          bool
	How                           any
	Value                         value
	Seed                          uint64
}

type object = map[string]any

var output sync.Mutex

func say(message object) {
	line, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

var origin = time.Now()

func now() int64 { return int64(time.Since(origin)) }

// --- generated payloads and digests

const chunk, headSize, blockSize = 64 << 10, 4 << 10, 16 << 10

func generated(seed uint64, offset, length int) []byte {
	skipped := offset % 8
	bytes := make([]byte, (skipped+length+7)&^7)
	for at := 0; at < len(bytes); at += 8 {
		z := seed + uint64(offset/8+at/8+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		binary.LittleEndian.PutUint64(bytes[at:], z^z>>31)
	}
	return bytes[skipped : skipped+length]
}

func (p payload) bytes() []byte {
	if p.Generated != nil {
		return generated(p.Generated.Seed, 0, p.Generated.Length)
	}
	return p.Bytes
}

func digested(bytes []byte) object {
	found := object{"length": len(bytes), "head": base64.StdEncoding.EncodeToString(bytes[:least(headSize, len(bytes))])}
	if len(bytes) > headSize {
		blocks := []string{}
		for from := 0; from < len(bytes); from += blockSize {
			hash := uint64(0xCBF29CE484222325)
			for _, each := range bytes[from:least(from+blockSize, len(bytes))] {
				hash = (hash ^ uint64(each)) * 0x100000001B3
			}
			blocks = append(blocks, fmt.Sprintf("%016x", hash))
		}
		found["blocks"] = blocks
	}
	return object{"received": found}
}

func least(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// --- sockets

// held is a socket, or what was asked for until package net makes one.
type held struct {
	transport string
	isStream  bool
	local     string
	isClosed  bool
	options   []func(fd int) error
	listener  net.Listener
	conn      net.Conn
	lingers   bool
	receive   time.Duration // SO_RCVTIMEO
	send      time.Duration // SO_SNDTIMEO
}

var networks = map[string]string{"tcp4": "tcp4", "tcp6": "tcp6", "udp4": "udp4", "udp6": "udp6", "unix": "unix",
	"unix-dgram": "unixgram"}

var (
	errNotMade      = syscall.ENOTCONN
	errNoName       = unsupported("an address without a name cannot be given")
	errOneEach      = unsupported("there is one method for each half")
	errNoSuchVerb   = unsupported("the verb is not known")
	errNotAccepting = syscall.EINVAL
)

type unsupported string

func (why unsupported) Error() string { return string(why) }

func addressOf(raw json.RawMessage) (string, error) {
	var given endpoint
	if json.Unmarshal(raw, &given) != nil {
		return "", errNoName
	}
	if given.Local != nil {
		return "@" + *given.Local, nil
	}
	return given.Inet, nil
}

func endpointOf(address net.Addr) any {
	switch known := address.(type) {
	case nil:
		return "unnamed"
	case *net.UnixAddr:
		if known == nil || !strings.HasPrefix(known.Name, "@") {
			return "unnamed"
		}
		return object{"local": known.Name[1:]}
	default:
		return object{"inet": address.String()}
	}
}

// control sets the options that were asked for before there was a socket.
func (h *held) control(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		for _, set := range h.options {
			if failed == nil {
				failed = set(int(fd))
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}

func (h *held) config() net.ListenConfig { return net.ListenConfig{Control: h.control, KeepAlive: -1} }

func (h *held) bind(address string) error {
	h.local = address
	if h.isStream {
		return nil
	}
	config := h.config()
	conn, err := config.ListenPacket(context.Background(), networks[h.transport], address)
	if err == nil {
		h.conn = conn.(net.Conn)
	}
	return err
}

func (h *held) listen() (err error) {
	config := h.config()
	h.listener, err = config.Listen(context.Background(), networks[h.transport], h.local)
	return err
}

func (h *held) connect(ctx context.Context, address string) error {
	dialer := net.Dialer{Control: h.control, Timeout: h.send, KeepAlive: -1}
	network := networks[h.transport]
	switch {
	case h.conn != nil && h.isStream:
		return syscall.EISCONN
	case h.listener != nil:
		return errNotAccepting
	case h.conn != nil:
		return h.connectBelow(address)
	case h.local != "" && strings.HasPrefix(network, "tcp"):
		local, err := net.ResolveTCPAddr(network, h.local)
		if err != nil {
			return err
		}
		dialer.LocalAddr = local
	case h.local != "":
		dialer.LocalAddr = &net.UnixAddr{Name: h.local, Net: network}
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		h.conn = conn
	}
	return err
}

// connectBelow connects a datagram socket that is bound already, as package net itself cannot.
func (h *held) connectBelow(address string) error {
	var to syscall.Sockaddr = &syscall.SockaddrUnix{Name: address}
	if h.transport != "unix-dgram" {
		udp, err := net.ResolveUDPAddr(networks[h.transport], address)
		if err != nil {
			return err
		}
		if h.transport == "udp4" {
			four := &syscall.SockaddrInet4{Port: udp.Port}
			copy(four.Addr[:], udp.IP.To4())
			to = four
		} else {
			six := &syscall.SockaddrInet6{Port: udp.Port}
			copy(six.Addr[:], udp.IP.To16())
			to = six
		}
	}
	raw, err := h.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Connect(int(fd), to) })
	if err == nil {
		err = failed
	}
	return err
}

func (h *held) write(data []byte, to string) (int, error) {
	if !h.isStream && h.conn == nil { // a datagram can be sent without a bind
		any := map[string]string{"udp4": "0.0.0.0:0", "udp6": "[::]:0", "unix-dgram": "@"}[h.transport]
		if err := h.bind(any); err != nil {
			return 0, err
		}
	}
	if h.conn == nil {
		return 0, errNotMade
	}
	h.conn.SetWriteDeadline(deadline(h.send))
	if to == "" {
		return h.conn.Write(data)
	}
	if h.transport == "unix-dgram" {
		return h.conn.(*net.UnixConn).WriteTo(data, &net.UnixAddr{Name: to, Net: "unixgram"})
	}
	address, err := net.ResolveUDPAddr(networks[h.transport], to)
	if err != nil {
		return 0, err
	}
	return h.conn.(*net.UDPConn).WriteTo(data, address)
}

func (h *held) read(buffer []byte) (count, flags int, from net.Addr, err error) {
	if h.conn == nil {
		return 0, 0, nil, errNotMade
	}
	h.conn.SetReadDeadline(deadline(h.receive))
	switch conn := h.conn.(type) {
	case *net.UDPConn:
		var source *net.UDPAddr
		count, _, flags, source, err = conn.ReadMsgUDP(buffer, nil)
		if source != nil {
			from = source
		}
		return count, flags, from, err
	case *net.UnixConn:
		if !h.isStream {
			var source *net.UnixAddr
			count, _, flags, source, err = conn.ReadMsgUnix(buffer, nil)
			return count, flags, source, err
		}
	}
	count, err = h.conn.Read(buffer)
	return count, 0, nil, err
}

func (h *held) accept() (net.Conn, error) {
	if h.listener == nil {
		return nil, errNotAccepting
	}
	h.listener.(interface{ SetDeadline(time.Time) error }).SetDeadline(deadline(h.receive))
	return h.listener.Accept()
}

func (h *held) close() error {
	h.isClosed = true
	switch {
	case h.listener != nil:
		return h.listener.Close()
	case h.conn != nil:
		return h.conn.Close()
	}
	return nil
}

// each calls something with the descriptor, now or as soon as there is one.
func (h *held) each(act func(fd int) error) error {
	var holder any = h.conn
	if h.listener != nil {
		holder = h.listener
	}
	made, is := holder.(syscall.Conn)
	if !is {
		h.options = append(h.options, act)
		return nil
	}
	raw, err := made.SyscallConn()
	if err != nil {
		return err
	}
	h.options = append([]func(int) error{}, act)
	return h.control("", "", raw)
}

func deadline(limit time.Duration) time.Time {
	if limit == 0 {
		return time.Time{}
	}
	return time.Now().Add(limit)
}

var options = map[string][2]int{"SO_BROADCAST": {1, 6}, "SO_ERROR": {1, 4}, "SO_KEEPALIVE": {1, 9}, "SO_RCVBUF": {1, 8},
	"SO_REUSEADDR": {1, 2}, "SO_SNDBUF": {1, 7}, "SO_LINGER": {1, 13}, "TCP_KEEPCNT": {6, 6}, "TCP_KEEPIDLE": {6, 4},
	"TCP_KEEPINTVL": {6, 5}, "TCP_MAXSEG": {6, 2}, "TCP_NODELAY": {6, 1}, "IP_TTL": {0, 2}}

// --- calls

type call struct {
	request
	cancel       context.CancelFunc
	ctx          context.Context
	mutex        sync.Mutex
	ending       bool
	silent       bool
	over         chan struct{}
	began, ended int64
}

var (
	table   sync.Mutex // for the two maps and what they hold
	sockets = map[int]*held{}
	pending = map[uint64]*call{}
)

func lookUp(number int) *held {
	table.Lock()
	defer table.Unlock()
	return sockets[number]
}

func keep(number int, h *held) {
	table.Lock()
	defer table.Unlock()
	sockets[number] = h
}

func (c *call) canBlock() bool {
	switch c.Verb {
	case "connect", "accept", "send", "sendall", "recv", "fill", "drain":
		return true
	case "close":
		h := lookUp(c.Socket)
		return h != nil && h.lingers
	}
	return false
}

// make is the call under test, between two looks at the clock.
func (c *call) make(act func() error) error {
	if c.canBlock() {
		say(object{"kind": "started", "id": c.ID})
	}
	c.began = now()
	err := act()
	c.ended = now()
	return err
}

func (c *call) perform() {
	ok, err := c.outcome()
	if c.ended == 0 {
		c.began = now()
		c.ended = c.began
	}
	message := object{"kind": "done", "id": c.ID, "began": c.began, "took": c.ended - c.began}
	if err == nil {
		message["ok"] = ok
	} else {
		c.explain(message, err)
	}
	table.Lock()
	delete(pending, c.ID)
	silent := c.silent
	table.Unlock()
	if !silent {
		say(message)
	}
	c.cancel()
	close(c.over)
}

func (c *call) explain(message object, err error) {
	var why unsupported
	var number syscall.Errno
	var text = err.Error()
	class := "other"
	h := lookUp(c.Socket)
	limited := h != nil && (h.receive > 0 || h.send > 0)
	switch {
	case errors.As(err, &why):
		message["unsupported"] = object{"why": text}
		return
	case errors.As(err, &number):
		class = names[number]
		if class == "" {
			class = "other"
		}
		message["err"] = object{"class": class, "raw": int(number), "text": text}
		return
	case errors.Is(err, net.ErrClosed):
		class = "EBADF"
	case isTimeout(err) || errors.Is(err, context.Canceled) || strings.Contains(text, "operation was canceled"):
		class = "timeout"
		if c.isEnding() || !limited {
			class = "blocked"
		}
	}
	message["err"] = object{"class": class, "text": text}
}

func isTimeout(err error) bool {
	var told net.Error
	return errors.As(err, &told) && told.Timeout()
}

func (c *call) isEnding() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.ending
}

// end puts an end to the call; again and again, since a deadline can be set right before the wait.
func (c *call) end() {
	c.mutex.Lock()
	c.ending = true
	c.mutex.Unlock()
	c.cancel()
	past := time.Unix(1, 0)
	for try := 0; try < 200; try++ {
		if h := lookUp(c.Socket); h != nil {
			if conn := h.conn; conn != nil && (c.Verb == "recv" || c.Verb == "drain") {
				conn.SetReadDeadline(past)
			} else if conn != nil {
				conn.SetWriteDeadline(past)
			} else if listener, is := h.listener.(interface{ SetDeadline(time.Time) error }); is {
				listener.SetDeadline(past)
			}
		}
		select {
		case <-c.over:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func (c *call) outcome() (any, error) {
	if c.Verb == "open" {
		return "nothing", c.make(func() error {
			keep(c.Socket, &held{transport: c.Transport, isStream: c.Transport == "unix" || c.Transport[:3] == "tcp"})
			return nil
		})
	}
	verb, known := verbs[c.Verb]
	h := lookUp(c.Socket)
	for _, flag := range c.Flags {
		if flag != "MSG_WAITALL" {
			return nil, unsupported("package net takes no " + flag)
		}
	}
	switch {
	case !known:
		return nil, errNoSuchVerb
	case h == nil || h.isClosed && h.conn == nil && h.listener == nil:
		return nil, net.ErrClosed
	}
	return verb(c, h)
}

var verbs map[string]func(*call, *held) (any, error)

func init() {
	verbs = map[string]func(*call, *held) (any, error){
		"bind": func(c *call, h *held) (any, error) {
			address, err := addressOf(c.Address)
			if err != nil {
				return nil, err
			}
			return "nothing", c.make(func() error { return h.bind(address) })
		},
		"listen": func(c *call, h *held) (any, error) { return "nothing", c.make(h.listen) },
		"connect": func(c *call, h *held) (any, error) {
			address, err := addressOf(c.Address)
			if err != nil {
				return nil, err
			}
			return "nothing", c.make(func() error { return h.connect(c.ctx, address) })
		},
		"accept": func(c *call, h *held) (any, error) {
			var conn net.Conn
			err := c.make(func() (err error) {
				conn, err = h.accept()
				return err
			})
			if err == nil {
				keep(c.As, &held{transport: h.transport, isStream: true, conn: conn})
			}
			return "nothing", err
		},
		"send":    send,
		"sendall": sendAll,
		"recv":    receive,
		"drain":   drain,
		"fill":    fill,
		"shutdown": func(c *call, h *held) (any, error) {
			halves, is := h.conn.(interface {
				CloseRead() error
				CloseWrite() error
			})
			switch {
			case c.How != "read" && c.How != "write":
				return nil, errOneEach
			case h.conn == nil && h.listener == nil:
				return nil, errNotMade
			case !is:
				return nil, unsupported("only a connection of a stream has halves")
			case c.How == "read":
				return "nothing", c.make(halves.CloseRead)
			}
			return "nothing", c.make(halves.CloseWrite)
		},
		"close":  func(c *call, h *held) (any, error) { return "nothing", c.make(h.close) },
		"setopt": setOption,
		"getopt": readOption,
		"getsockname": func(c *call, h *held) (any, error) {
			var name any = nil
			return object{"name": &name}, c.make(func() error {
				if h.listener != nil {
					name = endpointOf(h.listener.Addr())
				} else if h.conn != nil {
					name = endpointOf(h.conn.LocalAddr())
				} else {
					return unsupported("package net makes a socket with its connection or listener")
				}
				return nil
			})
		},
		"getpeername": func(c *call, h *held) (any, error) {
			var name any = nil
			return object{"name": &name}, c.make(func() error {
				if h.conn == nil || h.conn.RemoteAddr() == nil {
					return errNotMade
				}
				name = endpointOf(h.conn.RemoteAddr())
				return nil
			})
		},
	}
}

func send(c *call, h *held) (any, error) {
	data, to := c.Data.bytes(), ""
	if c.To != nil && string(c.To) != "null" {
		var err error
		if to, err = addressOf(c.To); err != nil {
			return nil, err
		}
	}
	var count int
	err := c.make(func() (err error) {
		count, err = h.write(data, to)
		return err
	})
	if count > 0 && isTimeout(err) && !c.isEnding() {
		err = nil
	}
	return object{"count": count}, err
}

func sendAll(c *call, h *held) (any, error) {
	pieces := [][]byte{}
	for _, piece := range c.Pieces {
		pieces = append(pieces, piece.bytes())
	}
	return "nothing", c.make(func() error {
		for _, piece := range pieces {
			if _, err := h.write(piece, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

func receive(c *call, h *held) (any, error) {
	buffer, all := make([]byte, c.Size), len(c.Flags) > 0
	var count, flags int
	var from net.Addr
	err := c.make(func() (err error) {
		if all && h.isStream && h.conn != nil {
			h.conn.SetReadDeadline(deadline(h.receive))
			count, err = io.ReadFull(h.conn, buffer)
			return err
		}
		count, flags, from, err = h.read(buffer)
		return err
	})
	if errors.Is(err, io.EOF) {
		return "end-of-stream", nil
	}
	if count > 0 && isTimeout(err) && !c.isEnding() {
		err = nil // io.ReadFull gives what it has beside the error
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	data := object{"bytes": base64.StdEncoding.EncodeToString(buffer[:count]), "truncated": flags&syscall.MSG_TRUNC != 0}
	if c.From && from != nil {
		data["from"] = endpointOf(from)
	}
	return object{"data": data}, nil
}

func drain(c *call, h *held) (any, error) {
	all, buffer := []byte{}, make([]byte, chunk)
	err := c.make(func() error {
		for {
			count, _, _, err := h.read(buffer)
			all = append(all, buffer[:count]...)
			if err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(all) == 0 {
		return "end-of-stream", nil
	}
	return digested(all), nil
}

func fill(c *call, h *held) (any, error) {
	if h.conn == nil {
		return nil, errNotMade
	}
	total := 0
	err := c.make(func() error {
		for {
			data := generated(c.Seed, total, chunk)
			h.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			count, err := h.conn.Write(data)
			total += count
			if err != nil && !(isTimeout(err) && count > 0) {
				return err
			}
		}
	})
	if isTimeout(err) && !c.isEnding() {
		err = nil
	}
	return object{"count": total}, err
}

func setOption(c *call, h *held) (any, error) {
	switch c.Option {
	case "SO_RCVTIMEO", "SO_SNDTIMEO":
		return "nothing", c.make(func() error {
			limit := &h.receive
			if c.Option == "SO_SNDTIMEO" {
				limit = &h.send
			}
			*limit = time.Duration(*c.Value.Time)
			return nil
		})
	}
	code, known := options[c.Option]
	if !known {
		return nil, unsupported("it is not offered")
	}
	return "nothing", c.make(func() error {
		return h.each(func(fd int) error {
			switch {
			case c.Option == "SO_LINGER":
				h.lingers = c.Value.Linger != nil
				linger := syscall.Linger{}
				if h.lingers {
					linger = syscall.Linger{Onoff: 1, Linger: int32(*c.Value.Linger / 1e9)}
				}
				return syscall.SetsockoptLinger(fd, code[0], code[1], &linger)
			case c.Value.Time != nil:
				return syscall.SetsockoptInt(fd, code[0], code[1], int(*c.Value.Time/1e9))
			}
			return syscall.SetsockoptInt(fd, code[0], code[1], *c.Value.Number)
		})
	})
}

func readOption(c *call, h *held) (any, error) {
	switch c.Option {
	case "SO_RCVTIMEO":
		return object{"value": object{"time": int64(h.receive)}}, nil
	case "SO_SNDTIMEO":
		return object{"value": object{"time": int64(h.send)}}, nil
	}
	code, known := options[c.Option]
	if !known || c.Option == "SO_LINGER" {
		return nil, unsupported("package syscall cannot read it")
	}
	if h.conn == nil && h.listener == nil {
		return nil, unsupported("package net makes a socket with its connection or listener")
	}
	var number int
	err := c.make(func() error {
		return h.each(func(fd int) (err error) {
			number, err = syscall.GetsockoptInt(fd, code[0], code[1])
			return err
		})
	})
	found := object{"number": number}
	if c.Option == "SO_ERROR" {
		found = object{"error": nil}
		if number != 0 {
			found["error"] = names[syscall.Errno(number)]
		}
	} else if strings.HasPrefix(c.Option, "TCP_KEEPI") {
		found = object{"time": int64(number) * 1e9}
	}
	return object{"value": found}, err
}

// --- the session

func reset(id uint64) {
	began, leaks := now(), []string{}
	table.Lock()
	calls := []*call{}
	for _, each := range pending {
		each.silent = true
		calls = append(calls, each)
	}
	table.Unlock()
	for _, each := range calls {
		each.end()
	}
	table.Lock()
	for number, each := range pending {
		leaks = append(leaks, fmt.Sprintf("call %d (%s) did not end", number, each.Verb))
	}
	left := sockets
	sockets, pending = map[int]*held{}, map[uint64]*call{}
	table.Unlock()
	for number, h := range left {
		if tcp, is := h.conn.(*net.TCPConn); is && h.lingers {
			tcp.SetLinger(-1)
		}
		if err := h.close(); err != nil && !errors.Is(err, net.ErrClosed) {
			leaks = append(leaks, fmt.Sprintf("closing socket %d: %v", number, err))
		}
	}
	say(object{"kind": "done", "id": id, "began": began, "took": now() - began, "ok": object{"reset": object{"leaks": leaks}}})
}

func handle(line []byte) error {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return err
	}
	switch asked.Kind {
	case "call":
		c := &call{request: asked, over: make(chan struct{})}
		c.ctx, c.cancel = context.WithCancel(context.Background())
		table.Lock()
		pending[asked.ID] = c
		table.Unlock()
		if !c.canBlock() {
			c.perform()
			return nil
		}
		if asked.Limit != nil {
			timer := time.AfterFunc(time.Duration(*asked.Limit), c.end)
			go func() {
				<-c.over
				timer.Stop()
			}()
		}
		go c.perform()
	case "cancel":
		table.Lock()
		c := pending[asked.Call]
		table.Unlock()
		if c != nil {
			c.end()
		}
	case "reset":
		reset(asked.ID)
	}
	return nil
}

var names = map[syscall.Errno]string{}

func main() {
	for number, name := range map[syscall.Errno]string{syscall.EACCES: "EACCES", syscall.EADDRINUSE: "EADDRINUSE",
		syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL", syscall.EAFNOSUPPORT: "EAFNOSUPPORT", syscall.EAGAIN: "EAGAIN",
		syscall.EALREADY: "EALREADY", syscall.EBADF: "EBADF", syscall.ECONNABORTED: "ECONNABORTED",
		syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ECONNRESET: "ECONNRESET", syscall.EDESTADDRREQ: "EDESTADDRREQ",
		syscall.EHOSTDOWN: "EHOSTDOWN", syscall.EHOSTUNREACH: "EHOSTUNREACH", syscall.EINVAL: "EINVAL", syscall.EISCONN: "EISCONN",
		syscall.EMFILE: "EMFILE", syscall.EMSGSIZE: "EMSGSIZE", syscall.ENETDOWN: "ENETDOWN", syscall.ENETUNREACH: "ENETUNREACH",
		syscall.ENOBUFS: "ENOBUFS", syscall.ENOENT: "ENOENT", syscall.ENOPROTOOPT: "ENOPROTOOPT", syscall.ENOTCONN: "ENOTCONN",
		syscall.EOPNOTSUPP: "EOPNOTSUPP", syscall.EPERM: "EPERM", syscall.EPIPE: "EPIPE", syscall.EPROTOTYPE: "EPROTOTYPE",
		syscall.ETIMEDOUT: "ETIMEDOUT"} {
		names[number] = name
	}
	offers := []string{"tcp4", "tcp6", "udp4", "udp6", "unix", "unix-dgram", "blocking-calls", "concurrent", "cancel",
		"shutdown-read", "shutdown-write", "wait-all", "names", "fill", "SO_RCVTIMEO", "SO_SNDTIMEO"}
	for name := range options {
		offers = append(offers, name)
	}
	lacks := object{"shutdown-both": string(errOneEach), "shutdown-number": string(errOneEach),
		"nonblocking": "a method of package net always waits", "signals": "a signal reaches a thread, not a goroutine"}
	for _, word := range []string{"dup", "peek", "dont-wait", "truncation", "more", "error-queue", "raise", "read-write",
		"poll", "epoll", "select", "tcp-info", "short-options"} {
		lacks[word] = "package net has nothing like it"
	}
	for _, kind := range []string{"listener", "udp4", "udp6", "unix-dgram", "unbound", "unconnected"} {
		lacks["shutdown-read on "+kind] = "only a connection of a stream has halves"
		lacks["shutdown-write on "+kind] = "only a connection of a stream has halves"
	}
	lacks["getopt on unbound"] = "package net makes a socket with its connection or listener"
	var kernel syscall.Utsname
	syscall.Uname(&kernel)
	release := []byte{}
	for _, each := range kernel.Release {
		if each != 0 {
			release = append(release, byte(each))
		}
	}
	say(object{"kind": "hello", "versions": []int{1}, "name": "go", "version": runtime.Version() + ", Linux " + string(release),
		"offers": offers, "lacks": lacks, "granularity": object{"poll": 0, "socket": 0}})
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return // whatever is pending
		}
		if err := handle(line); err != nil {
			fmt.Fprintf(os.Stderr, "%.200q is no request: %v\n", line, err)
			os.Exit(2)
		}
	}
}

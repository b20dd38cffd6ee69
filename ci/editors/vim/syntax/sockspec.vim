" Vim syntax file
" Language: sockspec scenario (.scn)

if exists("b:current_syntax")
  finish
endif

let s:save_cpo = &cpo
set cpo&vim

" The names of actors, transports and capabilities may hold a hyphen.
syntax iskeyword @,48-57,_,-
syntax case match

" What may stand in the arguments and the expectation of a step
syntax keyword sockspecOutcome contained ok eof timeout blocked none truncated too-long
      \ malformed unencodable
syntax keyword sockspecPollFlag contained in pri out rdhup hup err nval
syntax keyword sockspecDirection contained read write both on off
syntax keyword sockspecOption contained SO_ACCEPTCONN SO_BINDTODEVICE SO_BROADCAST SO_DONTROUTE SO_ERROR
      \ FIONREAD SO_KEEPALIVE SO_LINGER SO_OOBINLINE SO_RCVBUF SO_RCVLOWAT SO_RCVTIMEO SO_REUSEADDR
      \ SO_REUSEPORT SO_SNDBUF SO_SNDTIMEO TCP_CORK TCP_INFO TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL
      \ TCP_LINGER2 TCP_MAXSEG TCP_NODELAY TCP_QUICKACK TCP_SYNCNT TCP_USER_TIMEOUT IP_RECVERR
      \ IPV6_RECVERR IP_TTL IPV6_V6ONLY
syntax keyword sockspecFlag contained MSG_DONTWAIT MSG_ERRQUEUE MSG_MORE MSG_PEEK MSG_TRUNC MSG_WAITALL raise
syntax keyword sockspecErrno contained EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY
      \ EBADF ECONNABORTED ECONNREFUSED ECONNRESET EDESTADDRREQ EFAULT EHOSTDOWN EHOSTUNREACH
      \ EINPROGRESS EINTR EINVAL EIO EISCONN EMFILE EMSGSIZE ENETDOWN ENETRESET ENETUNREACH ENFILE
      \ ENOBUFS ENODEV ENOENT ENOMEM ENOPROTOOPT ENOSYS ENOTCONN ENOTSOCK EOPNOTSUPP EPERM EPIPE
      \ EPROTO EPROTONOSUPPORT EPROTOTYPE ESHUTDOWN ETIMEDOUT EWOULDBLOCK ENOTSUP SIGPIPE
syntax keyword sockspecState contained ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT
      \ CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING
syntax keyword sockspecTransport contained tcp4 tcp6 unix unix-dgram udp4 udp6
syntax keyword sockspecCapability contained blocking-calls dup shutdown-read shutdown-write peek
      \ wait-all options poll epoll select signals tcp-info proxy
syntax keyword sockspecTopology contained loopback netns routed lan
syntax match sockspecGroup contained "\%(\a\k*\)\@<=\*\d\+\k\@!"
syntax keyword sockspecLevel contained must should may
syntax keyword sockspecCondition contained after before for from level times
syntax keyword sockspecWord contained or all of bytes length
syntax keyword sockspecPieces contained cut by first rest
syntax keyword sockspecFraming contained terminator escaped base64 announced ascii-length
      \ binary-length newline nul zeros spaces u8 u16 u24 u32 u64 big little
syntax keyword sockspecFramed contained limit for
syntax keyword sockspecPlace contained any broadcast subnet-broadcast all-nodes nobody
syntax keyword sockspecPacket contained SYN FIN RST ACK data udp icmp any
syntax match sockspecLink contained "\%(wire\s\+\)\@<=\%(mark\|drop\|pass\|down\|mtu\|route\|up\)\k\@!"
syntax keyword sockspecNarrow contained at via ttl seq ack port-unreachable first nth
syntax match sockspecNumber contained "\k\@1<!-\=\d\+\%(\.\d\+\)\=\%(us\|ms\|s\|KiB\|MiB\)\=\k\@!"
syntax match sockspecNumber contained "\k\@1<!\d\+\%(\.\d\+\)\=\%(us\|ms\|s\|KiB\|MiB\)\=\.\.\%(\d\+\%(\.\d\+\)\=\%(us\|ms\|s\|KiB\|MiB\)\=\)\=\k\@!"
syntax match sockspecVariable contained "\$\a\k*"
syntax match sockspecTag contained "\s\@1<=&\a\k*"
syntax match sockspecSocket contained "\a\k*\.\a\k*"
syntax match sockspecAddress contained "\a\k*\%(@\a\k*\)\=:\%(\a\k*\|\d\+\)"
syntax match sockspecArrow contained "=>\|->"
syntax match sockspecEscape contained "\\\%([nrt0\\\"]\|x\x\x\)"
syntax match sockspecBadEscape contained "\\\%([nrt0\\\"]\|x\x\x\)\@!."
syntax region sockspecString contained oneline start=+"+ skip=+\\.+ end=+"+ contains=sockspecEscape,sockspecBadEscape
syntax match sockspecComment "\%(^\|\s\@1<=\)#.*$" contains=sockspecTodo
syntax keyword sockspecTodo contained TODO FIXME XXX

syntax cluster sockspecExpression contains=sockspecOutcome,sockspecPollFlag,sockspecDirection,
      \sockspecOption,sockspecFlag,sockspecErrno,sockspecState,sockspecTransport,sockspecLevel,
      \sockspecCondition,sockspecWord,sockspecPieces,sockspecPlace,sockspecNumber,sockspecVariable,sockspecTag,
      \sockspecSocket,sockspecAddress,sockspecArrow,sockspecString,sockspecComment

" Steps: an actor, a verb, a socket or a tag
syntax region sockspecStep oneline keepend start="^\s*\a" end="$" contains=sockspecActor,@sockspecExpression
syntax match sockspecActor contained "\%(^\s*\|[;:]\s*\)\@<=\a\k*\ze\s\+\a" nextgroup=sockspecVerb skipwhite
syntax match sockspecVerb contained "\%(nonblocking\|interrupt\|recvframe\|sendframe\|peername\|recvfrom\|shutdown\|connect\|accept\|getopt\|listen\|sendto\|setopt\|await\|close\|drain\|epoll\|select\|write\|bind\|fill\|name\|open\|poll\|read\|recv\|send\|dup\)\k\@!" nextgroup=sockspecName skipwhite
syntax match sockspecName contained "\$\=\a\k*"
syntax region sockspecWait oneline keepend matchgroup=sockspecKeyword start="^\s*wait\k\@!" end="$" contains=@sockspecExpression
syntax region sockspecWire oneline keepend matchgroup=sockspecKeyword start="^\s*wire\k\@!" end="$" contains=sockspecPacket,sockspecLink,sockspecNarrow,@sockspecExpression

" Header lines
syntax region sockspecTitle oneline start=+^"+ skip=+\\.+ end=+"+ contains=sockspecEscape,sockspecBadEscape
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^cite\k\@!" end="$" contains=sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^level\k\@!" end="$" contains=sockspecLevel,sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^needs\k\@!" end="$" contains=sockspecCapability,sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^over\k\@!" end="$" contains=sockspecTransport,sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^on\k\@!" end="$" contains=sockspecTopology,sockspecGroup,sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^not\k\@!" end="$" contains=sockspecTransport,sockspecTopology,sockspecString,sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^pair\k\@!" end="$" contains=sockspecSocket,sockspecComment
syntax region sockspecHeader oneline keepend matchgroup=sockspecKeyword start="^framing\k\@!" end="$" contains=sockspecFraming,sockspecFramed,sockspecNumber,sockspecVariable,sockspecString,sockspecComment

" Variants
syntax region sockspecVary oneline keepend matchgroup=sockspecKeyword start="^vary\k\@!" end="$" contains=sockspecVaryName,@sockspecExpression
syntax match sockspecVaryName contained "\%(^vary\s\+\)\@<=\a\k*"
syntax region sockspecCase oneline keepend matchgroup=sockspecCaseName start="^\s\+case\s\+\a\k*:" end="$" contains=sockspecActor,@sockspecExpression
syntax region sockspecSame oneline keepend matchgroup=sockspecKeyword start="^same\s\+across\k\@!" end="$" contains=sockspecSameName,sockspecComment
syntax match sockspecSameName contained "\a\k*"

highlight default link sockspecTitle Title
highlight default link sockspecKeyword Statement
highlight default link sockspecLevel StorageClass
highlight default link sockspecCapability Constant
highlight default link sockspecTopology Constant
highlight default link sockspecTransport Type
highlight default link sockspecActor Identifier
highlight default link sockspecVerb Function
highlight default link sockspecSocket Identifier
highlight default link sockspecAddress Identifier
highlight default link sockspecPlace Identifier
highlight default link sockspecVariable PreProc
highlight default link sockspecVaryName PreProc
highlight default link sockspecSameName PreProc
highlight default link sockspecCaseName Label
highlight default link sockspecTag Tag
highlight default link sockspecArrow Operator
highlight default link sockspecWord Operator
highlight default link sockspecCondition Conditional
highlight default link sockspecPieces Conditional
highlight default link sockspecFraming Type
highlight default link sockspecFramed Conditional
highlight default link sockspecOutcome Constant
highlight default link sockspecPollFlag Constant
highlight default link sockspecDirection Constant
highlight default link sockspecState Constant
highlight default link sockspecOption Type
highlight default link sockspecFlag Type
highlight default link sockspecErrno Exception
highlight default link sockspecGroup Number
highlight default link sockspecPacket Constant
highlight default link sockspecLink Function
highlight default link sockspecNarrow Conditional
highlight default link sockspecNumber Number
highlight default link sockspecString String
highlight default link sockspecEscape SpecialChar
highlight default link sockspecBadEscape Error
highlight default link sockspecComment Comment
highlight default link sockspecTodo Todo

let b:current_syntax = "sockspec"

let &cpo = s:save_cpo
unlet s:save_cpo

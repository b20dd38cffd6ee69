use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ActorId, Errno};

/// What kind of value a socket option has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptionKind {
    /// `on` or `off` (any other number may be set too, to see what becomes of it).
    Flag,
    /// A whole number.
    Number,
    /// A number of bytes. Read only.
    Count,
    /// A time limit, `0s` for none (`struct timeval`).
    Timeout,
    /// A time in whole seconds.
    Seconds,
    /// A time in whole milliseconds.
    Milliseconds,
    /// `off`, or a time (`struct linger`).
    Linger,
    /// The device with which the own host is on a link. Cannot be read back.
    Device,
    /// The pending error: `0` or an errno name. Read only.
    Error,
    /// The state of the connection. Read only.
    State,
}

impl OptionKind {
    /// What a value of this kind looks like in a scenario.
    pub const fn form(self) -> &'static str {
        match self {
            Self::Flag => "`on`, `off` or a number",
            Self::Number => "a number, such as `4096` or `64KiB`",
            Self::Count => "a number of bytes, such as `0` or `1..`",
            Self::Timeout => "a duration, such as `300ms`, or `0s` for no limit",
            Self::Seconds => "a duration in whole seconds, such as `10s`",
            Self::Milliseconds => "a duration in whole milliseconds, such as `1500ms`",
            Self::Linger => "`off` or a duration, such as `0s`",
            Self::Device => {
                "`HOST@NEIGHBOUR`, the device of the own host on the link to a neighbour"
            }
            Self::Error => "`0` or an errno name",
            Self::State => "a TCP state, such as `ESTABLISHED`",
        }
    }

    /// Whether an option of this kind can only be read.
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::Count | Self::Error | Self::State)
    }
}

macro_rules! options {
    ($($variant:ident $name:literal $kind:ident $meaning:literal)*) => {
        /// A socket option, by the name that the man pages give it.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        pub enum SocketOption {
            $(#[doc = $meaning] #[serde(rename = $name)] $variant,)*
        }

        impl SocketOption {
            /// Every option.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that stands in a scenario.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What kind of value it has.
            pub const fn kind(self) -> OptionKind {
                match self { $(Self::$variant => OptionKind::$kind,)* }
            }

            /// What `sockspec explain` says of it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// Finds the option a name stands for.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

options! {
    AcceptConn "SO_ACCEPTCONN" Flag "whether the socket is listening (socket(7))"
    BindToDevice "SO_BINDTODEVICE" Device "send and receive through one device only (socket(7))"
    Broadcast "SO_BROADCAST" Flag "permission to send to a broadcast address (socket(7), udp(7))"
    DontRoute "SO_DONTROUTE" Flag "send only to hosts on a directly connected link (socket(7))"
    Error "SO_ERROR" Error "the pending error, cleared by reading it (socket(7))"
    KeepAlive "SO_KEEPALIVE" Flag "probe an idle connection (socket(7), RFC 9293 §3.8.4)"
    Linger "SO_LINGER" Linger "how long close may wait for unsent data; `0s` makes it a reset (socket(7))"
    OobInline "SO_OOBINLINE" Flag "urgent data stays in the stream (socket(7))"
    ReceiveBuffer "SO_RCVBUF" Number "size of the receive buffer in bytes; Linux doubles what is set (socket(7))"
    ReceiveLowWater "SO_RCVLOWAT" Number "bytes that make a receive return (socket(7))"
    ReceiveTimeout "SO_RCVTIMEO" Timeout "how long a receive may wait (socket(7))"
    ReuseAddress "SO_REUSEADDR" Flag "bind to an address that is in TIME_WAIT or shared (socket(7))"
    ReusePort "SO_REUSEPORT" Flag "several sockets bound to one address share its traffic (socket(7))"
    SendBuffer "SO_SNDBUF" Number "size of the send buffer in bytes; Linux doubles what is set (socket(7))"
    SendTimeout "SO_SNDTIMEO" Timeout "how long a send may wait (socket(7))"
    TcpCork "TCP_CORK" Flag "hold back partial segments (tcp(7))"
    TcpInfo "TCP_INFO" State "the state of the connection (tcp(7))"
    TcpKeepCount "TCP_KEEPCNT" Number "keepalive probes before the connection is given up (tcp(7))"
    TcpKeepIdle "TCP_KEEPIDLE" Seconds "idle time before the first keepalive probe (tcp(7))"
    TcpKeepInterval "TCP_KEEPINTVL" Seconds "time between keepalive probes (tcp(7))"
    TcpLinger2 "TCP_LINGER2" Seconds "how long an orphaned socket stays in FIN_WAIT2 (tcp(7))"
    TcpMaxSegment "TCP_MAXSEG" Number "largest segment in bytes (tcp(7))"
    TcpNoDelay "TCP_NODELAY" Flag "send at once, without Nagle's algorithm (tcp(7))"
    TcpQuickAck "TCP_QUICKACK" Flag "acknowledge at once (tcp(7))"
    TcpSynCount "TCP_SYNCNT" Number "SYN retransmissions before connect gives up (tcp(7))"
    TcpUserTimeout "TCP_USER_TIMEOUT" Milliseconds "how long sent data may stay unacknowledged (tcp(7), RFC 5482)"
    Unread "FIONREAD" Count "bytes that wait to be received; of a datagram socket those of the next datagram; an ioctl, read like an option (tcp(7), udp(7), unix(7))"
    IpReceiveError "IP_RECVERR" Flag "report ICMP errors of datagrams, IPv4 (ip(7))"
    Ipv6ReceiveError "IPV6_RECVERR" Flag "report ICMP errors of datagrams, IPv6 (ipv6(7))"
    IpTimeToLive "IP_TTL" Number "time to live of sent packets (ip(7))"
    Ipv6Only "IPV6_V6ONLY" Flag "an IPv6 socket does not carry IPv4 (ipv6(7))"
}

impl fmt::Display for SocketOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of a socket option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptionValue {
    /// A flag or a number; `on` is 1, `off` is 0.
    Number(i64),
    /// A time; zero means no limit for a timeout.
    Time(Duration),
    /// Lingering off, or on for a time.
    Linger(Option<Duration>),
    /// The device of a host on the link that it shares with another one.
    Device {
        /// Whose device.
        actor: ActorId,
        /// Who is on the link with it.
        neighbour: ActorId,
    },
    /// The pending error, if any.
    Error(Option<Errno>),
    /// The state of a connection.
    State(TcpState),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) | Self::Linger(Some(time)) => write!(f, "{time:?}"),
            Self::Linger(None) => f.write_str("off"),
            Self::Device { actor, neighbour } => {
                write!(f, "the device of host {} towards host {}", actor.index(), neighbour.index())
            }
            Self::Error(None) => f.write_str("0"),
            Self::Error(Some(errno)) => write!(f, "{errno}"),
            Self::State(state) => write!(f, "{state}"),
        }
    }
}

macro_rules! states {
    ($($variant:ident $name:literal)*) => {
        /// A state of a TCP connection (RFC 9293 §3.3.2), spelled as Linux does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum TcpState {
            $(#[doc = $name] #[serde(rename = $name)] $variant,)*
        }

        impl TcpState {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that stands in a scenario.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Finds the state a name stands for.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

states! {
    Established "ESTABLISHED"
    SynSent "SYN_SENT"
    SynReceived "SYN_RECV"
    FinWait1 "FIN_WAIT1"
    FinWait2 "FIN_WAIT2"
    TimeWait "TIME_WAIT"
    Close "CLOSE"
    CloseWait "CLOSE_WAIT"
    LastAck "LAST_ACK"
    Listen "LISTEN"
    Closing "CLOSING"
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

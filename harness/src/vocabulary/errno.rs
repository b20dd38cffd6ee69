use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! errnos {
    ($($name:ident $meaning:literal)*) => {
        /// The name of an error, as POSIX and the man pages spell it.
        ///
        /// Numbers differ between systems, names do not: only names stand here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Errno {
            $(#[doc = $meaning] $name,)*
            /// An error without a name here, by the number that the subject gave.
            Unnamed(i32),
        }

        impl Errno {
            /// Every named error.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name, or `None` for one known by number only.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    Self::Unnamed(_) => None,
                }
            }

            /// What `sockspec explain` says of it.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                    Self::Unnamed(_) => "an error without a name here",
                }
            }

            /// Finds the error a name stands for. `EWOULDBLOCK` is `EAGAIN`.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    "EWOULDBLOCK" => Some(Self::EAGAIN),
                    "ENOTSUP" => Some(Self::EOPNOTSUPP),
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EACCES "permission denied, such as sending to a broadcast address without SO_BROADCAST"
    EADDRINUSE "the address is taken"
    EADDRNOTAVAIL "the address is not one of this host, or no port is left"
    EAFNOSUPPORT "the address family does not fit the socket"
    EAGAIN "the call would have to wait, and was told not to, or no longer to"
    EALREADY "a connection attempt is already in progress"
    EBADF "the descriptor is not open"
    ECONNABORTED "the connection was aborted before it was accepted"
    ECONNREFUSED "nobody listens at the address"
    ECONNRESET "the connection was reset by the peer"
    EDESTADDRREQ "no destination address was given"
    EFAULT "a bad memory address was passed"
    EHOSTDOWN "the host is down"
    EHOSTUNREACH "there is no route to the host"
    EINPROGRESS "the connection is being made and will be finished later"
    EINTR "a signal interrupted the call"
    EINVAL "an argument, or the call in this state, is not valid"
    EIO "input or output failed"
    EISCONN "the socket is already connected"
    EMFILE "the process has too many open descriptors"
    EMSGSIZE "the message is too long"
    ENETDOWN "the network is down"
    ENETRESET "the network dropped the connection"
    ENETUNREACH "there is no route to the network"
    ENFILE "the system has too many open files"
    ENOBUFS "no buffer space is left"
    ENODEV "there is no such device"
    ENOENT "there is no such name"
    ENOMEM "no memory is left"
    ENOPROTOOPT "the option is not known at this level"
    ENOSYS "the call does not exist here"
    ENOTCONN "the socket is not connected"
    ENOTSOCK "the descriptor is not a socket"
    EOPNOTSUPP "the operation is not supported on this socket"
    EPERM "the operation is not permitted"
    EPIPE "the write half is shut down, or the peer is gone"
    EPROTO "a protocol error occurred"
    EPROTONOSUPPORT "the protocol is not supported"
    EPROTOTYPE "the socket has the wrong type"
    ESHUTDOWN "the write half was shut down by this side"
    ETIMEDOUT "the protocol gave up waiting for the peer"
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.write_str(name),
            (None, Self::Unnamed(number)) => write!(f, "errno {number}"),
            (None, _) => f.write_str("errno ?"),
        }
    }
}

impl Serialize for Errno {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unnamed(number) => serializer.serialize_i32(*number),
            named => serializer.serialize_str(named.name().unwrap_or_default()),
        }
    }
}

impl<'de> Deserialize<'de> for Errno {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i32),
            Name(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self::Unnamed(number)),
            Written::Name(name) => Self::from_name(&name)
                .ok_or_else(|| serde::de::Error::custom(format!("unknown errno `{name}`"))),
        }
    }
}

impl JsonSchema for Errno {
    fn schema_name() -> Cow<'static, str> {
        "Errno".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::ALL.iter().filter_map(|errno| errno.name()).collect();
        json_schema!({
            "description": "The name of an error, as POSIX and the man pages spell it, or the number of \
                            one without a name here.",
            "oneOf": [
                { "type": "string", "enum": names },
                { "type": "integer", "format": "int32" },
            ],
        })
    }
}

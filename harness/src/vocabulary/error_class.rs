use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Errno;

macro_rules! classes {
    ($($name:ident $word:literal $meaning:literal [$($errno:ident)*])*) => {
        /// A kind of error that implementations of sockets have in common, whatever they call it.
        ///
        /// Names of one class say the same of what happened, so that an implementation with other names
        /// than POSIX can be held to it.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum ErrorClass {
            $(#[doc = $meaning] $name,)*
        }

        impl ErrorClass {
            /// Every class.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word in the protocol of agents and in recordings.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What an error of this class says.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }

            /// The POSIX names of this class, the usual one first.
            pub const fn errnos(self) -> &'static [Errno] {
                match self {
                    $(Self::$name => &[$(Errno::$errno,)*],)*
                }
            }
        }

        impl Errno {
            /// What kind of error it is; `None` for one that says too little to be compared with others.
            pub const fn class(self) -> Option<ErrorClass> {
                match self {
                    $($(Self::$errno)|* => Some(ErrorClass::$name),)*
                    Self::EIO | Self::EPROTO | Self::Unnamed(_) => None,
                }
            }
        }
    };
}

classes! {
    Reset "reset"
        "the connection was torn down by the peer, by this side or by the network"
        [ECONNRESET ECONNABORTED ENETRESET]
    SendRefused "send-refused"
        "nothing more can be sent: the write half is shut down, or the connection is gone"
        [EPIPE ESHUTDOWN]
    TimedOut "timed-out"
        "the protocol gave up waiting for the peer"
        [ETIMEDOUT]
    Refused "refused"
        "nobody listens at the address"
        [ECONNREFUSED]
    Unreachable "unreachable"
        "no way leads to the address, or it is down"
        [EHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN]
    NotConnected "not-connected"
        "the socket has no peer, and none was given"
        [ENOTCONN EDESTADDRREQ]
    AlreadyConnected "already-connected"
        "the socket has a peer"
        [EISCONN]
    AlreadyConnecting "already-connecting"
        "an earlier attempt to connect still goes on"
        [EALREADY]
    WouldBlock "would-block"
        "it takes time, and the call was told not to wait"
        [EAGAIN EINPROGRESS]
    Interrupted "interrupted"
        "a signal or another thread interrupted the call"
        [EINTR]
    AddressInUse "address-in-use"
        "the address is taken"
        [EADDRINUSE]
    NotAvailable "not-available"
        "the address, device or name is not there"
        [EADDRNOTAVAIL ENODEV ENOENT]
    Permission "permission"
        "it is not permitted"
        [EACCES EPERM]
    Invalid "invalid"
        "an argument, or the call in this state, is not valid"
        [EINVAL EFAULT]
    Unsupported "unsupported"
        "the operation, option, protocol or family is not supported here"
        [EOPNOTSUPP ENOPROTOOPT ENOSYS EAFNOSUPPORT EPROTONOSUPPORT EPROTOTYPE]
    MessageTooLong "message-too-long"
        "the message is too long"
        [EMSGSIZE]
    NoResources "no-resources"
        "descriptors, buffers or memory are used up"
        [EMFILE ENFILE ENOBUFS ENOMEM]
    NotOpen "not-open"
        "the socket is closed, or none"
        [EBADF ENOTSOCK]
}

impl ErrorClass {
    /// Finds the class that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.word() == word)
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_class_that_lists_it() {
        let mut listed = 0;
        for class in ErrorClass::ALL {
            assert_eq!(ErrorClass::from_word(class.word()), Some(*class));
            assert_eq!(serde_json::json!(class), class.word());
            assert!(!class.errnos().is_empty(), "{class}");
            for errno in class.errnos() {
                assert_eq!(errno.class(), Some(*class), "{errno}");
                listed += 1;
            }
        }
        let classed = Errno::ALL.iter().filter(|errno| errno.class().is_some()).count();
        assert_eq!(classed, listed);
        assert_eq!(Errno::Unnamed(1).class(), None);
    }

    #[test]
    fn the_protocol_s_page_lists_each_class_with_its_names() {
        let page = include_str!("../../agents/README.md");
        for class in ErrorClass::ALL {
            let errnos: Vec<_> = class.errnos().iter().map(|errno| format!("`{errno}`")).collect();
            let row = format!("| `{class}` | {} | {} |", errnos.join(" "), class.meaning());
            assert!(page.contains(&row), "{row}");
        }
    }
}

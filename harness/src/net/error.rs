use std::io;
use std::time::Duration;

use super::Shape;

/// Why a network could not be made, leased or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The network needs more descriptors than the process may have open.
    #[error(
        "a network of {hosts} hosts does not fit: this process may have {most} hosts at a time, as \
         it may open {files} files; raise the limit with `ulimit -n {needed}`"
    )]
    TooFewFiles {
        /// The hosts of the network, its switch included.
        hosts: usize,
        /// The most hosts at a time.
        most: usize,
        /// The soft limit of open files.
        files: u64,
        /// The limit that would do.
        needed: u64,
    },
    /// The network has more hosts than a switch has ports.
    #[error(
        "a network of {hosts} hosts is too large: a switch connects {} at most",
        Shape::MOST_HOSTS
    )]
    TooManyHosts {
        /// How many were asked for.
        hosts: usize,
    },
    /// No network is to be made any more.
    #[error("no further network is made: the run was ended")]
    Closed,
    /// The network has no such host.
    #[error("there is no host {host} in a network of {hosts}")]
    NoSuchHost {
        /// Its position.
        host: usize,
        /// How many there are.
        hosts: usize,
    },
    /// Two hosts are on no link together.
    #[error("hosts {host} and {neighbour} share no link")]
    NoSharedLink {
        /// The position of one.
        host: usize,
        /// The position of the other.
        neighbour: usize,
    },
    /// The kernel refused a part of the work.
    #[error("cannot {what}: {source}")]
    Denied {
        /// What was to be done.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A setting of the kernel could not be written.
    #[error("cannot write {path}: {source}; a router needs it, so mount /proc/sys writable")]
    Setting {
        /// The file that stands for the setting.
        path: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Packets could not be dropped, or let through again.
    #[error(transparent)]
    Filter(#[from] super::FilterError),
    /// The kernel was asked, and the answer did not come.
    #[error("no answer within {waited:?} when asked to {what}")]
    Unanswered {
        /// What was to be done.
        what: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A link was brought up and still carries no packets.
    #[error("link {index} of host {host} is not up after {waited:?}")]
    NotUp {
        /// The host's position; the switch stands after the hosts.
        host: usize,
        /// The number of the interface within the host.
        index: u32,
        /// How long it was waited for.
        waited: Duration,
    },
}

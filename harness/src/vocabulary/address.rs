use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ActorId, PortId};

/// Where a socket is bound or a message goes, in a scenario's own words.
///
/// There is no way to write an address outside the hosts that a scenario makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The host or group of hosts.
    pub place: Place,
    /// The port on it.
    pub port: Port,
}

/// The host part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Every address of the own host (`INADDR_ANY`).
    Any,
    /// The limited broadcast address, 255.255.255.255 (RFC 919).
    Broadcast,
    /// The directed broadcast address of the own subnet (RFC 922).
    SubnetBroadcast,
    /// The directed broadcast address of the subnet that a host lives on.
    SubnetBroadcastOf(ActorId),
    /// The multicast address of all nodes on the link, ff02::1 (RFC 4291 §2.7.1).
    AllNodes,
    /// An address of the link that no host has; in IPv4 one that ends in 255.
    Nobody,
    /// The host an actor lives on.
    Actor(ActorId),
    /// The address that a host with several links has on the one it shares with another host.
    Beside {
        /// Whose address.
        actor: ActorId,
        /// On whose link.
        neighbour: ActorId,
    },
}

/// The port part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// None given: the system chooses one at bind, and any matches in an expectation.
    Unspecified,
    /// A name for a port that the harness picks, the same throughout the case.
    Symbol(PortId),
    /// The number itself.
    Number(u16),
}

/// A concrete socket address, as a subject binds, sends to or reports it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// An IPv4 or IPv6 address with its port.
    Inet(SocketAddr),
    /// An `AF_UNIX` name in the abstract namespace, without the leading NUL.
    Local(String),
    /// An `AF_UNIX` socket without a name.
    Unnamed,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Local(name) => write!(f, "@{name}"),
            Self::Unnamed => f.write_str("(unnamed)"),
        }
    }
}

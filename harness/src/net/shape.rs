/// How the hosts of a network are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// One host with nothing but its loopback interface.
    Alone,
    /// Two hosts on the two ends of one link.
    Pair,
    /// Several hosts on one link, through a switch.
    Lan {
        /// How many.
        hosts: usize,
    },
    /// Hosts 0 and 1 on a link each, with host 2 between them, which forwards and has both links:
    /// first the one to host 0, then the one to host 1.
    Routed,
}

impl Shape {
    /// The most hosts a network can have: a bridge has 1,024 ports.
    pub const MOST_HOSTS: usize = 1_000;

    /// How many hosts there are.
    pub const fn hosts(self) -> usize {
        match self {
            Self::Alone => 1,
            Self::Pair => 2,
            Self::Lan { hosts } => hosts,
            Self::Routed => 3,
        }
    }
}

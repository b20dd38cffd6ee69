use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The identity of a scenario: its path below the suite's root without `.scn`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ScenarioId(Arc<str>);

impl ScenarioId {
    /// Wraps the path of a scenario, `/` between folders and no ending.
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The area it belongs to: its first folder, or the whole id where there is none.
    pub fn area(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ScenarioId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a case: its scenario's id with its variant, as in
/// `halfclose/eof-after-all-data[tcp6,loopback]`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct CaseId(Arc<str>);

impl CaseId {
    /// Joins a scenario's id and the coordinates of a variant.
    pub fn new(scenario: &ScenarioId, coordinates: &[String]) -> Self {
        Self(format!("{scenario}[{}]", coordinates.join(",")).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(u16);

        impl $name {
            /// Wraps a position.
            ///
            /// # Panics
            /// When the position does not fit; a scenario's size limit keeps it far below.
            pub fn new(position: usize) -> Self {
                Self(u16::try_from(position).expect("a scenario names fewer than 65,536 things"))
            }

            /// The position in the case's table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// One party of a case, as a position in the case's table of actors.
    ActorId
    /// One socket of a case, as a position in the case's table of sockets.
    SocketId
    /// One symbolic port of a case, as a position in the case's table of ports.
    PortId
    /// One started step of a case, as a position in the case's table of tags.
    TagId
}

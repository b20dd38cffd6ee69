use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the errors of a subject are told by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorNames {
    /// By the names of POSIX: each must be the one that is expected.
    #[default]
    Exact,
    /// By their classes: each must be of the class of the one that is expected.
    Class,
}

impl ErrorNames {
    /// Whether they are the names of POSIX.
    pub fn is_exact(&self) -> bool {
        *self == Self::Exact
    }
}

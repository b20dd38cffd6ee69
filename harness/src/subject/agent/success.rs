use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Value;
use super::request::{as_words, from_words};
use super::value::{as_base64, from_base64};
use crate::vocabulary::{Endpoint, Readiness, Received};

/// What a call that succeeded gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Success {
    /// Nothing more.
    Nothing,
    /// So many bytes were sent.
    Count(u64),
    /// Bytes were received.
    Data {
        /// The bytes; in base64 on the line (RFC 4648 §4).
        #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
        #[schemars(with = "String")]
        bytes: Vec<u8>,
        /// Who sent them, where the call tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Endpoint>,
        /// Whether a datagram was cut to fit.
        #[serde(default)]
        truncated: bool,
    },
    /// Many bytes were received: the first of them, and a digest for each block.
    Received(Digest),
    /// The stream is at its end.
    EndOfStream,
    /// The socket is ready for this; on the line a list of words.
    #[serde(serialize_with = "as_words", deserialize_with = "from_words")]
    #[schemars(with = "Vec<String>")]
    Ready(Readiness),
    /// The option has this value.
    Value(Value),
    /// The socket, or its peer, has this name.
    Name(Endpoint),
    /// Nothing of the scenario is left, but for this.
    Reset {
        /// What could not be given back, for a person to read.
        leaks: Vec<String>,
    },
}

/// Many bytes: the first of them, and of the rest what they can be compared by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// How many there were.
    pub length: u64,
    /// The first 4,096; in base64 on the line.
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    #[schemars(with = "String")]
    pub head: Vec<u8>,
    /// FNV-1a with 64 bits for each 16 KiB, as 16 hexadecimal digits; none where the head is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<String>,
    /// Who sent them, where the call tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Endpoint>,
    /// Whether a datagram was cut to fit.
    #[serde(default)]
    pub truncated: bool,
}

impl Digest {
    /// The bytes that it stands for; `None` where it cannot be of any.
    pub(super) fn received(self) -> Option<Received> {
        let blocks: Option<Vec<u64>> =
            self.blocks.iter().map(|block| u64::from_str_radix(block, 16).ok()).collect();
        Received::digested(self.head, self.length, blocks?)
    }
}

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::vocabulary::{Endpoint, OptionValue, Readiness};

/// What a call that succeeded gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        bytes: Vec<u8>,
        /// Who sent them, where the call tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Endpoint>,
        /// Whether a datagram was cut to fit.
        #[serde(default)]
        truncated: bool,
    },
    /// The stream is at its end.
    EndOfStream,
    /// The socket is ready for this; on the line a list of words.
    #[serde(serialize_with = "as_words", deserialize_with = "from_words")]
    Ready(Readiness),
    /// The option has this value.
    Value(OptionValue),
    /// The socket, or its peer, has this name.
    Name(Endpoint),
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text.as_bytes()).map_err(|error| de::Error::custom(format!("base64: {error}")))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field so")]
fn as_words<S: Serializer>(readiness: &Readiness, serializer: S) -> Result<S::Ok, S::Error> {
    let set = Readiness::WORDS.into_iter().filter(|(flag, _)| readiness.contains(*flag));
    serializer.collect_seq(set.map(|(_, word)| word))
}

fn from_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Readiness, D::Error> {
    let mut readiness = Readiness::NONE;
    for word in Vec::<String>::deserialize(deserializer)? {
        readiness |= Readiness::from_word(&word)
            .ok_or_else(|| de::Error::custom(format!("unknown readiness `{word}`")))?;
    }
    Ok(readiness)
}

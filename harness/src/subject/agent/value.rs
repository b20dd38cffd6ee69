use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::vocabulary::{Errno, OptionValue, Payload, TcpState};

/// The value of a socket option, as it is written between an agent and the harness: times are whole
/// nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// A flag or a number.
    Number(i64),
    /// A time.
    Time(u64),
    /// Lingering off, or on for a time.
    Linger(Option<u64>),
    /// A device, by its name.
    Device(String),
    /// The pending error, if any.
    Error(Option<Errno>),
    /// The state of a connection.
    State(TcpState),
}

impl Value {
    /// A value as it is written; that of a device has its name beside it.
    pub(super) fn of(value: OptionValue, device: Option<String>) -> Self {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        match value {
            OptionValue::Number(number) => Self::Number(number),
            OptionValue::Time(time) => Self::Time(nanoseconds(time)),
            OptionValue::Linger(time) => Self::Linger(time.map(nanoseconds)),
            OptionValue::Device { .. } => Self::Device(device.unwrap_or_default()),
            OptionValue::Error(errno) => Self::Error(errno),
            OptionValue::State(state) => Self::State(state),
        }
    }

    /// The value that is written so; `None` for a device, which is never read back.
    pub(super) fn value(&self) -> Option<OptionValue> {
        Some(match self {
            Self::Number(number) => OptionValue::Number(*number),
            Self::Time(time) => OptionValue::Time(Duration::from_nanos(*time)),
            Self::Linger(time) => OptionValue::Linger(time.map(Duration::from_nanos)),
            Self::Error(errno) => OptionValue::Error(*errno),
            Self::State(state) => OptionValue::State(*state),
            Self::Device(_) => return None,
        })
    }
}

/// Bytes to be sent: as they are, in base64 on the line (RFC 4648 §4), or generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// These.
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    #[schemars(with = "String")]
    Bytes(Arc<[u8]>),
    /// The first bytes of a stream: block k of eight is `SplitMix64` of the seed, k + 1 steps on.
    Generated {
        /// How many bytes.
        length: u64,
        /// Which stream.
        seed: u64,
    },
}

impl From<&Payload> for Data {
    fn from(payload: &Payload) -> Self {
        match payload {
            Payload::Literal(bytes) => Self::Bytes(Arc::clone(bytes)),
            Payload::Generated { length, seed } => Self::Generated { length: *length, seed: *seed },
        }
    }
}

impl From<Data> for Payload {
    fn from(data: Data) -> Self {
        match data {
            Data::Bytes(bytes) => Self::Literal(bytes),
            Data::Generated { length, seed } => Self::Generated { length, seed },
        }
    }
}

pub(super) fn as_base64<S: Serializer>(
    bytes: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes.as_ref()))
}

pub(super) fn from_base64<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = BASE64.decode(text.as_bytes());
    bytes.map(T::from).map_err(|error| de::Error::custom(format!("base64: {error}")))
}

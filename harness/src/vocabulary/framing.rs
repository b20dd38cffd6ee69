use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to send messages of any length over a stream: how the end of each is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// A terminator behind each message, which must not hold it.
    Terminator(Terminator),
    /// A terminator behind each message, with a backslash before it (and before itself) inside.
    Escaped(Terminator),
    /// Each message in base64 (RFC 4648 §4), then a terminator.
    Base64(Terminator),
    /// A byte that the message does not hold, the message, and that byte again.
    Announced,
    /// A fixed number of decimal digits, then as many bytes as they say.
    AsciiLength {
        /// How many digits, from 1 to 20.
        digits: u8,
        /// What fills the places before the number.
        padding: Padding,
    },
    /// An unsigned integer of a fixed width, then as many bytes as it says.
    BinaryLength {
        /// The integer's width.
        width: Width,
        /// The order of its bytes.
        order: ByteOrder,
    },
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])* $variant:ident $word:literal)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that stands in a scenario.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Finds what a word names.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// The byte behind a message.
    Terminator {
        /// Line feed, 0x0a.
        Newline "newline"
        /// The byte 0.
        Nul "nul"
    }
}

words! {
    /// What fills the places before a decimal number.
    Padding {
        /// The digit 0.
        Zeros "zeros"
        /// Blanks (0x20); then the number itself has no leading zero.
        Spaces "spaces"
    }
}

words! {
    /// The width of a binary number.
    Width {
        /// One byte.
        U8 "u8"
        /// Two bytes.
        U16 "u16"
        /// Three bytes.
        U24 "u24"
        /// Four bytes.
        U32 "u32"
        /// Eight bytes.
        U64 "u64"
    }
}

words! {
    /// The order of the bytes of a number.
    ByteOrder {
        /// The most significant byte first, as in the network.
        Big "big"
        /// The least significant byte first.
        Little "little"
    }
}

words! {
    /// What is wrong with a message or with the bytes that should have been one.
    FrameFault {
        /// The stream ended within a frame.
        Truncated "truncated"
        /// A frame, or a message to be sent, is larger than the limit.
        TooLong "too-long"
        /// Bytes that no encoder of this framing writes.
        Malformed "malformed"
        /// The framing has no way to write this message.
        Unencodable "unencodable"
    }
}

impl FrameFault {
    /// Whether it can be wrong with a message that is to be sent.
    pub const fn is_of_message(self) -> bool {
        matches!(self, Self::TooLong | Self::Unencodable)
    }

    /// Whether it can be wrong with what is received.
    pub const fn is_of_stream(self) -> bool {
        matches!(self, Self::Truncated | Self::TooLong | Self::Malformed)
    }
}

impl Terminator {
    /// The byte itself.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Newline => b'\n',
            Self::Nul => 0,
        }
    }
}

impl Padding {
    /// The byte that fills a place.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Zeros => b'0',
            Self::Spaces => b' ',
        }
    }
}

impl Width {
    /// How many bytes it is.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U24 => 3,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }

    /// The largest number that fits.
    pub const fn largest(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

impl Framing {
    /// The words that name a framing, each with what can stand behind it.
    pub const FORMS: [(&'static str, &'static str); 6] = [
        ("terminator", "terminator [newline|nul]"),
        ("escaped", "escaped [newline|nul]"),
        ("base64", "base64 [newline|nul]"),
        ("announced", "announced"),
        ("ascii-length", "ascii-length DIGITS [zeros|spaces]"),
        ("binary-length", "binary-length u8|u16|u24|u32|u64 [big|little]"),
    ];

    /// The most digits of a decimal length: as many as the largest number of 64 bits has.
    pub const MOST_DIGITS: u8 = 20;

    /// Every framing, with 1, 4 and 8 digits for the decimal lengths.
    pub fn every() -> Vec<Self> {
        let mut every = Vec::new();
        for terminator in Terminator::ALL {
            every.extend([
                Self::Terminator(*terminator),
                Self::Escaped(*terminator),
                Self::Base64(*terminator),
            ]);
        }
        every.push(Self::Announced);
        for padding in Padding::ALL {
            for digits in [1, 4, 8] {
                every.push(Self::AsciiLength { digits, padding: *padding });
            }
        }
        for order in ByteOrder::ALL {
            every.extend(
                Width::ALL.iter().map(|width| Self::BinaryLength { width: *width, order: *order }),
            );
        }
        every
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminator(terminator) => write!(f, "terminator {terminator}"),
            Self::Escaped(terminator) => write!(f, "escaped {terminator}"),
            Self::Base64(terminator) => write!(f, "base64 {terminator}"),
            Self::Announced => f.write_str("announced"),
            Self::AsciiLength { digits, padding } => write!(f, "ascii-length {digits} {padding}"),
            Self::BinaryLength { width, order } => write!(f, "binary-length {width} {order}"),
        }
    }
}

/// A text that names no framing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFraming {
    /// The first word is none of the framings.
    #[error("there is no framing `{word}`: expected one of {}", first_words())]
    Name {
        /// The word.
        word: String,
    },
    /// A word behind the first cannot stand there, or one is missing.
    #[error("`{word}` cannot stand behind `{name}`: expected `{form}`")]
    Parameter {
        /// The framing.
        name: &'static str,
        /// The word; empty where one is missing.
        word: String,
        /// How it is written.
        form: &'static str,
    },
}

fn first_words() -> String {
    Framing::FORMS.map(|(word, _)| format!("`{word}`")).join(", ")
}

/// Reads what stands in a scenario's header, without the limit.
impl FromStr for Framing {
    type Err = UnknownFraming;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let Some((name, form)) = Self::FORMS.into_iter().find(|(word, _)| *word == first) else {
            return Err(UnknownFraming::Name { word: first.to_owned() });
        };
        let wrong = |word: &str| UnknownFraming::Parameter { name, word: word.to_owned(), form };
        let (one, two) = (words.next(), words.next());
        if let Some(extra) = words.next() {
            return Err(wrong(extra));
        }
        let alone = |framing: Self| two.map_or(Ok(framing), |extra| Err(wrong(extra)));
        let terminator = || match one {
            None => Ok(Terminator::Newline),
            Some(word) => Terminator::from_word(word).ok_or_else(|| wrong(word)),
        };
        match name {
            "terminator" => alone(Self::Terminator(terminator()?)),
            "escaped" => alone(Self::Escaped(terminator()?)),
            "base64" => alone(Self::Base64(terminator()?)),
            "announced" => one.map_or(Ok(Self::Announced), |extra| Err(wrong(extra))),
            "ascii-length" => {
                let word = one.unwrap_or_default();
                let digits = word.parse().ok().filter(|digits| is_digit_count(*digits));
                let padding = match two {
                    None => Padding::Zeros,
                    Some(word) => Padding::from_word(word).ok_or_else(|| wrong(word))?,
                };
                Ok(Self::AsciiLength { digits: digits.ok_or_else(|| wrong(word))?, padding })
            }
            _ => {
                let word = one.unwrap_or_default();
                let width = Width::from_word(word).ok_or_else(|| wrong(word))?;
                let order = match two {
                    None => ByteOrder::Big,
                    Some(word) => ByteOrder::from_word(word).ok_or_else(|| wrong(word))?,
                };
                Ok(Self::BinaryLength { width, order })
            }
        }
    }
}

fn is_digit_count(digits: u8) -> bool {
    (1..=Framing::MOST_DIGITS).contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for framing in Framing::every() {
            assert_eq!(framing.to_string().parse(), Ok(framing));
        }
    }

    #[test]
    fn the_usual_parameter_can_be_left_out() {
        let read = |text: &str| text.parse::<Framing>().expect("it is a framing").to_string();
        assert_eq!(read("terminator"), "terminator newline");
        assert_eq!(read("ascii-length 8"), "ascii-length 8 zeros");
        assert_eq!(read("  binary-length  u24 "), "binary-length u24 big");
    }

    #[test]
    fn what_names_no_framing_is_told_with_its_form() {
        for (text, told) in [
            ("", "there is no framing ``"),
            ("lines", "there is no framing `lines`: expected one of `terminator`, `escaped`"),
            ("terminator tab", "`tab` cannot stand behind `terminator`"),
            ("announced nul", "`nul` cannot stand behind `announced`: expected `announced`"),
            ("ascii-length", "expected `ascii-length DIGITS [zeros|spaces]`"),
            ("ascii-length 0", "`0` cannot stand behind `ascii-length`"),
            ("ascii-length 21", "`21` cannot"),
            ("ascii-length 8 blanks", "`blanks` cannot"),
            ("binary-length", "`` cannot stand behind `binary-length`"),
            ("binary-length u48", "`u48` cannot"),
            ("binary-length u32 middle", "`middle` cannot"),
            ("binary-length u32 big x", "`x` cannot"),
            ("base64 newline nul", "`nul` cannot"),
        ] {
            let error = text.parse::<Framing>().expect_err(text).to_string();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_width_holds_what_its_bytes_hold() {
        assert_eq!(Width::U8.largest(), 255);
        assert_eq!(Width::U24.largest(), 0xFF_FFFF);
        assert_eq!(Width::U64.largest(), u64::MAX);
    }
}

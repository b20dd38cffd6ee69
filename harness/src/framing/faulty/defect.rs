use super::announced::AnnouncedDefect;
use super::ascii_length::AsciiLengthDefect;
use super::base64::Base64Defect;
use super::binary_length::BinaryLengthDefect;
use super::encoder::EncoderDefect;
use super::escaped::EscapedDefect;
use super::inbox::InboxDefect;
use super::shell::ShellDefect;
use super::terminator::TerminatorDefect;
use crate::framing::laws::Law;
use crate::vocabulary::Framing;

#[cfg(not(any(test, fuzzing, debug_assertions)))]
compile_error!("the feature `faulty` is for tests and fuzzing: no release build may contain it");

/// What can be wrong with a faulty codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// With any framer.
    Shell(ShellDefect),
    /// With the framer of terminators.
    Terminator(TerminatorDefect),
    /// With the framer of escapes.
    Escaped(EscapedDefect),
    /// With the framer of base64.
    Base64(Base64Defect),
    /// With the framer of announced terminators.
    Announced(AnnouncedDefect),
    /// With the framer of decimal lengths.
    AsciiLength(AsciiLengthDefect),
    /// With the framer of binary lengths.
    BinaryLength(BinaryLengthDefect),
    /// With an encoder.
    Encoder(EncoderDefect),
    /// With what keeps the unread bytes.
    Inbox(InboxDefect),
}

/// A codec with one planted defect.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its name: the framing, or what it is, and then the defect.
    pub name: String,
    /// The class of the defect, from 1 to 16.
    pub class: u8,
    /// The framing that it gets wrong.
    pub framing: Framing,
    /// The defect.
    pub defect: Defect,
    /// What it does.
    pub about: &'static str,
    /// The laws by which it may be found first.
    pub laws: &'static [Law],
}

/// Every mutant there is.
pub fn all() -> Vec<Mutant> {
    let mut all = Vec::new();
    for framing in super::shell::FRAMINGS {
        all.extend(ShellDefect::mutants(framing));
    }
    all.extend(TerminatorDefect::mutants());
    all.extend(EscapedDefect::mutants());
    all.extend(Base64Defect::mutants());
    all.extend(AnnouncedDefect::mutants());
    all.extend(AsciiLengthDefect::mutants());
    all.extend(BinaryLengthDefect::mutants());
    all.extend(EncoderDefect::mutants());
    all.extend(InboxDefect::mutants());
    all
}

/// Makes an enum of defects and their mutants: name, class, framing, the laws that find it, and what
/// it does.
macro_rules! defects {
    ($(#[$meta:meta])* $name:ident $kind:ident $prefix:literal {
        $($variant:ident $class:literal $framing:expr, [$($law:ident)+] $about:literal)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $about] $variant,)*
        }

        impl $name {
            /// One mutant for each.
            pub(super) fn mutants() -> Vec<crate::framing::faulty::Mutant> {
                vec![$(crate::framing::faulty::Mutant {
                    name: crate::framing::faulty::defect::name($prefix, stringify!($variant)),
                    class: $class,
                    framing: $framing,
                    defect: crate::framing::faulty::Defect::$kind(Self::$variant),
                    about: $about,
                    laws: &[$(crate::framing::laws::Law::$law),+],
                }),*]
            }
        }
    };
}

pub(super) use defects;

/// `Prefix` and the words of an identifier, as a name that can be typed.
pub(super) fn name(prefix: &str, identifier: &str) -> String {
    let mut name = prefix.to_owned();
    for (at, letter) in identifier.char_indices() {
        if letter.is_uppercase() {
            name.push(if at == 0 { '/' } else { '-' });
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

use super::announced::AnnouncedCore;
use super::ascii_length::AsciiLengthCore;
use super::base64::Base64Core;
use super::binary_length::BinaryLengthCore;
use super::encoder::FaultyEncoder;
use super::escaped::EscapedCore;
use super::inbox::FaultyInbox;
use super::shell::{Core, Shell};
use super::terminator::TerminatorCore;
use super::{Defect, Mutant};
use crate::framing::laws::{self, Broken, Meter, Script};
use crate::framing::{Decoder, Framed, Framer};
use crate::vocabulary::Framing;

/// Which part of a codec is held against the laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The framer.
    Framer,
    /// The encoder, with the stream as its message.
    Encoder,
    /// What keeps the unread bytes.
    Inbox,
}

impl Mutant {
    /// The part that its defect is in.
    pub const fn part(&self) -> Part {
        match self.defect {
            Defect::Encoder(_) => Part::Encoder,
            Defect::Inbox(_) => Part::Inbox,
            _ => Part::Framer,
        }
    }

    /// Holds it against the laws.
    ///
    /// # Errors
    /// The first law that does not hold: the defect is found.
    pub fn hold(&self, script: &Script<'_>, meter: Meter<'_>) -> Result<(), Broken> {
        hold(self.framing, self.part(), Some(self.defect), script, meter)
    }

    /// Its framer, with what keeps the unread bytes; the defect is in either. Of an encoder both are
    /// without any.
    pub fn decoder(&self, limit: usize) -> Box<dyn Decoder> {
        let framer = framer(self.framing, limit, Some(self.defect));
        match self.defect {
            Defect::Inbox(defect) => Box::new(FaultyInbox::new(framer, Some(defect))),
            _ => Box::new(Framed::new(framer)),
        }
    }
}

/// Holds a part of this module's codec of a framing against the laws; without a defect they hold.
///
/// # Errors
/// The first law that does not hold.
pub fn hold(
    framing: Framing,
    part: Part,
    defect: Option<Defect>,
    script: &Script<'_>,
    meter: Meter<'_>,
) -> Result<(), Broken> {
    match part {
        Part::Framer => laws::hold(framing, |limit| framer(framing, limit, defect), script, meter),
        Part::Encoder => {
            let defect = match defect {
                Some(Defect::Encoder(defect)) => Some(defect),
                _ => None,
            };
            let encoder = FaultyEncoder::new(framing, script.limit, defect);
            laws::encoder(framing, &encoder, script.limit, script.stream)
        }
        Part::Inbox => {
            let defect = match defect {
                Some(Defect::Inbox(defect)) => Some(defect),
                _ => None,
            };
            let inbox = FaultyInbox::new(framer(framing, script.limit, None), defect);
            let expected = crate::framing::naive::read(framing, script.limit, script.stream);
            laws::keeper(inbox, script.stream, script.sizes(), &expected)
        }
    }
}

/// A framer of this module, with a defect if it is one of that framing's.
fn framer(framing: Framing, limit: usize, defect: Option<Defect>) -> Box<dyn Framer + Send> {
    let of_shell = match defect {
        Some(Defect::Shell(defect)) => Some(defect),
        _ => None,
    };
    macro_rules! defect_of {
        ($kind:ident) => {
            match defect {
                Some(Defect::$kind(defect)) => Some(defect),
                _ => None,
            }
        };
    }
    match framing {
        Framing::Terminator(terminator) => {
            let core = TerminatorCore::new(terminator, limit, defect_of!(Terminator));
            boxed(Shell::new(core, of_shell))
        }
        Framing::Escaped(terminator) => {
            let core = EscapedCore::new(terminator, limit, defect_of!(Escaped));
            boxed(Shell::new(core, of_shell))
        }
        Framing::Base64(terminator) => {
            let core = Base64Core::new(terminator, limit, defect_of!(Base64));
            boxed(Shell::new(core, of_shell))
        }
        Framing::Announced => {
            boxed(Shell::new(AnnouncedCore::new(limit, defect_of!(Announced)), of_shell))
        }
        Framing::AsciiLength { digits, padding } => {
            let core = AsciiLengthCore::new(digits, padding, limit, defect_of!(AsciiLength));
            boxed(Shell::new(core, of_shell))
        }
        Framing::BinaryLength { width, order } => {
            let core = BinaryLengthCore::new(width, order, limit, defect_of!(BinaryLength));
            boxed(Shell::new(core, of_shell))
        }
    }
}

fn boxed(shell: Shell<impl Core + Send + 'static>) -> Box<dyn Framer + Send> {
    Box::new(shell)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use super::super::{ShellDefect, all};
    use super::*;
    use crate::framing::laws::{Law, Made, Streams};
    use crate::framing::{encoder, naive};

    /// How many streams are made up to find a defect.
    const STREAMS: usize = 4_000;

    fn metered(call: &mut dyn FnMut()) -> u64 {
        allocation_counter::measure(call).bytes_max
    }

    /// Streams, and for an encoder messages: those at which the width of a header ends are too large
    /// to be made up again and again.
    fn streams(framing: Framing, part: Part) -> impl Iterator<Item = Made> {
        let edges = [9, 10, 255, 256, 9_999, 10_000, 65_535, 65_536];
        let edges = edges.into_iter().filter(move |_| part == Part::Encoder);
        let message = |length| Made::new(vec![b'x'; length], 1 << 20, vec![1]);
        edges.map(message).chain(Streams::new(framing, 1).take(STREAMS))
    }

    /// Each mutant with the law that found it first, and by how many streams.
    #[test]
    fn every_mutant_is_found() {
        let mut table = String::new();
        let mut laws = BTreeSet::new();
        let mut classes = BTreeSet::new();
        let mut wrong = Vec::new();
        for mutant in all() {
            let found = streams(mutant.framing, mutant.part())
                .find_map(|made| mutant.hold(&made.script(), &metered).err());
            let name = &mutant.name;
            let Some(broken) = found else {
                wrong.push(format!("{name} holds every law"));
                continue;
            };
            if !mutant.laws.contains(&broken.law) {
                wrong.push(format!("{name}: {broken}"));
            }
            laws.insert(broken.law);
            classes.insert(mutant.class);
            let _ = writeln!(
                table,
                "{:>2}  {name:<39} {:<12}  {}: {}",
                mutant.class, broken.law, mutant.framing, mutant.about
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(laws.len(), Law::ALL.len(), "some law finds nothing: {laws:?}");
        assert_eq!(classes, (1..=16).collect());
        insta::assert_snapshot!(table);
    }

    #[test]
    fn without_a_defect_every_law_holds() {
        let mut seen = Vec::new();
        for mutant in all() {
            let which = (mutant.framing, mutant.part());
            if seen.contains(&which) {
                continue;
            }
            seen.push(which);
            for made in streams(mutant.framing, mutant.part()).take(200) {
                hold(mutant.framing, mutant.part(), None, &made.script(), &metered)
                    .unwrap_or_else(|broken| panic!("{which:?}, {}: {broken}", made.limit));
            }
        }
    }

    /// What can be seen in the messages alone is found by the laws of decoders of any kind.
    #[test]
    fn what_shows_in_the_messages_is_found_from_outside() {
        let of_positions = [Law::Progress, Law::Hint, Law::Cost, Law::Memory, Law::Stall];
        let mut wrong = Vec::new();
        for mutant in all() {
            let is_inside = mutant.laws.iter().any(|law| of_positions.contains(law))
                || mutant.defect == Defect::Shell(ShellDefect::ErrorMoves);
            if is_inside || mutant.part() != Part::Framer {
                continue;
            }
            let found = streams(mutant.framing, Part::Framer).any(|made| {
                let make = || mutant.decoder(made.limit);
                let expected = naive::read(mutant.framing, made.limit, &made.stream);
                laws::decoder(make, &made.stream, &made.sizes, Some(&expected)).is_err()
            });
            if !found {
                wrong.push(mutant.name);
            }
        }
        assert!(wrong.is_empty(), "{wrong:?} hold every law");
    }

    /// Each law of decoders finds something by itself, where nothing says what must come out.
    #[test]
    fn each_law_of_decoders_can_fail() {
        for (name, law) in [
            ("inbox/rest-is-lost", Law::Chunks),
            ("terminator/search-behind-the-edge", Law::Chunks),
            ("inbox/nothing-is-the-end", Law::Stall),
            ("base64/resumes", Law::Sticky),
            ("terminator/part-is-given", Law::Truncation),
            ("announced/part-is-dropped", Law::Truncation),
            ("escaped/keeps-the-message", Law::Conservation),
        ] {
            let mutant = all().into_iter().find(|mutant| mutant.name == name).expect(name);
            let is_found = streams(mutant.framing, Part::Framer).any(|made| {
                let make = || mutant.decoder(made.limit);
                let held = laws::decoder(make, &made.stream, &made.sizes, None);
                held.is_err_and(|broken| broken.law == law)
            });
            assert!(is_found, "{name} holds the law `{law}`");
        }
        let mutant = all().into_iter().find(|mutant| mutant.name == "escaped/looks-one-byte-back");
        let mutant = mutant.expect("there is one");
        let encoder = encoder(mutant.framing, 8);
        let held = laws::round_trip(|| mutant.decoder(8), &encoder, &[b"a\\"], &[]);
        assert_eq!(held.expect_err("it is found").law, Law::RoundTrip);
    }
}

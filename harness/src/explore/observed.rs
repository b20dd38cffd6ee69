use super::Finding;
use super::checks::{Checks, Wrong, replay};
use super::decoder::Session;
use crate::framing::Refusal;
use crate::framing::laws::{self, Law};
use crate::framing::naive::Reading;

/// One way to read a stream, and what came of it: two of them side by side show what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which way.
    pub how: &'static str,
    /// The messages, in order.
    pub messages: Vec<Vec<u8>>,
    /// Whether the stream was read to its end, or why not.
    pub end: Result<(), Refusal>,
}

impl Observed {
    fn new<E: Into<Refusal>>(how: &'static str, reading: Reading<E>) -> Self {
        Self { how, messages: reading.messages, end: reading.end.map_err(Into::into) }
    }
}

/// Reads the stream of a finding in the ways that differ, once more.
pub fn observe(session: &Session, checks: &Checks, finding: &Finding) -> Vec<Observed> {
    let Wrong::Law(broken, _) = &finding.wrong else { return Vec::new() };
    if !finding.repeats {
        return Vec::new();
    }
    let case = &finding.case;
    let read = |how, stream: &[u8], sizes: &[usize]| {
        let reading = laws::read(&mut session.stream(), stream, sizes);
        // A program that answers no more has been found out already.
        session.mishap().is_none().then(|| Observed::new(how, reading))
    };
    let whole = || read("all at once", case.stream(), &[]);
    let seen = match broken.law {
        Law::Model => {
            let expected = checks.expected(case.stream());
            [
                expected.map(|expected| Observed::new("expected", expected)),
                read("given", case.stream(), &[]),
            ]
        }
        Law::Chunks => [whole(), read("in chunks", case.stream(), case.sizes())],
        Law::Truncation if broken.stream.len() < case.stream().len() => {
            [whole(), read("cut short", &broken.stream, &[])]
        }
        Law::Truncation => {
            let parts = (1..case.stream().len()).rev().map(|end| &case.stream()[..end]);
            let mut read_parts = parts.filter_map(|part| read("cut short", part, &[]));
            [whole(), read_parts.find(|part| part.end.is_ok())]
        }
        Law::Conservation => {
            [read("once", case.stream(), &[]), read("twice", &broken.stream, &broken.sizes)]
        }
        Law::Sticky => {
            let reading = replay(session, case).ok().and_then(Result::ok);
            [reading.map(|reading| Observed::new("in chunks", reading)), None]
        }
        _ => [whole(), None],
    };
    seen.into_iter().flatten().collect()
}

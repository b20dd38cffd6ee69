use super::Case;
use super::decoder::{Mishap, MishapKind, Session, StartError};
use crate::framing::laws::{self, Broken, Law};
use crate::framing::naive::{self, Reading};
use crate::framing::{Decoder as _, FrameError, Refusal};
use crate::vocabulary::Framing;

/// The laws that a decoder is held against.
#[derive(Clone, Debug)]
pub struct Checks {
    laws: Vec<Law>,
    framing: Option<(Framing, usize)>,
}

/// What a decoder did wrong, and with which stream.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// It broke a law with this case.
    Law(Broken, Case),
    /// It did not answer, or not in the protocol, at the end of this case.
    Mishap(Mishap, Case),
}

impl Checks {
    /// The laws that can be asked of a decoder from outside, in the order in which they are held.
    pub const LAWS: [Law; 6] =
        [Law::Model, Law::Chunks, Law::Stall, Law::Sticky, Law::Truncation, Law::Conservation];

    /// These laws, or those of them that can be held: without a framing, nothing is known of what a
    /// stream means.
    pub fn new(laws: &[Law], framing: Option<(Framing, usize)>) -> Self {
        let can = |law: &&Law| framing.is_some() || **law != Law::Model;
        Self { laws: laws.iter().filter(can).copied().collect(), framing }
    }

    /// The laws that are held.
    pub fn laws(&self) -> &[Law] {
        &self.laws
    }

    /// What must come out of a stream, where its framing is known.
    pub fn expected(&self, stream: &[u8]) -> Option<Reading<FrameError>> {
        self.framing.map(|(framing, limit)| naive::read(framing, limit, stream))
    }

    /// Holds every law with a stream that is cut in each of these ways, up to the first that is
    /// broken.
    ///
    /// # Errors
    /// When the program cannot be started again.
    pub fn hold(&self, session: &Session, ways: &[Case]) -> Result<Option<Wrong>, StartError> {
        for law in &self.laws {
            // Only how a stream is read in chunks depends on all of them.
            let most = if *law == Law::Chunks { ways.len() } else { 1 };
            for case in ways.iter().take(most) {
                if let Some(wrong) = self.hold_one(session, *law, case)? {
                    return Ok(Some(wrong));
                }
            }
        }
        Ok(None)
    }

    /// Holds one law with one stream that is cut in one way.
    ///
    /// # Errors
    /// When the program cannot be started again.
    pub fn hold_one(
        &self,
        session: &Session,
        law: Law,
        case: &Case,
    ) -> Result<Option<Wrong>, StartError> {
        let make = || session.stream();
        let (stream, sizes) = (case.stream(), case.sizes());
        let whole = || laws::read(&mut session.stream(), stream, &[]);
        let held = match (law, self.expected(stream)) {
            (Law::Model, Some(expected)) => laws::model(&whole(), stream, &expected),
            (Law::Chunks, _) => laws::cut(make, stream, sizes, &whole()),
            (Law::Stall, _) => laws::stalls(make, stream, sizes, &whole()),
            (Law::Sticky, _) => laws::sticky(make, stream, sizes),
            (Law::Truncation, _) => laws::truncation(make, stream, &whole()),
            (Law::Conservation, _) => laws::conservation(make, stream, stream),
            _ => Ok(()),
        };
        // What the law says of a stream that was not answered means nothing.
        if let Some(wrong) = unanswered(session)? {
            return Ok(Some(wrong));
        }
        Ok(held.err().map(|broken| Wrong::Law(broken, case.clone())))
    }
}

impl Wrong {
    /// The case that shows it.
    pub const fn case(&self) -> &Case {
        let (Self::Law(_, case) | Self::Mishap(_, case)) = self;
        case
    }

    /// Whether it is that no answer came.
    pub const fn is_hang(&self) -> bool {
        matches!(self, Self::Mishap(Mishap { kind: MishapKind::Hang(_), .. }, _))
    }

    /// Whether another is the same, with another stream.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Law(one, _), Self::Law(other, _)) => one.law == other.law,
            (Self::Mishap(one, _), Self::Mishap(other, _)) => one.kind.word() == other.kind.word(),
            _ => false,
        }
    }
}

/// Gives a program all chunks of a case whatever it answers, and then the end, twice where that is
/// refused. Returns what it answered up to the first refusal.
///
/// # Errors
/// When the program cannot be started again.
pub fn replay(
    session: &Session,
    case: &Case,
) -> Result<Result<Reading<Refusal>, Wrong>, StartError> {
    let mut stream = session.stream();
    let mut reading = Reading { messages: Vec::new(), end: Ok(()) };
    for chunk in case.chunks() {
        let answer = stream.decode(chunk, false, &mut reading.messages);
        reading.end = reading.end.and(answer);
    }
    let answer = stream.decode(&[], true, &mut reading.messages);
    if answer.is_err() {
        let _ = stream.decode(&[], true, &mut reading.messages);
    }
    reading.end = reading.end.and(answer);
    Ok(match unanswered(session)? {
        Some(wrong) => Err(wrong),
        None => Ok(reading),
    })
}

/// Whether the program answered what it was asked.
fn unanswered(session: &Session) -> Result<Option<Wrong>, StartError> {
    match session.broken() {
        Some(error) => Err(error),
        None => Ok(session.mishap().map(|(mishap, case)| Wrong::Mishap(mishap, case))),
    }
}

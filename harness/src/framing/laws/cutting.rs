use super::broken::Quoted;
use super::decoding::SHORT;
use super::{Broken, Chunks, Law, Meter};
use crate::framing::naive::Reading;
use crate::framing::{Cut, FrameError, Framer};

/// Holds a framer against every law of positions, with one stream and one way to cut it; short
/// streams are cut everywhere.
///
/// `make` gives a new framer at the beginning of a stream, whose limit is `limit`; `expected` is
/// what must come out. Nothing is copied: the framer gets its unread bytes as a part of `stream`.
///
/// # Errors
/// The first law that does not hold.
pub fn framer<F: Framer>(
    make: impl Fn() -> F,
    limit: usize,
    stream: &[u8],
    sizes: &[usize],
    expected: &Reading<FrameError>,
) -> Result<(), Broken> {
    let walk = |sizes: &[usize], manner| {
        let walk = Walk { stream, sizes, limit, expected, manner };
        walk.hold(&mut make()).map_err(|(law, told)| Broken::new(law, stream, sizes, told))
    };
    walk(&[], Manner::Whole)?;
    walk(sizes, Manner::Cut)?;
    if stream.len() <= SHORT {
        for at in 1..stream.len() {
            walk(&[at, stream.len() - at], Manner::Cut)?;
        }
        return walk(&[1], Manner::Twice);
    }
    walk(sizes, Manner::Twice)
}

/// [`Law::Memory`]: what a framer takes for itself is at most 64 KiB and three times what came, the
/// old and the new room of what grows counted both.
///
/// # Errors
/// When it takes more.
pub fn memory<F: Framer>(
    make: impl Fn() -> F,
    stream: &[u8],
    meter: Meter<'_>,
) -> Result<(), Broken> {
    let taken = meter(&mut || {
        let mut framer = make();
        let mut begin = 0;
        while let Ok(Cut::Frame { consumed, .. }) = framer.cut(&stream[begin..], true) {
            begin = (begin + consumed.max(1)).min(stream.len());
        }
    });
    if taken > START + 3 * stream.len() as u64 {
        let told = format!("{taken} bytes are taken for {} that came", stream.len());
        return Err(Broken::new(Law::Memory, stream, &[], told));
    }
    Ok(())
}

/// What may be taken before anything has come.
const START: u64 = 64 << 10;

/// How a walk goes, and so which law is broken where only it goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// All at once, the end with it.
    Whole,
    /// In chunks, and then the end.
    Cut,
    /// In chunks, and then the end; every call is made once more.
    Twice,
}

/// One way of a stream through a framer.
struct Walk<'a> {
    stream: &'a [u8],
    sizes: &'a [usize],
    limit: usize,
    expected: &'a Reading<FrameError>,
    manner: Manner,
}

type Fault = (Law, String);

impl Walk<'_> {
    // One copy of it, however many ways it is gone: a fuzzer counts the branches of each.
    #[inline(never)]
    fn hold<F: Framer>(&self, framer: &mut F) -> Result<(), Fault> {
        let (mut begin, mut count, mut calls, mut least) = (0, 0, 0, 0);
        let is_whole = self.manner == Manner::Whole;
        let ends = Chunks::new(self.stream.len(), self.sizes).map(|come| (come, is_whole));
        let late = if is_whole { None } else { Some((self.stream.len(), true)) };
        let mut before = None;
        for (come, end) in ends.chain(late) {
            // A call with nothing new is another law's.
            if before.replace(come) == Some(come) && !end {
                continue;
            }
            loop {
                let unread = &self.stream[begin..come];
                calls += 1;
                match framer.cut(unread, end) {
                    Ok(Cut::Frame { consumed, body }) => {
                        let frame = unread.get(..consumed).filter(|frame| !frame.is_empty());
                        let Some(body) = frame.and_then(|frame| frame.get(body)) else {
                            return Err(no_progress(unread.len(), consumed));
                        };
                        if begin + consumed < least {
                            return Err(needless(begin + consumed, least));
                        }
                        self.message(count, framer.message(body))?;
                        begin += consumed;
                        count += 1;
                    }
                    Ok(Cut::Need(need)) if end || need == 0 => {
                        return Err(self.no_need(end));
                    }
                    Ok(Cut::Need(need)) => {
                        least = come.saturating_add(need);
                        if self.manner == Manner::Twice {
                            again(framer, unread, end, &Cut::Need(need))?;
                        }
                        break;
                    }
                    Ok(Cut::End) if begin < come || !end => return Err(early(unread)),
                    Ok(Cut::End) => {
                        self.end(count, Ok(()))?;
                        if self.manner == Manner::Twice {
                            again(framer, unread, end, &Cut::End)?;
                        }
                        return self.cost(framer, calls);
                    }
                    Err(_) if come < least && !end => return Err(needless(come, least)),
                    Err(error) => {
                        self.end(count, Err(error))?;
                        self.cost(framer, calls)?;
                        return self.sticky(framer, unread, end, error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Holds a message against what is expected in its place.
    #[inline]
    fn message(&self, at: usize, message: &[u8]) -> Result<(), Fault> {
        match self.expected.messages.get(at) {
            Some(expected) if expected == message => Ok(()),
            _ => Err(self.another(at, message)),
        }
    }

    /// Another message than the expected one.
    #[cold]
    fn another(&self, at: usize, message: &[u8]) -> Fault {
        let expected = self.expected.messages.get(at);
        let law = match self.expected.end {
            _ if message.len() > self.limit => Law::Limit,
            Err(FrameError::Truncated { .. }) if expected.is_none() => self.law(Law::Truncation),
            _ => self.law(Law::Model),
        };
        let found = Quoted(message);
        (
            law,
            match expected {
                Some(expected) => format!("message {at} is {found}, not {}", Quoted(expected)),
                None => format!("there is a message more: {found}"),
            },
        )
    }

    /// Holds the end against the expected one, behind so many messages.
    fn end(&self, count: usize, end: Result<(), FrameError>) -> Result<(), Fault> {
        let expected = self.expected.messages.len();
        if count == expected && end == self.expected.end {
            return Ok(());
        }
        Err(self.another_end(count, end))
    }

    #[cold]
    fn another_end(&self, count: usize, end: Result<(), FrameError>) -> Fault {
        let expected = self.expected.messages.len();
        let law = match (end, self.expected.end) {
            (end, other) if end == other => self.law(Law::Model),
            (Err(FrameError::TooLong { .. }), Ok(()) | Err(FrameError::Truncated { .. }))
            | (_, Err(FrameError::TooLong { .. })) => self.law(Law::Limit),
            (_, Err(FrameError::Truncated { .. })) => self.law(Law::Truncation),
            _ => self.law(Law::Model),
        };
        let told = |end: Result<(), FrameError>| match end {
            Ok(()) => "the end".to_owned(),
            Err(error) => format!("`{error}`"),
        };
        let (end, other) = (told(end), told(self.expected.end));
        (law, format!("behind {count} messages comes {end}, not behind {expected} {other}"))
    }

    /// Which law is broken: what goes wrong all at once is not the chunks' fault.
    fn law(&self, law: Law) -> Law {
        match self.manner {
            Manner::Whole => law,
            Manner::Cut => Law::Chunks,
            Manner::Twice => Law::Stall,
        }
    }

    #[cold]
    fn no_need(&self, end: bool) -> Fault {
        let told = "behind the end more is asked for".to_owned();
        match self.expected.end {
            _ if !end => (Law::Hint, "no byte is asked for".to_owned()),
            Ok(()) => (Law::Conservation, told),
            Err(_) => (Law::Truncation, told),
        }
    }

    fn cost<F: Framer>(&self, framer: &F, calls: u64) -> Result<(), Fault> {
        let (examined, come) = (framer.examined(), self.stream.len() as u64);
        // What is asked twice is looked at twice.
        if self.manner == Manner::Twice || examined <= 3 * come + 64 * calls {
            return Ok(());
        }
        Err((Law::Cost, format!("{examined} bytes are looked at in {calls} calls")))
    }

    /// Calls again behind an error: with the same bytes, with many, and with none.
    fn sticky<F: Framer>(
        &self,
        framer: &mut F,
        unread: &[u8],
        end: bool,
        error: FrameError,
    ) -> Result<(), Fault> {
        for (unread, end) in [(unread, end), (self.stream, true), (&[], true)] {
            let next = framer.cut(unread, end);
            if next != Err(error) {
                return Err((Law::Sticky, format!("behind `{error}` comes {next:?}")));
            }
        }
        Ok(())
    }
}

/// Makes a call once more, which must give the same.
fn again<F: Framer>(framer: &mut F, unread: &[u8], end: bool, first: &Cut) -> Result<(), Fault> {
    let again = framer.cut(unread, end);
    if again.as_ref() == Ok(first) {
        return Ok(());
    }
    Err((Law::Stall, format!("first comes {first:?}, then {again:?} with the same bytes")))
}

#[cold]
fn no_progress(unread: usize, consumed: usize) -> Fault {
    (Law::Progress, format!("of {unread} bytes {consumed} are taken, or its body is not in these"))
}

/// What is found at this byte, although more was asked for.
#[cold]
fn needless(at: usize, least: usize) -> Fault {
    (Law::Hint, format!("all up to byte {least} was asked for, but the first {at} are enough"))
}

/// An end with these bytes left, or before it is known that there are no more.
#[cold]
fn early(unread: &[u8]) -> Fault {
    let left = Quoted(&unread[..unread.len().min(64)]);
    (Law::Conservation, format!("the stream ends before its end, with {left} left"))
}

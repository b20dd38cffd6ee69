//! What always holds of reading what an agent says, for any bytes in any chunks: plain functions that
//! the fuzz target, the tests and the replay of the corpus all call.

use super::{Found, Message, ReadError, Reader};

/// Whether every law of [`Reader`] holds for what an agent said, cut at `cuts`, with lines of at most
/// `limit` bytes.
///
/// # Errors
/// The law that does not hold, for a person to read.
pub fn reading(stream: &[u8], cuts: &[usize], limit: usize) -> Result<(), String> {
    hold(stream, cuts, limit, &|| Reader::new(limit))
}

/// What the laws ask of a reader.
trait Reads {
    fn push(&mut self, bytes: &[u8]);
    fn end(&mut self);
    fn message(&mut self) -> Result<Option<Message>, ReadError>;
    fn capacity(&self) -> usize;
    fn examined(&self) -> u64;
}

impl Reads for Reader {
    fn push(&mut self, bytes: &[u8]) {
        Self::push(self, bytes);
    }

    fn end(&mut self) {
        Self::end(self);
    }

    fn message(&mut self) -> Result<Option<Message>, ReadError> {
        Self::message(self)
    }

    fn capacity(&self) -> usize {
        Self::capacity(self)
    }

    fn examined(&self) -> u64 {
        Self::examined(self)
    }
}

/// Of a longer stream not every byte comes by itself: what shows there shows in a short one.
const BYTE_BY_BYTE: usize = 4 << 10;

fn hold<R: Reads>(
    stream: &[u8],
    cuts: &[usize],
    limit: usize,
    new: &dyn Fn() -> R,
) -> Result<(), String> {
    let whole = read(&[stream], limit, new())?;
    agree("in chunks", &whole, &read(&chunks(stream, cuts), limit, new())?)?;
    if stream.len() <= BYTE_BY_BYTE {
        let bytes: Vec<_> = stream.chunks(1).collect();
        agree("byte by byte", &whole, &read(&bytes, limit, new())?)?;
    }
    naive(stream, limit, &whole)?;
    whole.0.iter().try_for_each(|message| printing(message, &Message::line))
}

/// The messages of a stream, and the error that ended it.
type All = (Vec<Message>, Option<ReadError>);

fn agree(how: &str, whole: &All, cut: &All) -> Result<(), String> {
    if whole == cut { Ok(()) } else { Err(format!("{how} it is {cut:?}, at once {whole:?}")) }
}

fn chunks<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.push(stream.len());
    cuts.sort_unstable();
    let mut begin = 0;
    let mut chunks = Vec::new();
    for end in cuts {
        chunks.push(&stream[begin..end]);
        begin = end;
    }
    chunks
}

/// Reads chunk by chunk. Memory is bounded, no byte is looked at twice, and an error is the last
/// that a reader says.
fn read(chunks: &[&[u8]], limit: usize, mut reader: impl Reads) -> Result<All, String> {
    let longest = chunks.iter().map(|chunk| chunk.len()).max().unwrap_or(0);
    // At most one line that is not too long, and a chunk; growing takes up to as much again.
    let most = (64 << 10) + 2 * (limit + 1 + longest);
    let mut come = 0;
    let mut messages = Vec::new();
    let mut failed = None;
    for number in 0..=chunks.len() {
        match chunks.get(number) {
            Some(chunk) => reader.push(chunk),
            None => reader.end(),
        }
        come += chunks.get(number).map_or(0, |chunk| chunk.len() as u64);
        if reader.capacity() > most {
            return Err(format!("{} bytes are kept, more than {most}", reader.capacity()));
        }
        loop {
            match (reader.message(), &failed) {
                (Ok(Some(message)), None) => messages.push(message),
                (Ok(None), None) => break,
                (Err(error), None) => failed = Some(error),
                (Err(again), Some(error)) if again == *error => break,
                (next, Some(error)) => {
                    return Err(format!("after the error {error:?} it says {next:?}"));
                }
            }
        }
        if reader.examined() > come {
            return Err(format!("{} bytes are looked at of {come}", reader.examined()));
        }
    }
    Ok((messages, failed))
}

/// Messages and errors are those of the lines, one by one, as they are counted here by hand.
fn naive(stream: &[u8], limit: usize, (messages, failed): &All) -> Result<(), String> {
    let mut expected = (Vec::new(), None);
    let mut begin = 0;
    for (number, line) in stream.split(|byte| *byte == b'\n').enumerate() {
        let end = begin + line.len();
        let message = if line.len() > limit {
            Err((0, Found::TooLong { limit: limit as u64 }))
        } else if end < stream.len() {
            Message::parse(line)
        } else if line.is_empty() {
            break;
        } else {
            Err((0, Found::Truncated { held: line.len() as u64 }))
        };
        match message {
            Ok(message) => expected.0.push(message),
            Err((at, _)) if at > line.len() => {
                return Err(format!("the error in line {} is not in it", number + 1));
            }
            Err((at, found)) => {
                let [line, offset] = [number + 1, begin + at].map(|count| count as u64);
                expected.1 = Some(ReadError { line, offset, found });
                break;
            }
        }
        begin = end + 1;
    }
    if (messages, failed) == (&expected.0, &expected.1) {
        Ok(())
    } else {
        Err(format!("line by line it is {expected:?}, not {messages:?} and {failed:?}"))
    }
}

/// A message stands on one line, and that is read as the message.
fn printing(message: &Message, print: &dyn Fn(&Message) -> String) -> Result<(), String> {
    let line = print(message);
    if line.contains('\n') {
        return Err(format!("{message:?} is printed on more than one line"));
    }
    match Message::parse(line.as_bytes()) {
        Ok(again) if again == *message && print(&again) == line => Ok(()),
        other => Err(format!("{message:?} is printed as {line}, and that read as {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = "{\"kind\":\"started\",\"id\":7}\n";
    const LIMIT: usize = 64;

    fn streams() -> Vec<String> {
        vec![
            String::new(),
            STARTED.repeat(3),
            format!("{STARTED}no message\n{STARTED}"),
            format!("{STARTED}{STARTED}{{\"kind\""),
            format!("{STARTED}{}\n", "x".repeat(200)),
            format!("{STARTED}{}", "x".repeat(64)),
            "\n".to_owned(),
        ]
    }

    #[test]
    fn the_laws_hold_at_every_cut() {
        for stream in streams() {
            for cut in 0..=stream.len() {
                assert_eq!(reading(stream.as_bytes(), &[cut, cut + 9], LIMIT), Ok(()), "{stream}");
            }
        }
        let done = "{\"kind\":\"done\",\"id\":7,\"began\":5,\"took\":9,\"threw\":{\"type\":\"T\",\
                    \"text\":\"a\\nb\"}}\n";
        assert_eq!(reading(done.as_bytes(), &[40], 512), Ok(()));
        assert_eq!(reading(&vec![b'x'; 200_000], &[70_000], 100_000), Ok(()));
    }

    /// What a wrong reader does.
    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        LosesWhatACutDivides,
        ForgetsItsError,
        SaysItsErrorOnly,
        TakesTheEndForALineBreak,
        AllowsOneByteMore,
        CountsBytesFromTheLine,
        KeepsEverything,
        LooksAgain,
    }

    struct Faulty {
        fault: Fault,
        reader: Reader,
        come: Vec<u8>,
        looked: u64,
    }

    impl Reads for Faulty {
        fn push(&mut self, bytes: &[u8]) {
            self.come.extend_from_slice(bytes);
            let is_cut = !bytes.ends_with(b"\n") && bytes.len() > 1;
            if self.fault != Fault::LosesWhatACutDivides || !is_cut {
                self.reader.push(bytes);
            }
            self.looked += self.come.len() as u64;
        }

        fn end(&mut self) {
            if self.fault == Fault::TakesTheEndForALineBreak && !self.come.ends_with(b"\n") {
                self.reader.push(b"\n");
            }
            self.reader.end();
        }

        fn message(&mut self) -> Result<Option<Message>, ReadError> {
            match self.reader.message() {
                Err(_) if self.fault == Fault::ForgetsItsError => {
                    self.reader = Reader::new(LIMIT);
                    Ok(None)
                }
                Err(mut error) => {
                    if self.fault == Fault::CountsBytesFromTheLine {
                        error.offset = 0;
                    }
                    if self.fault == Fault::SaysItsErrorOnly {
                        self.reader = Reader::new(LIMIT);
                    }
                    Err(error)
                }
                next => next,
            }
        }

        fn capacity(&self) -> usize {
            let keeps = self.fault == Fault::KeepsEverything;
            if keeps { self.come.len() } else { self.reader.capacity() }
        }

        fn examined(&self) -> u64 {
            match self.fault {
                Fault::LooksAgain => self.looked,
                // The line break that it makes up is not its only fault otherwise.
                Fault::TakesTheEndForALineBreak => 0,
                _ => self.reader.examined(),
            }
        }
    }

    #[test]
    fn a_reader_that_is_wrong_breaks_a_law() {
        let mut long = STARTED.repeat(4_000);
        long.push_str("no message\n");
        let streams = [streams(), vec![long]].concat();
        for (fault, expected) in [
            (Fault::LosesWhatACutDivides, "in chunks it is"),
            (Fault::ForgetsItsError, "line by line it is"),
            (Fault::SaysItsErrorOnly, "after the error"),
            (Fault::TakesTheEndForALineBreak, "line by line it is"),
            (Fault::AllowsOneByteMore, "line by line it is"),
            (Fault::CountsBytesFromTheLine, "line by line it is"),
            (Fault::KeepsEverything, "bytes are kept"),
            (Fault::LooksAgain, "bytes are looked at"),
        ] {
            let limit = LIMIT + usize::from(fault == Fault::AllowsOneByteMore);
            let new = || Faulty { fault, reader: Reader::new(limit), come: Vec::new(), looked: 0 };
            let broken: Vec<_> = streams
                .iter()
                .filter_map(|stream| {
                    let cuts: Vec<_> = (0..stream.len()).step_by(40).collect();
                    hold(stream.as_bytes(), &cuts, LIMIT, &new).err()
                })
                .collect();
            assert!(broken.iter().any(|broken| broken.contains(expected)), "{broken:?}");
        }
    }

    #[test]
    fn a_printer_that_is_wrong_breaks_a_law() {
        let message = Message::parse(STARTED.trim_end().as_bytes()).expect("it is one");
        let broken_by = |print: fn(&Message) -> String| {
            printing(&message, &print).expect_err("the law notices")
        };
        let broken = broken_by(|message| message.line() + "\n");
        assert!(broken.ends_with("on more than one line"), "{broken}");
        let broken = broken_by(|message| message.line().replace('7', "8"));
        assert!(broken.contains("and that read as Ok"), "{broken}");
        let broken = broken_by(|message| message.line().replace('7', ""));
        assert!(broken.contains("and that read as Err"), "{broken}");
    }
}

use std::io::{self, ErrorKind, Read};

use super::{Cut, FrameError, Framer};

/// The bytes of a stream that came and were not consumed, for a framer to look at.
///
/// It keeps at most 64 KiB and twice what it was given, whatever a header announces; a byte moves
/// within it a bounded number of times, however many small frames there are. The framer is asked
/// only when what it asked for has come.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    /// Its length is what is ready to be written to, its capacity the room there is.
    buffer: Vec<u8>,
    /// The unread bytes are at `begin..end`.
    begin: usize,
    end: usize,
    /// With fewer unread bytes the framer would find nothing.
    enough: usize,
    moved: u64,
}

/// How many bytes are read at a time.
const READ: usize = 64 << 10;
/// How many bytes are made ready at a time.
const PAGE: usize = 4 << 10;
/// How many bytes there is room for at the least.
const LEAST: usize = 256;
/// What is taken of a chunk to finish a frame that began in an earlier one, where its end is not
/// known.
const STEP: usize = 512;

/// What an inbox holds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A message, which is consumed.
    Message(&'a [u8]),
    /// The beginning of a frame, or nothing, and what it is will not be known before so many bytes
    /// more.
    Need(usize),
    /// Nothing, and nothing will come.
    End,
}

impl Inbox {
    /// An inbox that holds nothing and has taken no memory.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), begin: 0, end: 0, enough: 0, moved: 0 }
    }

    /// The bytes that came and were not consumed.
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// How many bytes it has room for.
    pub const fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// How many bytes were moved within it so far, each as often as it was.
    pub const fn moved(&self) -> u64 {
        self.moved
    }

    /// Adds bytes that came.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        if self.buffer.len() - self.end < bytes.len() {
            if self.buffer.capacity() - self.end < bytes.len() {
                self.make_room(bytes.len());
            }
            self.make_ready(bytes.len().max(PAGE));
        }
        self.buffer[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Reads once from a source, as much as there is room for. 0 says that nothing more will come.
    ///
    /// # Errors
    /// What the source says, but for an interruption: then it is asked again.
    pub fn fill(&mut self, source: &mut (impl Read + ?Sized)) -> io::Result<usize> {
        let (held, room) = (self.end - self.begin, self.buffer.capacity() - self.end);
        if room == 0 || (room < READ && self.begin > 0 && self.begin >= held) {
            self.make_room(READ);
        }
        self.make_ready(READ);
        loop {
            match source.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets the framer cut the next frame, and consumes it. `end` says that nothing more will come.
    ///
    /// # Errors
    /// Those of [`Framer::cut`].
    #[inline]
    pub fn next<'a, F: Framer + ?Sized>(
        &'a mut self,
        framer: &'a mut F,
        end: bool,
    ) -> Result<Next<'a>, FrameError> {
        let begin = self.begin;
        match self.cut(framer, end)? {
            Cut::Frame { consumed, body } => {
                self.consume(consumed);
                let body = &self.buffer[begin + body.start..begin + body.end];
                Ok(Next::Message(framer.message(body)))
            }
            Cut::Need(need) => Ok(Next::Need(need)),
            Cut::End => Ok(Next::End),
        }
    }

    /// Gives a chunk that came to the framer and its messages to `sink`; what is left of it is
    /// kept. Only that, and what finishes a frame of an earlier chunk, is copied. Returns what
    /// [`Cut::Need`] says in the end, or nothing where the stream is over.
    ///
    /// # Errors
    /// Those of [`Framer::cut`]; the messages before it were given to `sink`.
    pub fn feed<F: Framer + ?Sized>(
        &mut self,
        framer: &mut F,
        chunk: &[u8],
        end: bool,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, FrameError> {
        let mut rest = chunk;
        while self.begin < self.end {
            let held = self.end - self.begin;
            let wanted = self.enough.saturating_sub(held).max(STEP).max(held / 8);
            let (taken, left) = rest.split_at(wanted.min(rest.len()));
            self.push(taken);
            let is_last = left.is_empty();
            match self.cut(framer, end && is_last)? {
                Cut::Frame { consumed, body } => {
                    sink(framer.message(&self.unread()[body]));
                    if consumed < held {
                        self.consume(consumed);
                        rest = left;
                    } else {
                        // From here on the chunk itself holds all that is unread.
                        self.consume(held + taken.len());
                        rest = &rest[consumed - held..];
                    }
                }
                Cut::Need(need) if is_last => return Ok(Some(need)),
                Cut::Need(_) => rest = left,
                Cut::End => return Ok(None),
            }
        }
        loop {
            match framer.cut(rest, end)? {
                Cut::Frame { consumed, body } => {
                    sink(framer.message(&rest[body]));
                    rest = &rest[consumed..];
                }
                Cut::Need(need) => {
                    self.push(rest);
                    self.enough = rest.len().saturating_add(need);
                    return Ok(Some(need));
                }
                Cut::End => return Ok(None),
            }
        }
    }

    /// Asks the framer, if enough has come since it was last asked.
    #[inline]
    fn cut<F: Framer + ?Sized>(&mut self, framer: &mut F, end: bool) -> Result<Cut, FrameError> {
        let held = self.end - self.begin;
        if held < self.enough && !end {
            return Ok(Cut::Need(self.enough - held));
        }
        let cut = framer.cut(&self.buffer[self.begin..self.end], end)?;
        if let Cut::Need(need) = cut {
            self.enough = held.saturating_add(need);
        }
        Ok(cut)
    }

    fn consume(&mut self, count: usize) {
        self.begin += count;
        debug_assert!(self.begin <= self.end, "a frame ends within what was unread");
        self.enough = 0;
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
        }
    }

    /// Makes room for `wanted` bytes more.
    #[cold]
    fn make_room(&mut self, wanted: usize) {
        let held = self.end - self.begin;
        // A move is paid for by what was consumed before it, or by what can come after it.
        let is_paid = self.begin > held / 4;
        if self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.moved += held as u64;
            (self.begin, self.end) = (0, held);
        }
        if is_paid && self.buffer.capacity() - self.end >= wanted {
            return;
        }
        // Towards the end of the frame where that is known, but by no more than has come.
        let missing = self.enough.saturating_sub(held);
        let further = if missing > 1 { missing.min(held) } else { held / 4 };
        let room = wanted.max(further).max(LEAST);
        self.moved += held as u64;
        // What is beyond the unread bytes need not be kept.
        self.buffer.truncate(self.end);
        self.buffer.reserve_exact(room);
    }

    /// Makes so many bytes of the room ready to be written to, as far as there is room. They are made
    /// of zeros shortly before, so that memory which nothing comes for is not touched.
    #[cold]
    fn make_ready(&mut self, count: usize) {
        let ready = (self.end + count).min(self.buffer.capacity());
        if self.buffer.len() < ready {
            self.buffer.resize(ready, 0);
        }
    }
}

/// Reading a stream to its end failed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The source could not be read.
    #[error("the stream cannot be read: {0}")]
    Read(#[source] io::Error),
    /// Its bytes are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads a source to its end and gives each message of it to `sink`.
///
/// # Errors
/// When the source cannot be read, or its bytes are no frames; the messages before that were given
/// to `sink`.
pub fn drive<F: Framer + ?Sized>(
    framer: &mut F,
    source: &mut (impl Read + ?Sized),
    mut sink: impl FnMut(&[u8]),
) -> Result<(), DriveError> {
    let mut inbox = Inbox::new();
    let mut end = false;
    loop {
        match inbox.next(framer, end)? {
            Next::Message(message) => sink(message),
            Next::Need(_) => end = inbox.fill(source).map_err(DriveError::Read)? == 0,
            Next::End => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rstest::rstest;

    use super::*;
    use crate::framing::{BinaryLengthFramer, TerminatorFramer};
    use crate::vocabulary::{ByteOrder, Width};

    /// A source that gives what it was told to, piece by piece.
    struct Pieces(VecDeque<io::Result<Vec<u8>>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_else(|| Ok(Vec::new()))?;
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn lines() -> TerminatorFramer {
        TerminatorFramer::new(b'\n', 1 << 30)
    }

    fn lengths() -> BinaryLengthFramer {
        BinaryLengthFramer::new(Width::U32, ByteOrder::Big, 1 << 30)
    }

    #[test]
    fn messages_come_in_whatever_pieces_they_were_sent() {
        let pieces = [Ok(b"on".to_vec()), Ok(b"e\ntwo\nth".to_vec()), Ok(b"ree\n".to_vec())];
        let mut messages = Vec::new();
        let sink = |message: &[u8]| messages.push(message.to_vec());
        drive(&mut lines(), &mut Pieces(pieces.into()), sink).expect("it is whole");
        assert_eq!(messages, [&b"one"[..], b"two", b"three"]);
    }

    #[test]
    fn an_interrupted_read_is_made_again_and_a_failed_one_told() {
        let pieces = [
            Err(ErrorKind::Interrupted.into()),
            Ok(b"one\ntw".to_vec()),
            Err(ErrorKind::ConnectionReset.into()),
        ];
        let mut count = 0;
        let failed = drive(&mut lines(), &mut Pieces(pieces.into()), |_| count += 1);
        let Err(DriveError::Read(error)) = failed else { panic!("{failed:?}") };
        assert_eq!((error.kind(), count), (ErrorKind::ConnectionReset, 1));
    }

    #[test]
    fn the_end_within_a_frame_is_an_error_behind_the_messages() {
        let mut count = 0;
        let failed = drive(&mut lines(), &mut &b"one\ntw"[..], |_| count += 1);
        let Err(DriveError::Frame(error)) = failed else { panic!("{failed:?}") };
        assert_eq!((error, count), (FrameError::Truncated { offset: 4, held: 2 }, 1));
    }

    #[rstest]
    fn a_chunk_is_fed_like_bytes_that_are_pushed(
        #[values(1, 2, 5, 600, 4_000, 70_000, 1 << 20)] size: usize,
    ) {
        let messages: Vec<Vec<u8>> =
            (0..400).map(|index: usize| vec![b'x'; index * index % 3_001]).collect();
        let wire: Vec<u8> =
            messages.iter().flat_map(|message| [message, &b"\n"[..]].concat()).collect();
        let (mut inbox, mut framer, mut found) = (Inbox::new(), lines(), Vec::new());
        let chunks = wire.chunks(size);
        let last = chunks.len() - 1;
        for (index, chunk) in chunks.enumerate() {
            let next = inbox.feed(&mut framer, chunk, index == last, |message| {
                found.push(message.to_vec());
            });
            assert_eq!(next.map(|need| need.is_none()), Ok(index == last));
        }
        assert!(inbox.unread().is_empty());
        assert_eq!(found, messages);
    }

    #[test]
    fn what_was_pushed_before_is_fed_first() {
        let (mut inbox, mut framer, mut found) = (Inbox::new(), lines(), Vec::new());
        inbox.push(b"one\ntwo\nth");
        let need =
            inbox.feed(&mut framer, b"ree\nfo", false, |message| found.push(message.to_vec()));
        assert_eq!(need, Ok(Some(1)));
        assert_eq!(found, [&b"one"[..], b"two", b"three"]);
        assert_eq!(inbox.unread(), b"fo");
    }

    #[test]
    fn memory_follows_what_came_and_not_what_was_announced() {
        let (mut inbox, mut framer) = (Inbox::new(), lengths());
        let mut come = 0;
        let mut hold = |inbox: &mut Inbox, bytes: &[u8]| {
            come += bytes.len();
            let mut source = bytes;
            while !source.is_empty() {
                inbox.fill(&mut source).expect("memory can be read");
                assert_eq!(
                    inbox.next(&mut framer, false).map(|next| matches!(next, Next::Need(_))),
                    Ok(true)
                );
                assert!(inbox.capacity() <= (64 << 10) + 2 * come, "{}", inbox.capacity());
            }
        };
        hold(&mut inbox, &[0x3f, 0xff, 0xff, 0xff]);
        for size in [1, 100, 70_000, 300_000, 1 << 20] {
            hold(&mut inbox, &vec![0; size]);
        }
    }

    #[test]
    fn a_frame_of_known_length_gets_the_room_it_needs_and_no_more() {
        let length = 10 << 20;
        let header = u32::try_from(length).expect("it is small").to_be_bytes();
        let wire = [&header[..], &vec![7; length]].concat();
        let (mut inbox, mut framer, mut source) = (Inbox::new(), lengths(), &wire[..]);
        let mut count = 0;
        while inbox.fill(&mut source).expect("memory can be read") > 0 {
            if let Ok(Next::Message(message)) = inbox.next(&mut framer, false) {
                assert_eq!(message.len(), length);
                count += 1;
            }
        }
        assert_eq!(count, 1);
        assert!(inbox.capacity() <= length + length / 10 + (128 << 10), "{}", inbox.capacity());
    }

    /// Gives at most 40,000 bytes at a time, and counts how often it was asked.
    struct Slow<'a>(&'a [u8], u32);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            let most = buffer.len().min(40_000);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn a_source_is_not_asked_for_less_than_it_can_give() {
        let wire = [&[b'x'; 100][..], b"\n"].concat().repeat(4_000);
        let (mut inbox, mut framer, mut source) = (Inbox::new(), lines(), Slow(&wire, 0));
        while inbox.fill(&mut source).expect("memory can be read") > 0 {
            while let Ok(Next::Message(_)) = inbox.next(&mut framer, false) {}
        }
        // What was left over moved to the front; the last time the source had nothing.
        assert_eq!(source.1, 12);
        assert!(inbox.capacity() < (64 << 10) + 101, "{}", inbox.capacity());
        assert!(inbox.moved() < 12 * 101, "{}", inbox.moved());
    }

    #[test]
    fn whole_frames_of_a_chunk_are_not_copied() {
        let (mut inbox, mut framer, mut count) = (Inbox::new(), lines(), 0);
        let need = inbox.feed(&mut framer, b"one\ntwo\n", false, |_| count += 1);
        assert_eq!((need, count, inbox.capacity()), (Ok(Some(1)), 2, 0));
        inbox.push(b"th");
        let need = inbox.feed(&mut framer, b"ree\nfour\n", false, |_| count += 1);
        assert_eq!((need, count, inbox.unread()), (Ok(Some(1)), 4, &b""[..]));
    }

    #[test]
    fn room_and_moves_are_told_as_they_are() {
        let mut inbox = Inbox::new();
        assert_eq!((inbox.capacity(), inbox.moved()), (0, 0));
        inbox.push(&[b'x'; 100]);
        inbox.push(&[b'x'; 156]);
        assert_eq!((inbox.capacity(), inbox.moved()), (256, 0), "what fits needs no room");
        inbox.push(b"x");
        assert_eq!((inbox.capacity(), inbox.moved()), (512, 256));
        let (begin, mut framer) = ([&[b'x'; 200][..], b"\n"].concat(), lines());
        let mut inbox = Inbox::new();
        inbox.push(&begin);
        inbox.push(b"rest");
        assert_eq!(inbox.next(&mut framer, false), Ok(Next::Message(&[b'x'; 200])));
        inbox.push(&[b'x'; 100]);
        assert_eq!((inbox.capacity(), inbox.moved()), (256, 4), "only what is unread moves");
    }

    #[test]
    fn what_is_still_needed_is_told_without_asking_again() {
        let (mut inbox, mut framer) = (Inbox::new(), lengths());
        inbox.push(&[0, 0, 0, 10]);
        assert_eq!(inbox.next(&mut framer, false), Ok(Next::Need(10)));
        inbox.push(b"abc");
        assert_eq!(inbox.next(&mut framer, false), Ok(Next::Need(7)));
        assert_eq!(framer.examined(), 4);
        inbox.push(b"defghij");
        assert_eq!(inbox.next(&mut framer, false), Ok(Next::Message(b"abcdefghij")));
    }

    /// Room for 256 bytes more at the least; then for as many as there are, up to the known end, or
    /// for a quarter of them where the end is not known.
    #[test]
    fn room_grows_by_what_has_come() {
        let capacities = |framer: &mut dyn Framer, begin: &[u8]| {
            let mut inbox = Inbox::new();
            inbox.push(begin);
            let mut seen = vec![inbox.capacity()];
            while inbox.unread().len() < 2_000 {
                assert!(matches!(inbox.next(framer, false), Ok(Next::Need(_))));
                inbox.push(&[b'x'; 100]);
                seen.push(inbox.capacity());
            }
            seen.dedup();
            seen
        };
        let known = capacities(&mut lengths(), &2_040_u32.to_be_bytes());
        assert_eq!(known, [256, 460, 808, 1_608, 2_044]);
        let unknown = capacities(&mut lines(), b"line");
        assert_eq!(unknown, [256, 460, 660, 860, 1_060, 1_260, 1_505, 1_880, 2_255]);
    }

    /// Bytes move to the front where as many as a quarter of them were consumed; otherwise there is
    /// more room when they have moved.
    #[test]
    fn a_move_is_paid_for() {
        for (consumed, capacity) in [(51, 461), (60, 256)] {
            let mut inbox = Inbox::new();
            inbox.push(&[&vec![b'x'; consumed - 1][..], b"\n"].concat());
            inbox.push(&vec![b'y'; 256 - consumed]);
            assert!(matches!(inbox.next(&mut lines(), false), Ok(Next::Message(_))));
            inbox.push(&[b'y'; 40]);
            assert_eq!(inbox.capacity(), capacity, "behind {consumed} bytes");
            assert_eq!(inbox.unread(), vec![b'y'; 296 - consumed]);
        }
    }

    #[test]
    fn small_frames_do_not_move_what_is_behind_them() {
        let wire = vec![b'\n'; 2 << 20];
        let (mut inbox, mut framer) = (Inbox::new(), lines());
        inbox.push(&wire);
        let mut count = 0;
        while let Ok(Next::Message(_)) = inbox.next(&mut framer, false) {
            count += 1;
        }
        assert_eq!((count, inbox.moved()), (2 << 20, 0));
    }

    #[test]
    fn a_byte_moves_a_bounded_number_of_times() {
        let (mut inbox, mut framer) = (Inbox::new(), lines());
        let chunk = [b'x'; 1_000];
        let mut come = 0;
        for _ in 0..10_000 {
            inbox.push(&chunk);
            come += chunk.len() as u64;
            assert_eq!(inbox.next(&mut framer, false), Ok(Next::Need(1)));
        }
        assert!(inbox.moved() <= 6 * come, "{} of {come}", inbox.moved());
    }
}

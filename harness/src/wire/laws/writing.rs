use std::io;
use std::time::{Duration, UNIX_EPOCH};

use super::blocks::Block;
use crate::wire::{Frame, Pcapng};

/// Whether every law of [`Pcapng::write`] holds for a capture whose frames and notes stand in order:
/// what another reader finds in the file is what was to be written, all of it, in that order.
///
/// # Errors
/// The law that does not hold, for a person to read.
pub fn writing(capture: &Pcapng<'_>) -> Result<(), String> {
    hold(capture, &|capture| {
        let mut file = Vec::new();
        capture.write(&mut file).map(|()| file)
    })
}

type Write<'a> = dyn Fn(&Pcapng<'_>) -> io::Result<Vec<u8>> + 'a;

fn hold(capture: &Pcapng<'_>, write: &Write<'_>) -> Result<(), String> {
    let stranger = capture.frames.iter().find(|frame| host_of(frame) >= capture.hosts.len());
    let file = match (write(capture), stranger) {
        (Ok(file), None) => file,
        (Err(error), Some(_)) if error.kind() == io::ErrorKind::InvalidData => return Ok(()),
        (Err(error), _) => return Err(format!("it cannot be written: {error}")),
        (Ok(_), Some(frame)) => return Err(format!("{frame:?} was seen at no host of the file")),
    };
    let blocks = Block::of_file(&file)?;
    let kinds: Vec<_> = blocks.iter().map(|block| block.kind).collect();
    let mut expected = vec![Block::SECTION];
    expected.extend(capture.hosts.iter().map(|_| Block::INTERFACE));
    expected.extend(capture.frames.iter().map(|_| Block::PACKET));
    expected.extend(capture.hosts.first().map(|_| Block::STATISTICS));
    if kinds != expected {
        return Err(format!("there are blocks of the kinds {kinds:x?}, not {expected:x?}"));
    }
    let (section, blocks) = blocks.split_first().ok_or("there is no section")?;
    let (interfaces, blocks) = blocks.split_at(capture.hosts.len());
    let (packets, rest) = blocks.split_at(capture.frames.len());
    head(capture, section)?;
    for (name, block) in capture.hosts.iter().zip(interfaces) {
        interface(name, block)?;
    }
    for (frame, block) in capture.frames.iter().zip(packets) {
        packet(capture, frame, block)?;
    }
    notes(capture, section, packets)?;
    rest.iter().try_for_each(|block| statistics(capture, block))
}

/// A frame is written at the host that sent it, or else at the one it came to.
fn host_of(frame: &Frame) -> usize {
    frame.sender.or(frame.receiver).unwrap_or(0)
}

fn head(capture: &Pcapng<'_>, block: &Block<'_>) -> Result<(), String> {
    let version_and_length = [&[1, 0, 0, 0], &[0xff; 8][..]].concat();
    if block.number(0)? != 0x1a2b_3c4d || block.fixed[4..] != version_and_length {
        return Err(format!("the section begins with {:?}", block.fixed));
    }
    text(block, APPLICATION, &[capture.application])?;
    let comments = block.texts(COMMENT)?;
    let comment = comments.first().ok_or("the comment of the file is not there")?;
    if !is_kept(comment, capture.comment) {
        return Err(format!("the comment of the file is {comment:?}"));
    }
    only(block, &[COMMENT, APPLICATION])
}

fn interface(name: &str, block: &Block<'_>) -> Result<(), String> {
    if block.number(0)? != 1 || block.number(4)? as usize != Frame::KEPT {
        return Err(format!("the interface {name:?} begins with {:?}", block.fixed));
    }
    text(block, NAME, &[name])?;
    value(block, RESOLUTION, &[9])?;
    only(block, &[NAME, RESOLUTION])
}

fn packet(capture: &Pcapng<'_>, frame: &Frame, block: &Block<'_>) -> Result<(), String> {
    if block.number(0)? as usize != host_of(frame) {
        return Err(format!("{frame:?} is written at interface {}", block.number(0)?));
    }
    if time(block)? != nanoseconds(capture, frame.at) {
        return Err(format!("{frame:?} is written as of {}", time(block)?));
    }
    if block.data != &*frame.bytes || block.number(16)? != frame.length {
        return Err(format!("{frame:?} is written as {block:?}"));
    }
    let direction = match (frame.sender, frame.receiver) {
        (Some(_), _) => 2,
        (None, Some(_)) => 1,
        (None, None) => 0,
    };
    value(block, FLAGS, &[direction, 0, 0, 0])?;
    only(block, &[COMMENT, FLAGS])
}

/// Every note is there once, in order: on the first frame that is not before it, else on the last
/// as what came after, and on the section where there is no frame.
fn notes(capture: &Pcapng<'_>, section: &Block<'_>, packets: &[Block<'_>]) -> Result<(), String> {
    let mut found = Vec::new();
    for text in &section.texts(COMMENT)?[1..] {
        found.push((None, *text));
    }
    for (position, block) in packets.iter().enumerate() {
        found.extend(block.texts(COMMENT)?.into_iter().map(|text| (Some(position), text)));
    }
    if found.len() != capture.notes.len() {
        return Err(format!("{} notes are written of {}", found.len(), capture.notes.len()));
    }
    for ((at, note), (position, text)) in capture.notes.iter().zip(found) {
        let expected = capture.frames.iter().position(|frame| frame.at >= *at);
        let is_there = match (expected, capture.frames.len().checked_sub(1)) {
            (None, Some(last)) => {
                position == Some(last) && is_kept(text, &format!("after this: {note}"))
            }
            _ => position == expected && is_kept(text, note),
        };
        if !is_there {
            return Err(format!("the note {note:?} is written at {position:?} as {text:?}"));
        }
    }
    Ok(())
}

fn statistics(capture: &Pcapng<'_>, block: &Block<'_>) -> Result<(), String> {
    let ended = capture.frames.last().map_or(Duration::ZERO, |frame| frame.at);
    if block.number(0)? != 0 || time(block)? != nanoseconds(capture, ended) {
        return Err(format!("the statistics begin with {:?}", block.fixed));
    }
    value(block, LOST, &capture.lost.to_le_bytes())?;
    only(block, &[COMMENT, LOST])
}

/// In nanoseconds; of the two halves the upper stands first.
fn time(block: &Block<'_>) -> Result<u64, String> {
    Ok((u64::from(block.number(4)?) << 32) | u64::from(block.number(8)?))
}

fn nanoseconds(capture: &Pcapng<'_>, at: Duration) -> u64 {
    let began = capture.began.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(began.as_nanos() + at.as_nanos()).unwrap_or(u64::MAX)
}

fn text(block: &Block<'_>, code: u16, expected: &[&str]) -> Result<(), String> {
    let found = block.texts(code)?;
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| is_kept(found, expected));
    if same { Ok(()) } else { Err(format!("the option {code} is {found:?}, not {expected:?}")) }
}

fn value(block: &Block<'_>, code: u16, expected: &[u8]) -> Result<(), String> {
    let found: Vec<_> = block.options.iter().filter(|(of, _)| *of == code).collect();
    match found[..] {
        [(_, found)] if *found == expected => Ok(()),
        _ => Err(format!("the option {code} is {found:?}, not {expected:?}")),
    }
}

fn only(block: &Block<'_>, codes: &[u16]) -> Result<(), String> {
    match block.options.iter().find(|(code, _)| !codes.contains(code)) {
        Some(option) => Err(format!("a block of kind {:#x} has the option {option:?}", block.kind)),
        None => Ok(()),
    }
}

/// A text stands there whole, or as much of it as an option holds.
fn is_kept(found: &str, text: &str) -> bool {
    found == text || (text.len() > LONGEST && found.len() + 4 > LONGEST && text.starts_with(found))
}

const LONGEST: usize = 65_535;

const COMMENT: u16 = 1;
const NAME: u16 = 2;
const FLAGS: u16 = 2;
const APPLICATION: u16 = 4;
const LOST: u16 = 5;
const RESOLUTION: u16 = 9;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use rstest::rstest;

    use super::*;

    /// What a capture borrows.
    #[derive(Clone)]
    struct Owned {
        application: &'static str,
        comment: &'static str,
        hosts: Vec<String>,
        began: SystemTime,
        frames: Vec<Frame>,
        lost: u64,
        notes: Vec<(Duration, String)>,
    }

    impl Owned {
        fn of(frames: &[Frame]) -> Self {
            let notes = [(0, "before"), (15, "between"), (90, "after")];
            Self {
                application: "sockspec 0.1.0",
                comment: "a/b[tcp4]",
                hosts: ["client", "sérver"].map(str::to_owned).into(),
                began: UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789),
                frames: frames.to_vec(),
                lost: 7,
                notes: notes
                    .map(|(micros, text)| (Duration::from_micros(micros), text.to_owned()))
                    .into(),
            }
        }

        fn lent(&self) -> Pcapng<'_> {
            Pcapng {
                application: self.application,
                comment: self.comment,
                hosts: &self.hosts,
                began: self.began,
                frames: &self.frames,
                lost: self.lost,
                notes: &self.notes,
            }
        }

        fn written(&self) -> io::Result<Vec<u8>> {
            let mut file = Vec::new();
            self.lent().write(&mut file).map(|()| file)
        }
    }

    fn frame(micros: u64, sender: Option<usize>, receiver: Option<usize>) -> Frame {
        let bytes: Box<[u8]> = [0xa5; 37].into();
        Frame { at: Duration::from_micros(micros), sender, receiver, length: 1_000, bytes }
    }

    fn two() -> Owned {
        Owned::of(&[frame(10, Some(0), Some(1)), frame(20, None, Some(1))])
    }

    #[test]
    fn the_laws_hold() {
        for capture in [two(), Owned::of(&[]), Owned::of(&[frame(10, Some(2), None)])] {
            assert_eq!(writing(&capture.lent()), Ok(()));
        }
        let mut bare = Owned::of(&[]);
        bare.hosts.clear();
        assert_eq!(writing(&bare.lent()), Ok(()));
        let mut long = two();
        long.notes[0].1 = "§".repeat(40_000);
        assert_eq!(writing(&long.lent()), Ok(()));
    }

    #[rstest]
    #[case::application(|other: &mut Owned| other.application = "", "the option 4")]
    #[case::comment(|other: &mut Owned| other.comment = "a/b", "the comment of the file")]
    #[case::host(|other: &mut Owned| other.hosts[1] = "server".to_owned(), "the option 2")]
    #[case::no_host(|other: &mut Owned| other.hosts.truncate(1), "it cannot be written")]
    #[case::one_host_more(
        |other: &mut Owned| other.hosts.push("c".to_owned()),
        "there are blocks of the kinds"
    )]
    #[case::began(|other: &mut Owned| other.began = UNIX_EPOCH, "is written as of")]
    #[case::lost(|other: &mut Owned| other.lost += 1, "the option 5")]
    #[case::a_note_less(|other: &mut Owned| other.notes.truncate(2), "2 notes are written of 3")]
    #[case::a_note_early(
        |other: &mut Owned| other.notes[1].0 = Duration::ZERO,
        "the note \"between\" is written at Some(0)"
    )]
    #[case::a_note_cut(
        |other: &mut Owned| other.notes[1].1.truncate(3),
        "the note \"between\" is written at Some(1)"
    )]
    #[case::frames_swapped(
        |other: &mut Owned| other.frames.swap(0, 1),
        "is written at interface 1"
    )]
    #[case::a_byte(|other: &mut Owned| other.frames[0].bytes[36] = 0, "is written as Block")]
    #[case::length(|other: &mut Owned| other.frames[0].length = 37, "is written as Block")]
    #[case::direction(|other: &mut Owned| other.frames[1].sender = Some(1), "the option 2")]
    fn a_writer_that_is_wrong_breaks_a_law(#[case] change: fn(&mut Owned), #[case] expected: &str) {
        let capture = two();
        let mut other = capture.clone();
        change(&mut other);
        let broken = hold(&capture.lent(), &|_| other.written()).expect_err("a law notices");
        assert!(broken.contains(expected), "{broken}");
    }

    #[test]
    fn a_frame_of_no_host_is_not_written() {
        let capture = Owned::of(&[frame(10, Some(2), None)]);
        let broken = hold(&capture.lent(), &|_| two().written()).expect_err("a law notices");
        assert!(broken.ends_with("was seen at no host of the file"), "{broken}");
    }

    #[test]
    fn no_byte_of_the_file_is_free() {
        let mut capture = two();
        // With two hosts the statistics have a comment, which no law knows.
        capture.hosts.truncate(1);
        for frame in &mut capture.frames {
            (frame.sender, frame.receiver) = (None, Some(0));
        }
        let file = capture.written().expect("memory can be written to");
        for at in 0..file.len() {
            let mut spoilt = file.clone();
            spoilt[at] ^= 0x10;
            assert!(hold(&capture.lent(), &|_| Ok(spoilt.clone())).is_err(), "byte {at}");
            spoilt.truncate(at);
            assert!(hold(&capture.lent(), &|_| Ok(spoilt.clone())).is_err(), "cut at {at}");
        }
    }
}

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::frame::Frame;

/// The packets of a case as a pcapng file (draft-ietf-opsawg-pcapng), which Wireshark and its kin
/// read: one interface a host, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pcapng<'a> {
    /// What wrote it: name and version.
    pub application: &'a str,
    /// What the whole file is, to be read by a person.
    pub comment: &'a str,
    /// The names of the hosts.
    pub hosts: &'a [String],
    /// The time of day at which frames and notes count from zero.
    pub began: SystemTime,
    /// The frames, in the order in which they were seen. One that two hosts have seen is written
    /// once, at the one that sent it.
    pub frames: &'a [Frame],
    /// How many frames were lost, at all hosts together.
    pub lost: u64,
    /// What happened beside the frames and when, in order. Each becomes a comment on the first
    /// frame seen at that time or later.
    pub notes: &'a [(Duration, String)],
}

impl Pcapng<'_> {
    /// Writes the file.
    ///
    /// # Errors
    /// When the writer fails, or a frame was seen at a host that has no name (`InvalidData`).
    pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
        let mut notes = self.notes.iter().peekable();
        let mut head = vec![self.comment];
        if self.frames.is_empty() {
            head.extend(notes.by_ref().map(|(_, note)| note.as_str()));
        }
        writer.write_all(&self.section(&head))?;
        for host in self.hosts {
            writer.write_all(&interface(host))?;
        }
        for (position, frame) in self.frames.iter().enumerate() {
            let mut comments = Vec::new();
            while let Some((_, note)) = notes.next_if(|(at, _)| *at <= frame.at) {
                comments.push(note.clone());
            }
            if position + 1 == self.frames.len() {
                // Nothing comes after it that they could be attached to.
                comments.extend(notes.by_ref().map(|(_, note)| format!("after this: {note}")));
            }
            writer.write_all(&self.packet(frame, &comments)?)?;
        }
        if !self.hosts.is_empty() {
            writer.write_all(&self.statistics())?;
        }
        Ok(())
    }

    fn section(&self, comments: &[&str]) -> Vec<u8> {
        let mut block = Block::new(0x0a0d_0d0a);
        block.number32(0x1a2b_3c4d);
        block.number16(1);
        block.number16(0);
        // The section's length is not told.
        block.number64(u64::MAX);
        for comment in comments {
            block.option(COMMENT, comment.as_bytes());
        }
        block.option(4, self.application.as_bytes());
        block.finish()
    }

    fn packet(&self, frame: &Frame, comments: &[String]) -> io::Result<Vec<u8>> {
        let host = frame.sender.or(frame.receiver).unwrap_or(0);
        if host >= self.hosts.len() {
            let why = format!("a frame was seen at host {host} of {}", self.hosts.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mut block = Block::new(6);
        block.number32(as_u32(host));
        block.time(self.since_epoch(frame.at));
        block.number32(as_u32(frame.bytes.len()));
        block.number32(frame.length);
        block.padded(&frame.bytes);
        for comment in comments {
            block.option(COMMENT, comment.as_bytes());
        }
        let direction: u32 = match (frame.sender, frame.receiver) {
            (Some(_), _) => 0b10,
            (None, Some(_)) => 0b01,
            (None, None) => 0b00,
        };
        block.option(2, &direction.to_le_bytes());
        Ok(block.finish())
    }

    /// The statistics are those of an interface, but what was lost belongs to none of them.
    fn statistics(&self) -> Vec<u8> {
        let ended = self.frames.last().map_or(Duration::ZERO, |frame| frame.at);
        let mut block = Block::new(5);
        block.number32(0);
        block.time(self.since_epoch(ended));
        if self.hosts.len() > 1 {
            block.option(COMMENT, b"dropped: what the capture lost at all hosts together");
        }
        block.option(5, &self.lost.to_le_bytes());
        block.finish()
    }

    /// In nanoseconds.
    fn since_epoch(&self, at: Duration) -> u64 {
        let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(began.saturating_add(at).as_nanos()).unwrap_or(u64::MAX)
    }
}

fn interface(name: &str) -> Vec<u8> {
    let mut block = Block::new(1);
    block.number16(ETHERNET);
    block.number16(0);
    block.number32(as_u32(Frame::KEPT));
    block.option(2, name.as_bytes());
    block.option(9, &[NANOSECONDS]);
    block.finish()
}

/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;
/// The resolution of times, as a negative power of ten.
const NANOSECONDS: u8 = 9;
/// The option `opt_comment`, which every block can have, more than once.
const COMMENT: u16 = 1;

/// A block in the making; all numbers are little-endian.
struct Block {
    bytes: Vec<u8>,
    has_options: bool,
}

impl Block {
    fn new(kind: u32) -> Self {
        let mut block = Self { bytes: Vec::new(), has_options: false };
        block.number32(kind);
        // The place of the length.
        block.number32(0);
        block
    }

    fn number16(&mut self, number: u16) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn number32(&mut self, number: u32) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn number64(&mut self, number: u64) {
        self.bytes.extend(number.to_le_bytes());
    }

    /// A time is the one number whose upper half comes first.
    fn time(&mut self, nanoseconds: u64) {
        self.number64(nanoseconds.rotate_left(32));
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Adds an option, of which no more than fits is kept.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.has_options = true;
        let value = match str::from_utf8(value) {
            Ok(text) => &value[..text.floor_char_boundary(LONGEST_OPTION)],
            Err(_) => &value[..value.len().min(LONGEST_OPTION)],
        };
        self.number16(code);
        self.number16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        self.padded(value);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.has_options {
            self.number32(0);
        }
        let length = as_u32(self.bytes.len() + 4);
        self.number32(length);
        self.bytes[4..8].copy_from_slice(&length.to_le_bytes());
        self.bytes
    }
}

const LONGEST_OPTION: usize = u16::MAX as usize;

/// Blocks are far shorter than 4 GiB.
fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use etherparse::PacketBuilder;

    use super::*;
    use crate::wire::laws::Block;
    use crate::wire::skip::skip;

    /// A file of two hosts with a datagram there, its answer, and a note before, between and after.
    fn written(frames: &[Frame], notes: &[(u64, &str)]) -> io::Result<Vec<u8>> {
        let notes: Vec<_> = notes
            .iter()
            .map(|(micros, text)| (Duration::from_micros(*micros), (*text).to_owned()))
            .collect();
        let mut file = Vec::new();
        let pcapng = Pcapng {
            application: "sockspec 0.1.0",
            comment: "broadcast/reaches-every-host[lan]",
            hosts: &["client".to_owned(), "sérver".to_owned()],
            began: UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789),
            frames,
            lost: 7,
            notes: &notes,
        };
        pcapng.write(&mut file)?;
        Ok(file)
    }

    fn frame(micros: u64, sender: Option<usize>, receiver: Option<usize>, size: usize) -> Frame {
        let addresses = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let [from, to] = if sender == Some(1) { [1, 0] } else { [0, 1] };
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4(addresses[from], addresses[to], 64)
            .udp(7, 9);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &vec![b'x'; size]).expect("memory can be written to");
        Frame {
            at: Duration::from_micros(micros),
            sender,
            receiver,
            length: as_u32(bytes.len()),
            bytes: bytes[..bytes.len().min(Frame::KEPT)].into(),
        }
    }

    fn exchange() -> [Frame; 3] {
        [
            frame(1_500, Some(0), Some(1), 5),
            frame(1_700, Some(1), None, 500),
            frame(1_800, None, Some(0), 500),
        ]
    }

    const NOTES: [(u64, &str); 4] = [
        (0, "line 5: client open c udp4 => ok"),
        (1_400, "line 6: client sendto c \"xxxxx\" server:9 => 5"),
        (1_600, "line 7: server send s \"§\" => 500"),
        (9_000, "line 8: client recv c 16 => timeout"),
    ];

    #[test]
    fn what_is_written_can_be_read() {
        let frames = exchange();
        let file = written(&frames, &NOTES).expect("memory can be written to");
        let blocks = Block::of_file(&file).expect("it is one");
        let kinds: Vec<_> = blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 1, 6, 6, 6, 5]);
        assert_eq!(blocks[0].texts(COMMENT), Ok(vec!["broadcast/reaches-every-host[lan]"]));
        assert_eq!(blocks[0].texts(4), Ok(vec!["sockspec 0.1.0"]));
        assert_eq!(blocks[1].fixed, [1, 0, 0, 0, 0, 1, 0, 0], "Ethernet, 256 bytes");
        assert_eq!(blocks[1].options, [(2, &b"client"[..]), (9, &[9])]);
        assert_eq!(blocks[2].texts(2), Ok(vec!["sérver"]));
        for (frame, (block, (interface, direction))) in
            frames.iter().zip(blocks[3..].iter().zip([(0, 2), (1, 2), (0, 1)]))
        {
            assert_eq!(block.number(0), Ok(interface));
            assert_eq!(block.number(16), Ok(frame.length));
            assert_eq!(block.data, &*frame.bytes);
            assert_eq!(block.options.last(), Some(&(2, &[direction, 0, 0, 0][..])));
        }
        let half = |at| u64::from(blocks[3].number(at).expect("it is there"));
        assert_eq!((half(4) << 32) + half(8), 1_700_000_000_123_456_789 + 1_500_000);
        assert_eq!(blocks[6].options.last(), Some(&(5, &[7, 0, 0, 0, 0, 0, 0, 0][..])));
    }

    #[test]
    fn no_note_is_lost() {
        let comments = |frames: &[Frame]| -> Vec<Vec<String>> {
            let file = written(frames, &NOTES).expect("memory can be written to");
            let blocks = Block::of_file(&file).expect("it is one");
            let with = blocks.iter().filter(|block| [0x0a0d_0d0a, 6].contains(&block.kind));
            let texts = with.map(|block| block.texts(COMMENT).expect("they are text"));
            texts.map(|texts| texts.into_iter().map(str::to_owned).collect()).collect()
        };
        let [head, first, second, last] = &comments(&exchange())[..] else {
            panic!("a head and three packets")
        };
        assert_eq!(head.len(), 1);
        assert_eq!(first[..], [NOTES[0].1, NOTES[1].1]);
        assert_eq!(second[..], [NOTES[2].1]);
        assert_eq!(last[..], [format!("after this: {}", NOTES[3].1)]);
        assert_eq!(comments(&[])[0][1..], NOTES.map(|(_, text)| text));
    }

    #[test]
    fn a_note_that_is_too_long_is_cut_between_characters() {
        let text = "§".repeat(40_000);
        let file = written(&exchange(), &[(0, &text)]).expect("memory can be written to");
        let blocks = Block::of_file(&file).expect("it is one");
        assert_eq!(blocks[3].texts(COMMENT), Ok(vec![&*"§".repeat(32_767)]));
    }

    #[test]
    fn a_frame_of_a_host_that_does_not_exist_is_an_error() {
        let error = written(&[frame(1, Some(2), None, 5)], &[]).expect_err("there are two hosts");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), "a frame was seen at host 2 of 2");
    }

    #[test]
    fn tshark_reads_it() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("case.pcapng");
        fs::write(&path, written(&exchange(), &NOTES).expect("memory")).expect("there is room");
        let fields = "frame.interface_name frame.time_epoch frame.len frame.cap_len udp.dstport \
                      frame.comment";
        let mut command = Command::new("tshark");
        command.env("LC_ALL", "C.UTF-8");
        command.args(["-T", "fields", "-E", "separator=|", "-r"]).arg(&path);
        for field in fields.split_whitespace() {
            command.args(["-e", field]);
        }
        let Ok(output) = command.output() else {
            skip("tshark_reads_it", "tshark cannot be started");
            return;
        };
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !complaints.contains("rror"), "{complaints}");
        insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
    }
}

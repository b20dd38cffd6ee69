use data_encoding::BASE64;

use crate::report::elapsed::Elapsed;
use crate::report::packets::{file_name, write_packets};
use crate::report::printable::Many;
use crate::report::wire::Seen;
use crate::run::event::CaseFinished;

/// The packets of a case, and the file that they make.
#[derive(Debug)]
pub(super) struct PacketList {
    /// Number, time, route and content of those that are shown.
    pub(super) rows: Vec<[String; 4]>,
    /// How many more there are.
    pub(super) more: usize,
    /// How many the capture lost.
    pub(super) lost: u64,
    pub(super) file: Option<PacketFile>,
}

/// A pcapng file within the page.
#[derive(Debug)]
pub(super) struct PacketFile {
    pub(super) name: String,
    /// Its bytes as base64.
    pub(super) bytes: String,
    pub(super) kilobytes: usize,
}

/// How many packets of a case are shown.
const SHOWN: usize = 100;
/// How many are shown without being asked for.
const UNFOLDED: usize = 12;
/// The most bytes of a file that is kept in the page; a larger one has to be written by `--pcapng`.
const LARGEST: usize = 256 << 10;

impl PacketList {
    /// The packets of a case, where they were kept.
    pub(super) fn of(case: &CaseFinished, application: &str, source: &str) -> Option<Self> {
        let packets = case.packets.as_ref()?;
        let mut seen = Seen::all(packets);
        let rows = seen.by_ref().take(SHOWN).map(|seen| {
            let Seen { number, at, route, content } = seen;
            [number.to_string(), Elapsed(at).to_string(), route, content]
        });
        let rows = rows.collect();
        let more = seen.count();
        let mut bytes = Vec::new();
        let written = write_packets(&mut bytes, application, case, packets, source);
        let file = (written.is_ok() && bytes.len() <= LARGEST).then(|| PacketFile {
            name: format!("{}.pcapng", file_name(case.case.as_str())),
            bytes: BASE64.encode(&bytes),
            kilobytes: bytes.len().div_ceil(1_000),
        });
        Some(Self { rows, more, lost: packets.lost, file })
    }

    pub(super) fn count(&self) -> Many {
        Many((self.rows.len() + self.more) as u64, "packet")
    }

    /// Whether they are too many to be shown without being asked for: the diagram has them too.
    pub(super) fn is_long(&self) -> bool {
        self.rows.len() > UNFOLDED
    }
}

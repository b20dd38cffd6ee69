//! The packets of a case that fails: the report shows them, and the file for Wireshark holds the same.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use child::finish;
use skip::skip;
use tempfile::{TempDir, tempdir};

/// A scenario that fails at its last line, by which a connection was made and half closed.
const WRONG: &str = r#""one FIN is two"
over  tcp4
on    netns
pair  client.c server.s

client  send c "ping"     => 4
client  shutdown c write  => ok
server  recv s 16         => "ping"
server  recv s 16         => eof
wire    client -> server FIN  => 2
"#;

/// What a run of that scenario left, unless this machine makes no hosts.
struct Run {
    said: String,
    folder: TempDir,
}

impl Run {
    fn of(test: &str, arguments: &[&str]) -> Option<Self> {
        let folder = tempdir().expect("a folder for the scenario");
        let scenarios = folder.path().join("scenarios");
        fs::create_dir(&scenarios).expect("it can be made");
        fs::write(scenarios.join("wrong.scn"), WRONG).expect("it can be written");
        let output = finish(
            Command::new(env!("CARGO_BIN_EXE_sockspec"))
                .current_dir(folder.path())
                .args(["run", "--deadline", "200ms", "--pcapng", "packets"])
                .args(arguments),
        );
        let said = text(&output);
        if said.contains("network namespaces are refused") {
            skip(test, "this machine makes no hosts");
            return None;
        }
        assert_eq!(output.status.code(), Some(1), "{said}");
        Some(Self { said, folder })
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("packets")).expect("there is a folder");
        entries.map(|entry| entry.expect("it can be read").path()).collect()
    }

    /// The lines of the report that show packets: the number of each, and what it is.
    fn shown(&self) -> Vec<(usize, String)> {
        let lines = self.said.lines().filter_map(|line| {
            let (_, line) = line.split_once(" #")?;
            let (number, rest) = line.split_once(' ')?;
            Some((number.parse().ok()?, rest.trim().to_owned()))
        });
        lines.collect()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_failure_shows_its_packets() {
    let Some(run) = Run::of("a_failure_shows_its_packets", &[]) else { return };
    let shown = run.shown();
    let fins: Vec<&str> = shown
        .iter()
        .map(|(_, packet)| packet.as_str())
        .filter(|packet| packet.contains("client -> server") && packet.contains("FIN"))
        .collect();
    assert_eq!(fins.len(), 1, "{}", run.said);
    assert!(run.said.contains("=> 2\n"), "{}", run.said);
}

#[test]
fn the_file_holds_what_the_report_shows() {
    let test = "the_file_holds_what_the_report_shows";
    let Some(run) = Run::of(test, &[]) else { return };
    let [file] = &run.files()[..] else { panic!("one case, one file: {:?}", run.files()) };
    assert_eq!(file.file_name().and_then(|name| name.to_str()), Some("wrong_tcp4_netns.pcapng"));
    let Some(flags) = flags(file) else {
        skip(test, "tshark cannot be started");
        return;
    };
    let shown = run.shown();
    assert!(shown.len() >= 6, "{}", run.said);
    for (number, packet) in shown {
        let words = [("FIN", 0x01), ("SYN", 0x02), ("RST", 0x04), ("PSH", 0x08), ("ACK", 0x10)];
        let expected = words
            .iter()
            .filter(|(word, _)| packet.split(' ').any(|part| part == *word))
            .fold(0, |all, (_, flag)| all | flag);
        let found = flags.iter().find(|(frame, _)| *frame == number).map(|(_, flags)| *flags);
        assert_eq!(found, Some(expected), "#{number} {packet}\n{}", run.said);
    }
}

/// The number and the TCP flags of each TCP segment in a file, as tshark reads it.
fn flags(file: &Path) -> Option<Vec<(usize, u32)>> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-T", "fields", "-e", "frame.number", "-e", "tcp.flags"]);
    Command::new("tshark").arg("--version").output().ok()?;
    let output = finish(&mut tshark);
    assert!(output.status.success(), "{}", text(&output));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let segments = lines.lines().filter_map(|line| {
        let (number, flags) = line.split_once('\t')?;
        let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        Some((number.parse().ok()?, flags))
    });
    Some(segments.collect())
}

//! A run as JSON lines, to be kept and reported on again.

use std::io::{self, BufRead, BufWriter, Write};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::error::Category;

use super::pace::Pace;
use super::reporter::Reporter;
use crate::run::event::{Event, FORMAT};

/// Writes a run as JSON lines, one event a line, to be read again by [`read`].
///
/// What a crash of the harness can lose is bounded: lines are passed on at the start and the end,
/// after each case that did not go well, and otherwise with the first event after 100 ms. To pass
/// on each would cost more than a short case does.
#[derive(Debug)]
pub struct RecordingWriter<W: Write> {
    writer: BufWriter<W>,
    pace: Pace,
}

impl<W: Write> RecordingWriter<W> {
    /// Records to a writer, which needs no buffer of its own.
    pub fn new(writer: W) -> Self {
        let writer = BufWriter::with_capacity(BUFFER, writer);
        Self { writer, pace: Pace::every(FLUSH_INTERVAL) }
    }
}

impl<W: Write + Send> Reporter for RecordingWriter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, event)?;
        self.writer.write_all(b"\n")?;
        let matters = match event {
            Event::RunStarted(_) | Event::RunFinished(_) => true,
            Event::CaseFinished(case) => !case.verdict.is_good() && !case.steps.is_empty(),
            Event::ScenarioLoaded(_) | Event::CaseStarted { .. } => false,
        };
        if self.pace.due(Instant::now()) || matters {
            self.writer.flush()?;
        }
        Ok(())
    }
}

const BUFFER: usize = 64 * 1024;
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// Reads the events of a recording, one at a time.
///
/// The first error is the last item. Events before an error are whole: who wants to report on what
/// there is of an interrupted run can, after [`RecordingError::Truncated`] and
/// [`RecordingError::Unfinished`].
pub fn read<R: BufRead>(reader: R) -> RecordingReader<R> {
    RecordingReader { reader, line: 0, text: Vec::new(), state: State::Start }
}

/// The events of a recording; see [`read`].
#[derive(Debug)]
pub struct RecordingReader<R> {
    reader: R,
    /// The number of the line read last, from 1.
    line: usize,
    text: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No event yet.
    Start,
    /// The run has begun.
    Running,
    /// The run has ended; the file should, too.
    Finished,
    /// An error or the end of the file was returned.
    Done,
}

/// Why a recording cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("line {line} cannot be read")]
    Unreadable {
        /// Which line.
        line: usize,
        /// Why not.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("the recording is empty: the run ended before it began; run it again")]
    Empty,
    /// A line is not JSON.
    #[error(
        "line {line}, column {column} is not JSON: the file is damaged or no recording; \
         record the run again"
    )]
    NotJson {
        /// Which line.
        line: usize,
        /// Where in it, in bytes from 1.
        column: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It is JSON, but does not start as a recording does.
    #[error(
        "line {line} does not begin a run: the first event of a recording is `run-started`; \
         give a file that sockspec recorded, from its first line on"
    )]
    NotARecording {
        /// Which line.
        line: usize,
    },
    /// A newer program wrote it.
    #[error(
        "line {line} announces format {format}, and this program reads formats up to {FORMAT}: \
         use the sockspec that recorded it, or a newer one"
    )]
    Newer {
        /// Which line.
        line: usize,
        /// The format it has.
        format: u32,
    },
    /// A line has a kind of event that does not exist.
    #[error(
        "line {line} has the unknown event `{name}`: it was not written by sockspec, or by a \
         version that never was released; record the run again"
    )]
    UnknownEvent {
        /// Which line.
        line: usize,
        /// The kind it gives.
        name: String,
    },
    /// A line is JSON, but not an event.
    #[error("line {line} is not an event: the line was changed; record the run again")]
    Malformed {
        /// Which line.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The last line is not whole.
    #[error(
        "line {line} is cut off: the run was killed or the disk was full; \
         the lines before it are whole"
    )]
    Truncated {
        /// Which line.
        line: usize,
    },
    /// All lines are whole, but the run has no end.
    #[error(
        "the recording stops after line {line} without the run's end: the run was killed or is \
         still going"
    )]
    Unfinished {
        /// The last line.
        line: usize,
    },
    /// Something stands behind the end of the run.
    #[error(
        "line {line} stands behind the end of the run: a recording holds one run; \
         keep each in a file of its own"
    )]
    BehindTheEnd {
        /// Which line.
        line: usize,
    },
}

impl RecordingError {
    /// Whether the events before it are a whole recording up to a point: the run was interrupted,
    /// or goes on.
    pub const fn is_incomplete(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::Unfinished { .. })
    }
}

impl<R: BufRead> Iterator for RecordingReader<R> {
    type Item = Result<Event, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let item = self.advance().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.state = State::Done;
        }
        item
    }
}

impl<R: BufRead> RecordingReader<R> {
    fn advance(&mut self) -> Result<Option<Event>, RecordingError> {
        loop {
            self.text.clear();
            let length = self
                .reader
                .read_until(b'\n', &mut self.text)
                .map_err(|source| RecordingError::Unreadable { line: self.line + 1, source })?;
            if length == 0 {
                return match self.state {
                    State::Start => Err(RecordingError::Empty),
                    State::Running => Err(RecordingError::Unfinished { line: self.line }),
                    State::Finished | State::Done => Ok(None),
                };
            }
            self.line += 1;
            if !self.text.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.line;
        if self.state == State::Finished {
            return Err(RecordingError::BehindTheEnd { line });
        }
        if self.state == State::Start {
            self.check_start()?;
        }
        let event = serde_json::from_slice(&self.text).map_err(|error| self.diagnose(error))?;
        self.state =
            if matches!(event, Event::RunFinished(_)) { State::Finished } else { State::Running };
        Ok(Some(event))
    }

    /// Looks at the format before the rest of the line, which a newer one may have changed.
    fn check_start(&self) -> Result<(), RecordingError> {
        let line = self.line;
        match serde_json::from_slice(&self.text) {
            Ok(Head { event: Some(event), format: Some(format) }) if event == "run-started" => {
                if format > FORMAT {
                    Err(RecordingError::Newer { line, format })
                } else {
                    Ok(())
                }
            }
            Err(error) if error.classify() != Category::Data => Err(self.diagnose(error)),
            _ => Err(RecordingError::NotARecording { line }),
        }
    }

    fn diagnose(&self, source: serde_json::Error) -> RecordingError {
        let line = self.line;
        if source.classify() != Category::Data {
            return if self.text.ends_with(b"\n") {
                RecordingError::NotJson { line, column: source.column(), source }
            } else {
                RecordingError::Truncated { line }
            };
        }
        match serde_json::from_slice(&self.text) {
            Ok(Head { event: Some(name), .. }) if !EVENTS.contains(&name.as_str()) => {
                RecordingError::UnknownEvent { line, name }
            }
            _ => RecordingError::Malformed { line, source },
        }
    }
}

/// What of a line every format keeps.
#[derive(Deserialize)]
struct Head {
    event: Option<String>,
    format: Option<u32>,
}

/// The names of the events of this format.
const EVENTS: [&str; 5] =
    ["run-started", "scenario-loaded", "case-started", "case-finished", "run-finished"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::{Tally, fixture};
    use crate::run::Verdict;

    fn recorded(events: &[Event]) -> String {
        let mut text = Vec::new();
        let mut writer = RecordingWriter::new(&mut text);
        for event in events {
            writer.event(event).expect("memory can be written to");
        }
        drop(writer);
        String::from_utf8(text).expect("JSON is text")
    }

    /// The error that reading ends with, and how many events came before it.
    fn failure(text: &str) -> (usize, RecordingError) {
        let mut items: Vec<_> = read(text.as_bytes()).collect();
        let error = items.pop().expect("there is an item").expect_err("the last is an error");
        assert!(items.iter().all(Result::is_ok), "only the last is an error");
        (items.len(), error)
    }

    fn replaced_line(number: usize, by: &str) -> String {
        let text = recorded(&fixture::run());
        let mut lines: Vec<_> = text.lines().collect();
        lines[number - 1] = by;
        lines.join("\n") + "\n"
    }

    #[test]
    fn what_is_written_is_read_again() {
        for events in [fixture::run(), fixture::repeated_run(), fixture::known_run()] {
            let text = recorded(&events);
            assert_eq!(text.lines().count(), events.len());
            let again: Vec<_> =
                read(text.as_bytes()).collect::<Result<_, _>>().expect("it can be read");
            assert_eq!(format!("{again:?}"), format!("{events:?}"));
        }
    }

    #[test]
    fn every_event_is_known_by_name() {
        let text = recorded(&fixture::run());
        for name in EVENTS {
            assert!(text.contains(&format!("{{\"event\":\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn a_cut_off_line_leaves_what_stands_before_it() {
        let text = recorded(&fixture::run());
        let (events, error) = failure(&text[..text.len() - 10]);
        assert_eq!(events, text.lines().count() - 1);
        assert!(error.is_incomplete(), "{error}");
        insta::assert_snapshot!(error.to_string().replace(&text.lines().count().to_string(), "N"), @"line N is cut off: the run was killed or the disk was full; the lines before it are whole");
    }

    #[test]
    fn a_recording_without_an_end_says_so() {
        let events = fixture::run();
        let (read, error) = failure(&recorded(&events[..3]));
        assert_eq!(read, 3);
        assert!(error.is_incomplete());
        insta::assert_snapshot!(error, @"the recording stops after line 3 without the run's end: the run was killed or is still going");
    }

    #[test]
    fn a_missing_last_newline_is_no_harm() {
        let text = recorded(&fixture::run());
        assert!(read(text.trim_end().as_bytes()).all(|item| item.is_ok()));
    }

    #[test]
    fn damage_is_named_by_its_line() {
        let (events, error) = failure(&replaced_line(3, "{\"event\":\"case-started\",,"));
        assert_eq!(events, 2);
        insta::assert_snapshot!(error, @"line 3, column 25 is not JSON: the file is damaged or no recording; record the run again");
    }

    #[test]
    fn an_unknown_event_is_named() {
        let (_, error) = failure(&replaced_line(2, r#"{"event":"case-paused","case":"a[b]"}"#));
        insta::assert_snapshot!(error, @"line 2 has the unknown event `case-paused`: it was not written by sockspec, or by a version that never was released; record the run again");
    }

    #[test]
    fn a_changed_event_is_malformed() {
        let (_, error) = failure(&replaced_line(2, r#"{"event":"case-started","case":7}"#));
        assert!(matches!(error, RecordingError::Malformed { line: 2, .. }), "{error:?}");
    }

    #[test]
    fn packets_are_kept_as_text_and_their_damage_is_found() {
        let text = recorded(&fixture::run());
        let line = text.lines().find(|line| line.contains("\"packets\"")).expect("there is one");
        assert!(line.contains(r#""length":54,"bytes":"AAAAAAAA"#), "{line}");
        let damaged = line.replace(r#""bytes":"AAAAAAAA"#, r#""bytes":"A"#);
        let (_, error) = failure(&replaced_line(2, &damaged));
        assert!(matches!(error, RecordingError::Malformed { line: 2, .. }), "{error:?}");
    }

    #[test]
    fn a_newer_format_is_refused_whatever_else_it_holds() {
        let (events, error) =
            failure(&replaced_line(1, r#"{"event":"run-started","format":2,"shape":"new"}"#));
        assert_eq!(events, 0);
        insta::assert_snapshot!(error, @"line 1 announces format 2, and this program reads formats up to 1: use the sockspec that recorded it, or a newer one");
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        assert!(matches!(failure("").1, RecordingError::Empty));
        assert!(matches!(failure("{}\n").1, RecordingError::NotARecording { line: 1 }));
        assert!(matches!(failure("hello\n").1, RecordingError::NotJson { line: 1, .. }));
        let twice = recorded(&fixture::run()).repeat(2);
        assert!(matches!(failure(&twice).1, RecordingError::BehindTheEnd { .. }));
    }

    /// The recordings with which the tests of the program and of the formats work.
    #[test]
    fn the_recordings_that_are_kept_are_those_of_the_fixture() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        for (name, events) in [
            ("every-standing.jsonl", fixture::every_standing()),
            ("other-subject.jsonl", fixture::other_subject()),
        ] {
            let (path, text) = (folder.join(name), recorded(&events));
            if fs::read_to_string(&path).unwrap_or_default() != text {
                let new = path.with_extension("jsonl.new");
                fs::write(&new, text).expect("the checkout can be written to");
                panic!("{name} differs: compare it with {}, then move that over it", new.display());
            }
        }
    }

    #[test]
    fn the_fixture_holds_every_verdict_and_standing() {
        let mut tally = Tally::default();
        for event in &fixture::every_standing() {
            tally.event(event);
        }
        let verdicts: BTreeSet<_> = tally.verdicts().into_keys().collect();
        assert_eq!(verdicts, BTreeSet::from(Verdict::ALL));
        let standings: BTreeSet<_> =
            tally.cases().filter_map(|(_, case)| case.standing()).collect();
        assert_eq!(standings.len(), 5, "{standings:?}");
        assert!(tally.past().next().is_some(), "an entry is past its date");
    }

    /// Counts how often it is written to.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<usize>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            *self.0.lock().expect("no other user panicked") += 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn good_cases_share_a_write_and_a_failure_is_written_at_once() {
        let writes = Writes::default();
        let mut recording = RecordingWriter::new(writes.clone());
        let start = Instant::now();
        let count = || *writes.0.lock().expect("no panic");
        for _ in 0..50 {
            recording.event(&fixture::passed_event()).expect("it counts");
        }
        if start.elapsed() < FLUSH_INTERVAL {
            assert_eq!(count(), 0);
        }
        let before = count();
        recording.event(&fixture::failed_event()).expect("it counts");
        assert_eq!(count(), before + 1);
    }
}

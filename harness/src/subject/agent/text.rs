use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::{Answer, CallId, Failure, Hello, Message, Thrown};
use super::reader::Found;
use super::success::Success;
use crate::subject::Granularity;
use crate::vocabulary::ErrorNames;

impl Message {
    /// The message as its line, without the line break.
    ///
    /// # Panics
    /// Never: every message has a line.
    pub fn line(&self) -> String {
        serde_json::to_string(&Line::of(self)).expect("its keys are text and its numbers finite")
    }

    /// Reads a line without its line break. With what is wrong comes where: so many bytes from the
    /// beginning of the line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, (usize, Found)> {
        let text = str::from_utf8(line).map_err(|error| {
            let at = error.valid_up_to();
            (at, Found::NotUtf8 { byte: line[at] })
        })?;
        let parsed: Line = serde_json::from_str(text).map_err(|error| {
            // A column counts from 1, and is 0 or beyond the line where the line was too short.
            let at = error.column().saturating_sub(1).min(line.len());
            let why = shown(&error.to_string());
            (at, if error.is_data() { Found::Malformed { why } } else { Found::NotJson { why } })
        })?;
        parsed.message().map_err(|found| (0, found))
    }
}

/// Every key that any message has.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<CallId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<Success>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threw: Option<Thrown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupported: Option<Unsupported>,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    granularity: Option<Grains>,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<ErrorNames>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsupported {
    why: String,
}

/// In nanoseconds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grains {
    poll: u64,
    socket: u64,
}

impl Line {
    fn of(message: &Message) -> Self {
        match message {
            Message::Hello(hello) => Self {
                kind: Some("hello".to_owned()),
                versions: Some(hello.versions.clone()),
                name: Some(hello.name.clone()),
                version: Some(hello.version.clone()),
                offers: Some(hello.offers.clone()),
                lacks: Some(hello.lacks.clone()).filter(|lacks| !lacks.is_empty()),
                granularity: Some(Grains {
                    poll: nanoseconds(hello.granularity.poll),
                    socket: nanoseconds(hello.granularity.socket),
                }),
                names: Some(hello.names).filter(|names| !names.is_exact()),
                ..Self::default()
            },
            Message::Started { id, thread } => Self {
                kind: Some("started".to_owned()),
                id: Some(*id),
                thread: *thread,
                ..Self::default()
            },
            Message::Done { id, began, took, answer } => {
                let mut line = Self {
                    kind: Some("done".to_owned()),
                    id: Some(*id),
                    began: Some(nanoseconds(*began)),
                    took: Some(nanoseconds(*took)),
                    ..Self::default()
                };
                match answer.clone() {
                    Answer::Ok(success) => line.ok = Some(success),
                    Answer::Err(failure) => line.err = Some(failure),
                    Answer::Threw(thrown) => line.threw = Some(thrown),
                    Answer::Unsupported { why } => line.unsupported = Some(Unsupported { why }),
                }
                line
            }
        }
    }

    fn message(mut self) -> Result<Message, Found> {
        let kind = self.kind.take().ok_or(Found::Missing { key: "kind" })?;
        let message = match kind.as_str() {
            "hello" => Message::Hello(self.hello()?),
            "started" => {
                Message::Started { id: needed(&mut self.id, "id")?, thread: self.thread.take() }
            }
            "done" => Message::Done {
                id: needed(&mut self.id, "id")?,
                began: Duration::from_nanos(needed(&mut self.began, "began")?),
                took: Duration::from_nanos(needed(&mut self.took, "took")?),
                answer: self.answer()?,
            },
            _ => return Err(Found::UnknownKind { kind: shown(&kind) }),
        };
        match self.keys().first() {
            Some(key) => Err(Found::Stray { kind, key }),
            None => Ok(message),
        }
    }

    fn hello(&mut self) -> Result<Hello, Found> {
        let versions = needed(&mut self.versions, "versions")?;
        if versions.is_empty() {
            return Err(Found::NoVersion);
        }
        let grains = needed(&mut self.granularity, "granularity")?;
        Ok(Hello {
            versions,
            name: needed(&mut self.name, "name")?,
            version: needed(&mut self.version, "version")?,
            offers: needed(&mut self.offers, "offers")?,
            lacks: self.lacks.take().unwrap_or_default(),
            granularity: Granularity {
                poll: Duration::from_nanos(grains.poll),
                socket: Duration::from_nanos(grains.socket),
            },
            names: self.names.take().unwrap_or_default(),
        })
    }

    fn answer(&mut self) -> Result<Answer, Found> {
        let given = self.results();
        let answers = [
            self.ok.take().map(Answer::Ok),
            self.err.take().map(Answer::Err),
            self.threw.take().map(Answer::Threw),
            self.unsupported.take().map(|Unsupported { why }| Answer::Unsupported { why }),
        ];
        if given.len() > 1 {
            return Err(Found::ManyResults { keys: given });
        }
        answers.into_iter().flatten().next().ok_or(Found::NoResult)
    }

    /// The results that it has.
    fn results(&self) -> Vec<&'static str> {
        let results = [
            self.ok.as_ref().map(|_| "ok"),
            self.err.as_ref().map(|_| "err"),
            self.threw.as_ref().map(|_| "threw"),
            self.unsupported.as_ref().map(|_| "unsupported"),
        ];
        results.into_iter().flatten().collect()
    }

    /// The keys that it has.
    fn keys(&self) -> Vec<&'static str> {
        let others = [
            self.id.map(|_| "id"),
            self.began.map(|_| "began"),
            self.took.map(|_| "took"),
            self.versions.as_ref().map(|_| "versions"),
            self.name.as_ref().map(|_| "name"),
            self.version.as_ref().map(|_| "version"),
            self.offers.as_ref().map(|_| "offers"),
            self.lacks.as_ref().map(|_| "lacks"),
            self.thread.map(|_| "thread"),
            self.granularity.as_ref().map(|_| "granularity"),
            self.names.map(|_| "names"),
        ];
        let mut keys = self.results();
        keys.extend(others.into_iter().flatten());
        keys
    }
}

fn needed<T>(value: &mut Option<T>, key: &'static str) -> Result<T, Found> {
    value.take().ok_or(Found::Missing { key })
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The beginning of a text that an agent chose, without what a terminal would take for more.
fn shown(text: &str) -> String {
    // The line is one of many, which `serde_json` cannot know.
    let text = text.rsplit_once(" at line 1 column ").map_or(text, |(text, _)| text);
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// How many characters of a text are shown.
const SHOWN: usize = 80;

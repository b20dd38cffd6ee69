//! The facts about a run, owned and serialisable. Reports are made from these alone, whether they
//! arrive live or from a recording.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run::{Entry, Known, Plan, Samples, Shard, Verdict, kernel_release};
use crate::scenario::{Place, Scenario, Variant};
use crate::vocabulary::{CaseId, Ending, Level, Outcome, Peer, ScenarioId};
use crate::wire::Frame;

/// The version of the recording's format. It grows with every change that an older reader would
/// misunderstand.
pub const FORMAT: u32 = 1;

/// One fact.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    RunStarted(RunStarted),
    /// A scenario takes part; its cases follow later.
    ScenarioLoaded(Arc<Scenario>),
    /// A case begins.
    CaseStarted {
        /// Which.
        case: CaseId,
        /// Which repetition, from 1.
        #[schemars(range(min = 1))]
        iteration: u32,
    },
    /// A case ended, or was not run at all.
    CaseFinished(Box<CaseFinished>),
    /// The run ended.
    RunFinished(RunFinished),
}

/// What is known before the first case runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// The format of the recording.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// The version of sockspec.
    pub sockspec: String,
    /// The subject's name.
    pub subject: String,
    /// The subject's version.
    pub subject_version: String,
    /// Who played the actors, where the subject could have played with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// The command that was given, where the subject's agent, or the proxy, has no name of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The release of the kernel that the harness runs on, such as `6.18.44`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Where the scenarios come from, for a person to read.
    pub suite: String,
    /// The files and folders they come from, where some were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// To how many hosts the groups of a lan were grown, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<u32>,
    /// Which part of the suite takes part, where it was divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// How many scenarios take part.
    pub scenarios: u32,
    /// How many cases take part.
    pub cases: u32,
    /// How often each runs.
    pub repeat: u32,
    /// How many run side by side.
    pub jobs: u32,
    /// The seed of the order, where one was given.
    pub seed: Option<u64>,
    /// How many threads computed beside the cases, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<u32>,
    /// Wall-clock time at the start, in seconds since 1970.
    pub at: u64,
    /// What the subject is known to do otherwise, where expectations were held against the run. A
    /// case's standing follows from it and from the case's verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
}

impl RunStarted {
    /// That a plan begins now, with the usual options and a subject of which nothing is known yet.
    pub fn of(plan: &Plan) -> Self {
        Self {
            format: FORMAT,
            sockspec: env!("CARGO_PKG_VERSION").to_owned(),
            subject: String::new(),
            subject_version: String::new(),
            peer: None,
            command: Vec::new(),
            kernel: kernel_release(),
            suite: String::new(),
            paths: Vec::new(),
            hosts: None,
            shard: None,
            scenarios: u32::try_from(plan.scenarios().len()).unwrap_or(u32::MAX),
            cases: u32::try_from(plan.len()).unwrap_or(u32::MAX),
            repeat: 1,
            jobs: 1,
            seed: None,
            stress: None,
            at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            known: None,
        }
    }

    /// The subject's name, with its peer where that is another: what tells the runs of one subject apart.
    pub fn label(&self) -> String {
        self.peer.unwrap_or_default().label(&self.subject)
    }

    /// The same with the subject's version.
    pub fn title(&self) -> String {
        format!("{} {}", self.label(), self.subject_version).trim_end().to_owned()
    }

    /// The entries of the expectations that concern the run.
    pub fn entries(&self) -> &[Entry] {
        self.known.as_ref().map_or(&[], |known| &known.entries)
    }
}

/// What came of a case.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CaseFinished {
    /// Which.
    pub case: CaseId,
    /// Its scenario.
    pub scenario: ScenarioId,
    /// Its variant.
    pub variant: Variant,
    /// Which repetition, from 1.
    #[schemars(range(min = 1))]
    pub iteration: u32,
    /// How binding: the level of the step that failed, else the scenario's.
    pub level: Level,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, where the verdict does not follow from a step: skipped, unsupported, broken.
    pub reason: Option<String>,
    /// What each step came to, in order, up to the last that ran.
    pub steps: Vec<StepReport>,
    /// How long it took.
    pub took: Duration,
    /// The worst stall that the witness saw meanwhile, by which a `wait` of its own was late, or for
    /// which its thread had to wait for a core within one step.
    pub stall: Duration,
    /// How often it was run, because the machine had stalled when it failed; seldom more than 1.
    #[serde(default = "once")]
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// The packets that were seen meanwhile, where they were captured and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<Packets>,
}

impl CaseFinished {
    /// Whether the machine stalled in every attempt at it, so that what it came to says nothing.
    pub fn is_undecided(&self) -> bool {
        self.verdict == Verdict::Slow && self.reason.is_some()
    }

    /// Whether it failed, and in a step that did not end its stream as is said, if that is said.
    pub fn fails_but_for(&self, ending: Option<Ending>) -> bool {
        let failing = || self.steps.iter().find(|step| step.judgement.is_bad());
        self.verdict == Verdict::Fail
            && ending.is_some_and(|said| failing().and_then(|step| step.ending) != Some(said))
    }
}

fn once() -> u32 {
    1
}

/// What one step came to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// Where it stands.
    pub place: Place,
    /// Where its expectation stands.
    pub expected: Option<Place>,
    /// What came of it; `None` for a step that has no outcome or did not run.
    pub outcome: Option<Outcome>,
    /// When it began, from the case's start.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// Expectation held against observation.
    pub judgement: Judgement,
    /// How it ended the stream or the call, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// By which class an error was taken for the one that is expected, where the subject has names of its
    /// own, for a person to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long each call took of a step that is performed several times. Where one of them was not
    /// as expected, all else is said of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
}

/// The packets of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Packets {
    /// The names of the hosts on which they were seen.
    pub hosts: Vec<String>,
    /// When the case started, in nanoseconds since 1970.
    pub began: u64,
    /// The packets, in the order in which they were seen.
    pub frames: Vec<PacketReport>,
    /// How many were seen and lost, because they came faster than they were taken.
    pub lost: u64,
}

/// A packet as it was seen at one place, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PacketReport {
    /// When it was seen, from the case's start.
    pub at: Duration,
    /// The host, by its position, that put it on its link, if that is what was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<usize>,
    /// The host, by its position, to which its link carried it, if that is what was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<usize>,
    /// How many bytes it has.
    pub length: u32,
    /// Its first bytes, from the Ethernet header on; as base64 in a recording.
    #[serde(with = "base64")]
    #[schemars(with = "String", regex(pattern = base64::PATTERN))]
    #[schemars(extend("contentEncoding" = "base64"))]
    pub bytes: Box<[u8]>,
}

impl From<Frame> for PacketReport {
    fn from(Frame { at, sender, receiver, length, bytes }: Frame) -> Self {
        Self { at, sender, receiver, length, bytes }
    }
}

impl From<PacketReport> for Frame {
    fn from(PacketReport { at, sender, receiver, length, bytes }: PacketReport) -> Self {
        Self { at, sender, receiver, length, bytes }
    }
}

mod base64 {
    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// What such a text looks like, as a regular expression (RFC 4648 §4).
    pub(super) const PATTERN: &str =
        "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Box<[u8]>, D::Error> {
        let text = String::deserialize(from)?;
        BASE64.decode(text.as_bytes()).map(Vec::into_boxed_slice).map_err(D::Error::custom)
    }
}

/// An expectation held against an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "judgement", rename_all = "kebab-case")]
pub enum Judgement {
    /// It gave what it must, or nothing was asked.
    Met,
    /// It gave what it must, too late.
    Slow {
        /// By when it should have returned.
        limit: Duration,
    },
    /// It gave something else.
    Missed {
        /// What is wrong, for a person to read, without repeating the outcome.
        detail: Option<String>,
    },
    /// It gave what it must, earlier than `after` allows. No machine's stall can explain that.
    Early {
        /// By how much, for a person to read.
        detail: String,
    },
    /// It gave something else, but binds less than the level that was asked for.
    Excused {
        /// What is wrong.
        detail: Option<String>,
    },
    /// It did not return by its deadline.
    Hung,
    /// It did not apply: an allowed alternative of an earlier step left nothing to act on.
    Moot,
}

impl Judgement {
    /// Whether the step is one at which a case fails.
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Missed { .. } | Self::Early { .. } | Self::Hung)
    }

    /// The same of a step that binds less than what was asked for.
    pub(super) fn excused(self) -> Self {
        match self {
            Self::Missed { detail } => Self::Excused { detail },
            Self::Early { detail } => Self::Excused { detail: Some(detail) },
            Self::Hung => Self::Excused { detail: None },
            other => other,
        }
    }
}

/// What is known when the last case has ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunFinished {
    /// How long the run took.
    pub took: Duration,
    /// The worst stall that the witness saw, or that befell a case.
    pub stall: Duration,
    /// Whether it ended before every case had run.
    pub cut_short: bool,
    /// The parts of the suite that are not in it, where the recordings of parts were merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Shard>,
    /// What the process still held that it did not hold before the run, for a person to read.
    pub leaks: Vec<String>,
    /// What was made to run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<HostsMade>,
}

/// The hosts that were made for the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostsMade {
    /// How many.
    pub hosts: u32,
    /// How long that took in all.
    pub took: Duration,
    /// How many cases ran on them.
    pub leased: u32,
}

use std::collections::BTreeMap;
use std::time::Duration;

use super::text::cut;
use crate::report::excerpt::{between, line};
use crate::report::failure::{message, point_of};
use crate::report::printable::Many;
use crate::run::event::{CaseFinished, Judgement, StepReport};
use crate::scenario::{Action, Case, Scenario, Step, Variant};
use crate::vocabulary::{ActorId, Op, Outcome, Verb};

/// What a step, or the steps of a pair, did.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) role: Role,
    /// The actor, by its position; `None` for what nobody in particular does.
    pub(super) actor: Option<usize>,
    /// What was asked.
    pub(super) words: String,
    /// What came of it.
    pub(super) said: Option<String>,
    pub(super) sign: Sign,
    /// What else there is to say of it, line by line.
    pub(super) remarks: Vec<String>,
    pub(super) began: Duration,
    pub(super) ended: Duration,
    /// How long it took, as the step was judged.
    pub(super) took: Duration,
    /// Whether it was never seen to return.
    pub(super) is_open: bool,
    /// Whether the case failed here.
    pub(super) is_point: bool,
    /// Whether the case failed where this was waited for.
    pub(super) fails_later: bool,
    /// The started call whose end it waits for.
    pub(super) awaits: Option<usize>,
    /// Of calls that go on beside each other for one actor, which this is.
    pub(super) slot: usize,
}

/// What part a step plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A call that the next step waits for.
    Plain,
    /// A call that goes on beside the next steps.
    Started,
    /// The end of such a call.
    Awaited,
    /// Time passes.
    Wait,
    /// Packets are looked at, or links changed.
    Wire,
    /// The steps that made a pair, all as they must be.
    Pair,
}

/// How a step was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing was expected.
    Silent,
    Met,
    Slow,
    Excused,
    Bad,
}

impl Sign {
    const fn of(step: &StepReport) -> Self {
        match step.judgement {
            Judgement::Met if step.expected.is_none() => Self::Silent,
            Judgement::Met => Self::Met,
            Judgement::Moot => Self::Silent,
            Judgement::Slow { .. } => Self::Slow,
            Judgement::Excused { .. } => Self::Excused,
            Judgement::Missed { .. } | Judgement::Early { .. } | Judgement::Hung => Self::Bad,
        }
    }

    /// The glyph beside it.
    pub(super) const fn glyph(self) -> &'static str {
        match self {
            Self::Silent => "",
            Self::Met => "✓",
            Self::Slow => "~",
            Self::Excused => "≠",
            Self::Bad => "✗",
        }
    }

    /// The class of its text.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Silent => "d-faint",
            Self::Met => "d-good",
            Self::Slow | Self::Excused => "d-odd",
            Self::Bad => "d-bad",
        }
    }

    /// What a screen reader is told.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Silent => "",
            Self::Met => "as expected",
            Self::Slow => "late",
            Self::Excused => "not as expected, but it need not be",
            Self::Bad => "not as expected",
        }
    }
}

/// The most lines of what else there is to say.
const MOST_REMARKS: usize = 5;
/// The most calls of one actor that stand beside each other.
const MOST_SLOTS: usize = 3;
/// How long each is at most.
const REMARK: usize = 160;
/// Of more bytes than this only their number is told.
const SHOWN_BYTES: u64 = 24;

/// The calls of a case, in the order of its steps.
pub(super) fn calls(
    case: &CaseFinished,
    scenario: &Scenario,
    elaborated: Option<&Case>,
    steps: &[Option<&Step>],
    names: &[String],
) -> Vec<Call> {
    let mut made = Calls { calls: Vec::new(), started: BTreeMap::new() };
    let point = point_of(case);
    let end = |step: &StepReport| step.began.saturating_add(step.took);
    let last = case.steps.iter().map(end).max().unwrap_or_default();
    let mut at = 0;
    while let Some(report) = case.steps.get(at) {
        let group = pair(&case.steps[at..], &scenario.source);
        if group > 0 {
            made.calls.push(paired(&case.steps[at..at + group], &scenario.source));
            at += group;
            continue;
        }
        if report.judgement != Judgement::Moot {
            let step = steps.get(at).copied().flatten();
            let mut call = call(case, report, &scenario.source, point == Some(at));
            let actor = step.and_then(actor_of).map(ActorId::index);
            call.actor = match call.role {
                Role::Wait | Role::Wire => None,
                _ => actor.or_else(|| named(&call.words, names)),
            };
            if let (true, Some(Action::Perform { op, .. }), Some(case)) =
                (call.role == Role::Pair, step.map(|step| &step.action), elaborated)
            {
                call.words = words_of_pair(op, case);
            } else if !matches!(call.role, Role::Wait | Role::Wire | Role::Pair)
                && let Some(actor) = call.words.find(' ')
            {
                call.words.drain(..=actor);
            }
            if call.role == Role::Pair {
                call.role = Role::Plain;
            }
            if let (Some(Outcome::Data { source: Some(sender), .. }), Some(host)) =
                (&report.outcome, step.filter(|_| call.sign == Sign::Met).and_then(sender_of))
                && let (Some(said), Some(name)) = (&mut call.said, names.get(host.index()))
            {
                *said = said.replace(&format!(" from {sender}"), &format!(" from {name}"));
            }
            made.add(call, report, last);
        }
        at += 1;
    }
    made.calls
}

struct Calls {
    calls: Vec<Call>,
    /// The call that each name stands for.
    started: BTreeMap<String, usize>,
}

impl Calls {
    fn add(&mut self, mut call: Call, report: &StepReport, last: Duration) {
        match call.role {
            Role::Started => {
                if let Some((_, tag)) = call.words.rsplit_once('&') {
                    self.started.insert(tag.to_owned(), self.calls.len());
                }
                (call.is_open, call.ended) = (true, last);
                let is_beside = |slot: &usize| {
                    self.calls.iter().any(|other| {
                        (other.role, other.actor, other.slot) == (Role::Started, call.actor, *slot)
                            && other.ended > call.began
                    })
                };
                call.slot = (0..MOST_SLOTS).find(|slot| !is_beside(slot)).unwrap_or(MOST_SLOTS);
            }
            Role::Awaited => {
                let tag = call.words.rsplit(' ').next().unwrap_or_default();
                call.began = call.ended;
                call.awaits = self.started.get(tag).copied();
                if let Some(started) = call.awaits.and_then(|at| self.calls.get_mut(at)) {
                    started.fails_later |= call.is_point;
                    started.is_open = matches!(report.outcome, None | Some(Outcome::Blocked));
                    // The thread that it has to itself begins it later than it was asked to.
                    let asked = started.began..=started.began.saturating_add(started.took);
                    if asked.contains(&report.began) {
                        started.began = report.began;
                    }
                    started.ended = if started.is_open { last } else { call.ended };
                }
            }
            Role::Plain | Role::Wait | Role::Wire | Role::Pair => {}
        }
        self.calls.push(call);
    }
}

/// One step.
fn call(case: &CaseFinished, report: &StepReport, source: &str, is_point: bool) -> Call {
    let words = substituted(between(source, report.place, report.place), &case.variant);
    let mut sign = Sign::of(report);
    let mut said = report.outcome.as_ref().map(said_of);
    let expected = || report.expected.map(|expected| between(source, expected, expected));
    let expected = || expected().map(|words| substituted(words, &case.variant));
    let mut remarks: Vec<String> = Vec::new();
    match &report.judgement {
        Judgement::Slow { limit } => {
            remarks.extend(report.note.clone());
            remarks.push(format!("later than {limit:?}"));
        }
        Judgement::Excused { detail } => {
            remarks.extend(expected().map(|words| format!("expected {words}")));
            remarks.extend(detail.iter().flat_map(|detail| detail.lines()).map(str::to_owned));
        }
        _ if is_point => {
            sign = Sign::Bad;
            let mut lines = message(case.verdict, report, source).into_iter();
            let first = lines.next();
            said = match report.judgement {
                Judgement::Hung => {
                    remarks.push("ended at its deadline".to_owned());
                    Some("blocked".to_owned())
                }
                _ => said.or(first),
            };
            remarks.extend(expected().map(|words| format!("expected {words}")));
            remarks.extend(lines);
        }
        _ => remarks.extend(report.note.clone()),
    }
    remarks.truncate(MOST_REMARKS);
    Call {
        role: role(&words, source, report),
        actor: None,
        words,
        said,
        sign,
        remarks: remarks.iter().map(|line| cut(line, REMARK)).collect(),
        began: report.began,
        ended: report.began.saturating_add(report.took),
        took: report.took,
        is_open: false,
        is_point,
        fails_later: false,
        awaits: None,
        slot: 0,
    }
}

/// What came of a step, shorter than it is told elsewhere.
fn said_of(outcome: &Outcome) -> String {
    let Outcome::Data { bytes, source, truncated } = outcome else { return outcome.to_string() };
    let sender = source.as_ref().map(|sender| format!(" from {sender}")).unwrap_or_default();
    if bytes.length() <= SHOWN_BYTES {
        return format!("{outcome}{sender}");
    }
    let cut = if *truncated { " MSG_TRUNC" } else { "" };
    format!("{}{cut}{sender}", Many(bytes.length(), "byte"))
}

fn role(words: &str, source: &str, report: &StepReport) -> Role {
    let mut each = words.split(' ');
    let (first, second) = (each.next().unwrap_or_default(), each.next().unwrap_or_default());
    match (first, second) {
        ("wait", _) => Role::Wait,
        ("wire", _) => Role::Wire,
        (_, "await") => Role::Awaited,
        _ if is_pair(source, report) => Role::Pair,
        _ if words.rsplit(' ').next().is_some_and(|tag| tag.len() > 1 && tag.starts_with('&')) => {
            Role::Started
        }
        _ => Role::Plain,
    }
}

fn is_pair(source: &str, report: &StepReport) -> bool {
    line(source, report.place.line).split_whitespace().next() == Some("pair")
}

/// How many steps from the first on made one pair, all of them as they must be.
fn pair(reports: &[StepReport], source: &str) -> usize {
    let Some(first) = reports.first().filter(|first| is_pair(source, first)) else { return 0 };
    let of_pair = reports.iter().take_while(|report| report.place == first.place);
    let count = of_pair.clone().count();
    let is_met =
        |report: &StepReport| report.judgement == Judgement::Met && report.outcome.is_some();
    if of_pair.clone().all(is_met) { count } else { 0 }
}

/// The steps that made a pair.
fn paired(reports: &[StepReport], source: &str) -> Call {
    let began = reports.iter().map(|report| report.began).min().unwrap_or_default();
    let end = |report: &StepReport| report.began.saturating_add(report.took);
    let ended = reports.iter().map(end).max().unwrap_or_default();
    let words = line(source, reports[0].place.line);
    Call {
        role: Role::Pair,
        actor: None,
        words: words.split_whitespace().collect::<Vec<_>>().join(" "),
        said: None,
        sign: Sign::Met,
        remarks: Vec::new(),
        began,
        ended,
        took: ended.saturating_sub(began),
        is_open: false,
        is_point: false,
        fails_later: false,
        awaits: None,
        slot: 0,
    }
}

/// A step that belongs to a pair, which the scenario does not write out.
fn words_of_pair(op: &Op, case: &Case) -> String {
    let name = |at: usize| case.sockets.get(at).map_or("", |socket| &*socket.name);
    let verb = match op {
        Op::Bind { .. } => Verb::Bind,
        Op::Listen { .. } => Verb::Listen,
        Op::Open { .. } => Verb::Open,
        Op::Connect { .. } => Verb::Connect,
        Op::Accept { .. } => Verb::Accept,
        _ => Verb::Close,
    };
    format!("{} {} (pair)", verb.word(), name(op.socket().index()))
}

const fn actor_of(step: &Step) -> Option<ActorId> {
    match &step.action {
        Action::Perform { actor, .. }
        | Action::Start { actor, .. }
        | Action::Await { actor, .. }
        | Action::Interrupt { actor, .. } => Some(*actor),
        Action::Wait(_) | Action::Wire(_) => None,
    }
}

/// The host that the bytes must come from whichever of its outcomes a step has.
fn sender_of(step: &Step) -> Option<ActorId> {
    let mut hosts = step.expectation.iter().flat_map(|one| &one.alternatives).map(|one| one.from);
    let first = hosts.next()??;
    hosts.all(|host| host == Some(first)).then_some(first)
}

/// The actor that a step's first word names.
fn named(words: &str, names: &[String]) -> Option<usize> {
    let first = words.split(' ').next()?;
    names.iter().position(|name| name == first)
}

/// The words of a step with the values of its variant in their places.
fn substituted(words: String, variant: &Variant) -> String {
    if !words.contains('$') {
        return words;
    }
    let mut values: Vec<_> = variant.values.iter().collect();
    // A name can be the start of another.
    values.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    values.into_iter().fold(words, |words, (name, value)| words.replace(&format!("${name}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::transcript::Transcript;

    #[test]
    fn a_step_that_was_met_by_its_class_says_so() {
        let transcript = Transcript::of(&fixture::run());
        let shown =
            transcript.cases().into_iter().map(crate::report::transcript::CaseTranscript::shown);
        let mut passed = shown.filter(|case| case.verdict == crate::run::Verdict::Pass);
        let mut case = passed.next_back().expect("one passes").clone();
        let scenario = transcript.scenario(&case.scenario).expect("it is there");
        let remarks = |case: &CaseFinished| -> Vec<String> {
            calls(case, scenario, None, &[], &[]).into_iter().flat_map(|one| one.remarks).collect()
        };
        assert_eq!(remarks(&case), [""; 0]);
        let note = "ESHUTDOWN, of the class of EPIPE (send-refused)";
        case.steps.last_mut().expect("it has steps").note = Some(note.to_owned());
        assert_eq!(remarks(&case), [note]);
    }
}

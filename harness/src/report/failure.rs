use std::fmt::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use super::distribution::Distribution;
use super::elapsed::{CaseTime, Elapsed, Tenths, Thousands};
use super::excerpt::{Excerpt, LineMark, between};
use super::palette::{Painted, Palette};
use super::printable::{Cut, Printable, ShellWord};
use super::wire::Wire;
use crate::run::event::{CaseFinished, Judgement, RunStarted, StepReport};
use crate::run::{Entry, Samples, Verdict};
use crate::scenario::{Place, Scenario};
use crate::vocabulary::{CaseId, Level, Outcome, ScenarioId};

/// What is kept of a case that failed, to be shown at the end of the run.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) case: CaseId,
    pub(crate) scenario: ScenarioId,
    pub(crate) iteration: u32,
    pub(crate) verdict: Verdict,
    /// Whether the expectations say that the case may come to this.
    pub(crate) is_known: bool,
    pub(crate) level: Level,
    reason: Option<String>,
    pub(crate) took: Duration,
    before: Vec<LineMark>,
    point: Option<StepReport>,
    wire: Option<Wire>,
}

/// Failures with an equal key have the same cause as far as can be seen: the same step of the same
/// scenario came to the same.
pub(crate) type Key = (ScenarioId, Verdict, Option<(u32, u32)>, String);

impl Failure {
    pub(crate) fn of(case: &CaseFinished) -> Self {
        let index = point_of(case);
        let point = index.map(|index| case.steps[index].clone());
        let mut before = LineMark::of(&case.steps[..index.unwrap_or(case.steps.len())]);
        if let Some(point) = &point {
            before.retain(|mark| mark.number != point.place.line);
        }
        Self {
            case: case.case.clone(),
            scenario: case.scenario.clone(),
            iteration: case.iteration,
            verdict: case.verdict,
            is_known: false,
            level: case.level,
            reason: case.reason.clone(),
            took: case.took,
            before,
            wire: case.packets.as_ref().map(|packets| Wire::of(packets, point.as_ref())),
            point,
        }
    }

    /// The step at which it failed.
    pub(crate) const fn point(&self) -> Option<&StepReport> {
        self.point.as_ref()
    }

    /// What happened, in a few words: `line 11: gave ECONNRESET`.
    pub(crate) fn in_short(&self) -> Option<String> {
        match self.place() {
            Some(place) => Some(format!("line {}: {}", place.line, self.outcome())),
            None => self.reason.clone(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        let place = self.point.as_ref().map(|step| (step.place.line, step.place.column));
        let outcome = self.point.as_ref().and_then(|step| step.outcome.as_ref());
        let text = match (self.verdict, outcome) {
            (_, Some(outcome)) => outcome.to_string(),
            // The last words of one crash are seldom those of the next.
            (Verdict::Crash, None) => String::new(),
            (_, None) => self.reason.clone().unwrap_or_default(),
        };
        (self.scenario.clone(), self.verdict, place, text)
    }

    /// Where it failed: the expectation that was not met, or the step where it has none.
    pub(crate) fn place(&self) -> Option<Place> {
        self.point.as_ref().map(|step| step.expected.unwrap_or(step.place))
    }

    /// What came of the step at which it failed: `gave ECONNRESET`, `it hung`, or the verdict alone.
    pub(crate) fn outcome(&self) -> String {
        match self.point.as_ref().map(|step| (&step.judgement, &step.outcome)) {
            Some((Judgement::Hung, _)) => "it hung".to_owned(),
            Some((Judgement::Early { .. }, Some(outcome))) => format!("gave {outcome} too early"),
            Some((_, Some(outcome))) => format!("gave {outcome}"),
            _ => self.verdict.to_string(),
        }
    }

    /// What happened, on one line and without times: `line 11: gave ECONNRESET instead of "pong"`.
    pub(crate) fn headline(&self, source: &str) -> String {
        let mut text = String::new();
        if let Some(place) = self.place() {
            // Writing to a string cannot fail.
            let _ = write!(text, "line {}: ", place.line);
        }
        let said = self.point.as_ref().and_then(|step| match (&step.judgement, &step.outcome) {
            (Judgement::Hung, _) | (Judgement::Early { .. }, Some(_)) => Some(None),
            (Judgement::Missed { detail }, Some(_)) => Some(detail.as_deref()),
            (Judgement::Missed { detail: Some(detail) }, None) => Some(Some(detail.as_str())),
            _ => None,
        });
        let expected = self.point.as_ref().and_then(|step| step.expected);
        match (said, expected, self.verdict) {
            (Some(detail), Some(expected), _) => {
                let outcome = self.outcome();
                let _ =
                    write!(text, "{outcome} instead of {}", between(source, expected, expected));
                if let Some(detail) = detail.and_then(first_line) {
                    let _ = write!(text, ": {detail}");
                }
            }
            (Some(Some(detail)), None, _) => text += first_line(detail).unwrap_or_default(),
            (Some(None), None, _) => text += &self.outcome(),
            (None, _, verdict) => {
                text += match verdict {
                    Verdict::Crash => "the subject died",
                    Verdict::Broken => "the harness failed",
                    other => other.word(),
                };
                if let Some(reason) = self.reason.as_deref().and_then(first_line) {
                    let _ = write!(text, ": {reason}");
                }
            }
        }
        let text = Cut { text: &text, length: HEADLINE }.to_string();
        Cut { text: &Printable(&text).to_string(), length: HEADLINE }.to_string()
    }
}

/// The position of the step at which a case failed.
pub(crate) fn point_of(case: &CaseFinished) -> Option<usize> {
    let missed = case.steps.iter().position(|step| step.judgement.is_bad());
    // Where the subject or the harness died within a step, nothing came of it.
    let died =
        || case.steps.len().checked_sub(1).filter(|last| case.steps[*last].outcome.is_none());
    match case.verdict {
        Verdict::Crash | Verdict::Broken => missed.or_else(died),
        _ => missed,
    }
}

/// What is said of the step at which a case failed: what came of it, and what is wrong with that.
pub(crate) fn message(verdict: Verdict, step: &StepReport, source: &str) -> Vec<String> {
    let after = Elapsed(step.took);
    let (said, detail) = match (&step.judgement, &step.outcome) {
        (Judgement::Hung, _) => {
            (format!("blocked, ended at its deadline after {}", Tenths(step.took)), None)
        }
        (Judgement::Missed { detail }, Some(Outcome::Blocked)) => {
            (format!("blocked, ended after {after}"), detail.as_deref())
        }
        (Judgement::Missed { detail }, Some(outcome)) => {
            let sender = match outcome {
                Outcome::Data { source: Some(sender), .. } => format!(" from {sender}"),
                _ => String::new(),
            };
            // Packets are looked at when all is over: there is no call that took a time.
            let looked_at = between(source, step.place, step.place).starts_with("wire ");
            let after = if looked_at { String::new() } else { format!(" after {after}") };
            (format!("{outcome}{sender}{after}"), detail.as_deref())
        }
        (Judgement::Early { detail }, Some(outcome)) => {
            (format!("{outcome} after {after}"), Some(detail.as_str()))
        }
        (Judgement::Missed { detail: Some(detail) }, None) => (detail.clone(), None),
        (Judgement::Missed { detail: None }, None) => ("nothing came of it".to_owned(), None),
        _ if verdict == Verdict::Broken => ("the harness failed here".to_owned(), None),
        _ => (format!("the subject died here, after {after}"), None),
    };
    std::iter::once(said)
        .chain(detail.into_iter().flat_map(str::lines).map(str::to_owned))
        .chain(step.samples.iter().flat_map(sampled))
        .collect()
}

/// Which of the samples of a step was the one that failed, and how they are distributed.
fn sampled(samples: &Samples) -> impl Iterator<Item = String> + use<> {
    let number = Thousands(samples.over.len() as u64);
    let which = format!("sample {number} of {}", Thousands(samples.wanted.into()));
    let distribution = Distribution::of_step(samples).map(|all| all.to_string());
    std::iter::once(which).chain(distribution)
}

/// A failure as it is shown to a person.
pub(crate) struct Shown<'a> {
    pub(crate) failure: &'a Failure,
    /// Other cases that failed in the same way.
    pub(crate) same: &'a [&'a CaseId],
    /// What the expectations say of it instead.
    pub(crate) entry: Option<&'a Entry>,
    /// How often it failed or was broken, of how many times it ran.
    pub(crate) times: (u32, u32),
    pub(crate) scenario: Option<&'a Scenario>,
    pub(crate) run: Option<&'a RunStarted>,
    pub(crate) palette: Palette,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, palette, .. } = self;
        self.heading(f)?;
        if let Some(scenario) = self.scenario {
            write!(f, "  {}", Printable(&scenario.path))?;
            match failure.place() {
                Some(place) => writeln!(f, ":{}:{}", place.line, place.column)?,
                None => writeln!(f)?,
            }
            let message =
                failure.point.as_ref().map(|step| message(failure.verdict, step, &scenario.source));
            let excerpt = Excerpt {
                source: &scenario.source,
                before: &failure.before,
                point: failure.place(),
                message: &message.unwrap_or_default(),
                palette: *palette,
            };
            write!(f, "{excerpt}")?;
        }
        if let Some(reason) = &failure.reason {
            for (index, line) in reason.trim_end().lines().enumerate() {
                self.row(f, if index == 0 { "reason" } else { "" }, Printable(line))?;
            }
        }
        for (index, line) in failure.wire.iter().flat_map(Wire::lines).enumerate() {
            self.row(f, if index == 0 { "wire" } else { "" }, line)?;
        }
        if let Some(cite) =
            self.scenario.map(|scenario| &scenario.cite).filter(|cite| !cite.is_empty())
        {
            self.row(f, "clause", Printable(&cite.join(", ")))?;
        }
        self.known(f)?;
        let (failed, runs) = self.times;
        if runs > 1 {
            let first = failure.iteration;
            self.row(
                f,
                "repeats",
                format!("failed {failed} of {runs}, the first time in run {first}"),
            )?;
        }
        self.same(f)?;
        self.row(f, "again", self.again())
    }
}

impl Shown<'_> {
    fn heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { case, level, verdict, took, .. } = self.failure;
        let Palette { bad, odd, strong, faint, .. } = self.palette;
        let style = if *verdict == Verdict::Broken { odd } else { bad };
        let word = Painted(style, verdict.word().to_uppercase());
        let case = Painted(strong, Printable(case.as_str()));
        write!(f, "{word}  {case}  {:<6} ", level.word())?;
        if let Some(run) = self.run {
            write!(f, "on {}", Printable(&run.title()))?;
        }
        writeln!(f, "      {}", Painted(faint, CaseTime(*took)))
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, label: &str, text: impl fmt::Display) -> fmt::Result {
        writeln!(f, "  {} {text}", Painted(self.palette.faint, format!("{label:<8}")))
    }

    /// What was known of it, where it came to something else.
    fn known(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.run.and_then(|run| run.known.as_ref());
        let (Some(known), Some(entry)) = (known, self.entry) else { return Ok(()) };
        let (words, file) = (entry.words(), Printable(&known.file));
        self.row(f, "known", format!("{file}:{} expects {words}", entry.line))
    }

    /// The other variants, by what distinguishes them.
    fn same(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut label = "the same";
        let mut line = String::new();
        for case in self.same.iter().take(SAME_SHOWN) {
            let variant = case.as_str().strip_prefix(self.failure.scenario.as_str());
            let variant = Printable(variant.unwrap_or(case.as_str())).to_string();
            if !line.is_empty() && line.len() + variant.len() > SAME_WIDTH {
                self.row(f, std::mem::take(&mut label), line.trim_end())?;
                line.clear();
            }
            line += &variant;
            line.push(' ');
        }
        if let Some(more) = self.same.len().checked_sub(SAME_SHOWN).filter(|more| *more > 0) {
            // Writing to a string cannot fail, here and below.
            let _ = write!(line, "and {more} more");
        }
        if line.is_empty() { Ok(()) } else { self.row(f, label, line.trim_end()) }
    }

    /// The file or folder that the run was given and the scenario comes from.
    fn given(&self) -> Option<&str> {
        let path = Path::new(&self.scenario?.path);
        let given = self.run?.paths.iter().find(|given| path.starts_with(given));
        given.map(String::as_str)
    }

    /// The command that runs it again.
    pub(crate) fn again(&self) -> String {
        let mut command = "sockspec run ".to_owned();
        if let Some(place) = self.given() {
            let _ = write!(command, "{} ", ShellWord(place));
        }
        let _ =
            write!(command, "'{}'", Printable(&self.failure.case.as_str().replace('\'', r"'\''")));
        let own = self.run.map_or(&[][..], |run| &run.command);
        if let Some(run) = self.run {
            // A command is the agent itself, or the proxy between the sockets of a subject.
            let (subject, via) = match run.subject.strip_suffix("via-proxy") {
                Some(subject) if !own.is_empty() => (subject.trim_end_matches('-'), " --via"),
                _ => (run.subject.as_str(), ""),
            };
            let has_name = own.is_empty() || !via.is_empty();
            if has_name && !["", "kernel"].contains(&subject) {
                let _ = write!(command, " --subject {}", ShellWord(subject));
            }
            command.push_str(via);
            if let Some(peer) = run.peer {
                let _ = write!(command, " --peer {peer}");
            }
            if let Some(hosts) = run.hosts {
                let _ = write!(command, " --hosts {hosts}");
            }
            if let Some(seed) = run.seed {
                let _ = write!(command, " --seed {seed}");
            }
        }
        if let Some(threads) = self.run.and_then(|run| run.stress) {
            let _ = write!(command, " --stress {threads}");
        }
        let (failed, runs) = self.times;
        if runs > 1 && failed < runs {
            // Once would seldom show it.
            let _ = write!(command, " --repeat {runs}");
        }
        for (at, word) in own.iter().enumerate() {
            let _ = write!(command, "{} {}", if at == 0 { " --" } else { "" }, ShellWord(word));
        }
        command
    }
}

/// The first line of a text, unless it is empty, without a colon at its end.
fn first_line(text: &str) -> Option<&str> {
    let line = text.lines().next()?.trim().trim_end_matches(':');
    (!line.is_empty()).then_some(line)
}

/// How long a headline is, in characters.
const HEADLINE: usize = 400;
/// How many of the cases that failed in the same way are named.
const SAME_SHOWN: usize = 20;
/// How long a line of them is.
const SAME_WIDTH: usize = 88;

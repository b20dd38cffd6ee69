use askama::Template;

use super::failing::Failing;
use super::listing::Listing;
use super::packet_list::PacketList;
use super::sheet::{CaseRow, Count, ScenarioRow, Seen, Sheet};
use super::{column::Column, filters};
use crate::report::bytes::BytesDifference;
use crate::report::diagram::Diagram;
use crate::report::elaborated::Elaborated;
use crate::report::elapsed::{CaseTime, Elapsed, Thousands};
use crate::report::failure::{Failure, Shown};
use crate::report::histogram::Histogram;
use crate::report::palette::Palette;
use crate::run::event::{CaseFinished, StepReport};
use crate::run::{Entry, Verdict};
use crate::scenario::Scenario;

/// How many differences of bytes are shown of one repetition.
const DIFFERENCES: usize = 3;
/// How many histograms are shown of one repetition.
const HISTOGRAMS: usize = 12;

/// One repetition of a case in one run.
#[derive(Debug)]
pub(super) struct Observation<'a> {
    /// The run, and which repetition where several are shown.
    pub(super) label: String,
    pub(super) case: &'a CaseFinished,
    seen: Seen<'a>,
    column: &'a Column<'a>,
    elaborated: &'a Elaborated,
    /// Whether it is the one that the report shows of its run.
    pub(super) is_shown: bool,
    /// The run of which the steps are kept for this one, too, since it came to the same.
    kept_of: Option<String>,
}

impl<'a> Observation<'a> {
    /// What was seen of a case, run by run.
    fn all(
        columns: &'a [(&'a Column<'a>, Elaborated)],
        row: &CaseRow<'a>,
        is_wide: bool,
    ) -> Vec<Self> {
        let mut observations = Vec::new();
        let mut whole: Vec<(Verdict, Option<String>, String)> = Vec::new();
        for ((column, elaborated), seen) in columns.iter().zip(&row.seen) {
            let Some(seen) = *seen else { continue };
            let shown = seen.kept.shown();
            for case in std::iter::once(shown).chain(seen.kept.others()) {
                let label = match seen.kept.others() {
                    [] => column.label.clone(),
                    _ => format!("{}, run {}", column.label, case.iteration),
                };
                let is_shown = std::ptr::eq(case, shown);
                let (verdict, words) = (case.verdict, column.words(case));
                let same = whole.iter().find(|one| (one.0, &one.1) == (verdict, &words));
                let is_alone = !is_wide || !seen.kept.others().is_empty();
                let kept_of = same.filter(|_| !is_alone).map(|(_, _, other)| other.clone());
                if kept_of.is_none() {
                    whole.push((verdict, words, label.clone()));
                }
                observations.push(Self {
                    label,
                    case,
                    seen,
                    column,
                    elaborated,
                    is_shown,
                    kept_of,
                });
            }
        }
        observations
    }

    /// Whether its steps are kept.
    pub(super) const fn is_whole(&self) -> bool {
        self.kept_of.is_none()
    }

    fn scenario(&self) -> Option<&'a Scenario> {
        self.column.transcript.scenario(&self.case.scenario)
    }

    /// The text of its scenario.
    pub(super) fn source(&self) -> Option<&'a str> {
        self.scenario().map(|scenario| &*scenario.source)
    }

    fn verdict(&self) -> Count {
        Count::of(self.case.verdict, 1)
    }

    fn standing(&self) -> Option<Count> {
        self.seen.tally.standing().filter(|_| self.is_shown).map(|one| Count::standing(one, 1))
    }

    fn took(&self) -> String {
        CaseTime(self.case.took).to_string()
    }

    /// What else is to be said of it: where it failed, why it did not run, how often.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(other) = &self.kept_of {
            remarks.push(format!("the same as {other}, of which the steps are kept"));
        }
        let failing = Failing::of(self.case, self.source().unwrap_or_default());
        if let Some(failing) = failing.filter(|_| !self.case.verdict.is_good()) {
            remarks.push(failing.sentence());
        }
        remarks
            .extend(self.case.reason.iter().flat_map(|reason| reason.lines()).map(str::to_owned));
        if self.case.attempts > 1 {
            remarks.push(format!("attempt {}, since the machine stalled", self.case.attempts));
        }
        if !self.case.stall.is_zero() {
            remarks.push(format!("the machine stalled for {}", Elapsed(self.case.stall)));
        }
        let tally = self.seen.tally;
        if self.is_shown && tally.runs() > 1 {
            let times = |verdict: &Verdict| match tally.times(*verdict) {
                0 => None,
                times => Some(format!("{verdict} {}", Thousands(times.into()))),
            };
            let times: Vec<_> = Verdict::ALL.iter().filter_map(times).collect();
            let (runs, longest) = (Thousands(tally.runs().into()), Elapsed(tally.longest()));
            remarks.push(format!("{runs} runs: {}, longest {longest}", times.join(", ")));
        }
        remarks
    }

    /// What the expectations say of it, and in which line of their file.
    fn entry(&self) -> Option<(String, &'a Entry)> {
        let run = self.column.started()?;
        let entry = self.column.tally().entry(&self.case.case).filter(|_| self.is_shown)?;
        Some((format!("{}:{}", run.known.as_ref()?.file, entry.line), entry))
    }

    /// The command that runs it again.
    fn again(&self) -> String {
        let shown = Shown {
            failure: &Failure::of(self.case),
            same: &[],
            entry: None,
            times: (self.seen.tally.failed(), self.seen.tally.runs()),
            scenario: self.scenario(),
            run: self.column.started(),
            palette: Palette::plain(),
        };
        shown.again()
    }

    /// What happened, in a picture.
    fn diagram(&self) -> Option<Diagram<'a>> {
        let Self { case, elaborated, .. } = *self;
        let diagram = Diagram { case, scenario: self.scenario()?, elaborated };
        (!diagram.is_empty()).then_some(diagram)
    }

    /// Bytes that are not as expected, with their line.
    fn differences(&self) -> Vec<(u32, BytesDifference)> {
        let steps = self.case.steps.iter().enumerate();
        let difference = |(position, step): (usize, &StepReport)| {
            let difference = BytesDifference::of(self.case, position, self.elaborated)?;
            Some((step.place.line, difference))
        };
        steps.filter_map(difference).take(DIFFERENCES).collect()
    }

    /// How long the calls took of the steps that were performed several times, with their lines.
    fn samples(&self) -> Vec<(u32, Histogram<'a>)> {
        let steps = self.case.steps.iter();
        let sampled =
            |step: &'a StepReport| Some((step.place.line, Histogram(step.samples.as_ref()?)));
        steps.filter_map(sampled).take(HISTOGRAMS).collect()
    }

    fn packets(&self) -> Option<PacketList> {
        let version = self.column.started().map_or("", |run| &run.sockspec);
        let application = format!("sockspec {version}");
        PacketList::of(self.case, &application, self.source().unwrap_or_default())
    }
}

/// What is known of a case, as the page shows it when it is opened.
#[derive(Template)]
#[template(path = "page/case.html")]
pub(super) struct Detail<'a> {
    row: &'a CaseRow<'a>,
    scenario: Option<&'a Scenario>,
    observations: &'a [Observation<'a>],
    listings: Vec<Listing<'a>>,
}

impl<'a> Detail<'a> {
    /// The fragments of a scenario's cases, in their order.
    pub(super) fn all(sheet: &'a Sheet<'a>, scenario: &'a ScenarioRow<'a>) -> Vec<String> {
        // What the text of a scenario stands for is the same for all its cases.
        let elaborated = |column: &'a Column<'a>| {
            let hosts = column.started().and_then(|run| run.hosts);
            let scenario = column.transcript.scenario(scenario.id);
            (column, scenario.map_or_else(Elaborated::default, |one| Elaborated::of(one, hosts)))
        };
        let columns: Vec<_> = sheet.columns.iter().map(elaborated).collect();
        let of = |row: &'a CaseRow<'a>| {
            let observations = Observation::all(&columns, row, sheet.is_wide());
            let listings = Listing::of(&observations);
            let detail =
                Detail { row, scenario: scenario.scenario, observations: &observations, listings };
            // Writing to a string cannot fail.
            detail.render().unwrap_or_default()
        };
        scenario.cases.iter().map(of).collect()
    }

    /// Where the scenario stands: the line of the failing step, where there is one.
    fn place(&self) -> Option<String> {
        let path = &self.scenario?.path;
        let failing = self
            .observations
            .iter()
            .rev()
            .find_map(|one| Failing::of(one.case, one.source().unwrap_or_default()));
        Some(match failing {
            Some(Failing { place, .. }) => format!("{path}:{}:{}", place.line, place.column),
            None => path.clone(),
        })
    }
}

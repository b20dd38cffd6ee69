use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::distribution::Distribution;
use super::elapsed::{Tenths, Thousands};
use super::failure::Shown;
use super::failures::Failures;
use super::pace::Pace;
use super::palette::{Painted, Palette};
use super::printable::{Many, Printable};
use super::reporter::Reporter;
use super::rest::{IN_FULL, Rest};
use super::standing::Standing;
use super::status::{StatusLevel, StatusLine};
use super::summary::{Summary, announced};
use super::tally::Tally;
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Event, RunStarted, StepReport};
use crate::scenario::Scenario;
use crate::vocabulary::{CaseId, ScenarioId};

/// How the course of a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A bar on standard error, where that is a terminal.
    Bar,
    /// A line now and then, for a log.
    Log,
    /// Nothing, for a run that is over.
    Nothing,
}

/// The report for a person: a line at the start, the course of the run, then every failure and the
/// summary.
pub struct Terminal<W> {
    writer: W,
    palette: Palette,
    course: Course,
    status: StatusLevel,
    last: StatusLevel,
    scenarios: BTreeMap<ScenarioId, Arc<Scenario>>,
    failures: Failures,
    tally: Tally,
}

enum Course {
    Nothing,
    Bar(ProgressBar),
    Log { start: Instant, pace: Pace },
}

/// Where the bar is drawn, for those who have something to say beside it: their lines go above it.
#[derive(Clone, Debug)]
pub struct Screen {
    bar: Option<ProgressBar>,
}

impl Screen {
    /// Does something that writes whole lines, while no bar is in the way.
    pub fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl<W: Write + Send> Terminal<W> {
    /// Reports to a writer, in these styles.
    pub fn new(writer: W, palette: Palette, progress: Progress) -> Self {
        let course = match progress {
            Progress::Nothing => Course::Nothing,
            Progress::Bar => Course::Bar(ProgressBar::hidden()),
            Progress::Log => Course::Log { start: Instant::now(), pace: Pace::every(LOG_INTERVAL) },
        };
        Self {
            writer,
            palette,
            course,
            status: StatusLevel::None,
            last: StatusLevel::None,
            scenarios: BTreeMap::new(),
            failures: Failures::default(),
            tally: Tally::default(),
        }
    }

    /// Says this much of each case as it ends, and this much in a list at the end of the run.
    #[must_use]
    pub fn with_status(self, status: StatusLevel, last: StatusLevel) -> Self {
        Self { status, last, ..self }
    }

    /// Where it draws its bar.
    pub fn screen(&self) -> Screen {
        match &self.course {
            Course::Bar(bar) => Screen { bar: Some(bar.clone()) },
            Course::Nothing | Course::Log { .. } => Screen { bar: None },
        }
    }

    fn start(&mut self, run: &RunStarted) -> io::Result<()> {
        let strong = self.palette.strong;
        write!(
            self.writer,
            "{}",
            Painted(strong, format!("sockspec {}", Printable(&run.sockspec)))
        )?;
        write!(self.writer, " · {}", Printable(&run.title()))?;
        let (scenarios, cases) =
            (Many(run.scenarios.into(), "scenario"), Many(run.cases.into(), "case"));
        write!(self.writer, " · {scenarios}, {cases}")?;
        if run.repeat > 1 {
            write!(self.writer, " · {} times each", Thousands(run.repeat.into()))?;
        }
        if let Some(seed) = run.seed {
            write!(self.writer, " · seed {seed}")?;
        }
        if let Some(hosts) = run.hosts {
            write!(self.writer, " · lans of {hosts} hosts")?;
        }
        if let Some(threads) = run.stress {
            let threads = Many(threads.into(), "busy thread");
            write!(self.writer, " · beside {threads}")?;
        }
        writeln!(self.writer, " · suite: {}", Printable(&run.suite))?;
        self.writer.flush()?;
        match &mut self.course {
            Course::Nothing => {}
            Course::Bar(bar) => draw(bar, announced(run)),
            Course::Log { start, pace } => {
                *start = Instant::now();
                pace.due(*start);
            }
        }
        Ok(())
    }

    /// Shows how far the run has come, where that is due.
    fn progress(&mut self, now: Instant, failed_before: usize) -> io::Result<()> {
        let failed = self.failures.unexpected();
        match &mut self.course {
            Course::Nothing => Ok(()),
            Course::Bar(bar) => {
                if failed != failed_before {
                    bar.set_message(format!("{failed} failed"));
                }
                bar.inc(1);
                Ok(())
            }
            Course::Log { start, pace } => {
                if !pace.due(now) {
                    return Ok(());
                }
                let run = self.tally.started();
                let noun = if run.is_some_and(|run| run.repeat > 1) { "run" } else { "case" };
                let done = Thousands(self.tally.runs());
                let all = Many(run.map_or(0, announced), noun);
                let since = Tenths(now.duration_since(*start));
                writeln!(self.writer, "  {done} of {all}, {failed} failed, {since}")?;
                self.writer.flush()
            }
        }
    }

    /// Says what became of a case, or that it begins.
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let (tally, palette) = (&self.tally, self.palette);
        let line = match event {
            Event::CaseStarted { case, iteration } if self.status == StatusLevel::All => {
                StatusLine::begun(tally, case, *iteration, palette)
            }
            Event::CaseFinished(case) if self.status > StatusLevel::None => {
                StatusLine::ended(tally, case, palette)
            }
            _ => return Ok(()),
        };
        if line.level() > self.status {
            return Ok(());
        }
        let (line, screen) = (line.to_string(), self.screen());
        let samples = match event {
            Event::CaseFinished(case) if self.status == StatusLevel::All => sampled(case),
            _ => Vec::new(),
        };
        screen.beside(|| {
            writeln!(self.writer, "{line}")?;
            for line in samples {
                writeln!(self.writer, "  {line}")?;
            }
            self.writer.flush()
        })
    }

    /// The list at the end: what matters most stands last.
    fn list(&mut self) -> io::Result<()> {
        let mut lines: Vec<StatusLine<'_>> = self
            .tally
            .cases()
            .map(|(id, case)| {
                let failure = self.failures.of(id);
                StatusLine::whole(&self.tally, (id, case), failure, self.palette)
            })
            .filter(|line| line.level() <= self.last)
            .collect();
        lines.sort_by(StatusLine::by_weight);
        for line in &lines {
            writeln!(self.writer, "{line}")?;
        }
        if lines.is_empty() { Ok(()) } else { writeln!(self.writer) }
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Course::Bar(bar) = &self.course {
            bar.finish_and_clear();
        }
        let run = self.tally.started();
        writeln!(self.writer)?;
        let is_shown = |case: &CaseId| {
            self.tally.case(case).is_none_or(|case| {
                case.standing() != Some(Standing::Known) || case.times(Verdict::Broken) > 0
            })
        };
        let groups = self.failures.groups(is_shown);
        for of_scenario in groups.chunk_by(|one, other| one.0.scenario == other.0.scenario) {
            let (in_full, rest) = of_scenario.split_at(of_scenario.len().min(IN_FULL));
            for (failure, same) in in_full {
                let case = self.tally.case(&failure.case);
                let entry = self.tally.entry(&failure.case);
                let shown = Shown {
                    failure,
                    same,
                    entry: entry.filter(|_| failure.verdict.is_bad()),
                    times: case.map_or((1, 1), |case| (case.failed(), case.runs())),
                    scenario: self.scenarios.get(&failure.scenario).map(|scenario| &**scenario),
                    run,
                    palette: self.palette,
                };
                writeln!(self.writer, "{shown}")?;
            }
            if let Some((first, _)) = rest.first() {
                let (scenario, palette) = (&first.scenario, self.palette);
                writeln!(self.writer, "{}", Rest { scenario, failures: rest, palette })?;
            }
        }
        self.list()?;
        write!(self.writer, "{}", Summary { tally: &self.tally, palette: self.palette })?;
        self.writer.flush()
    }
}

impl<W: Write + Send> Reporter for Terminal<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.tally.event(event);
        match event {
            Event::RunStarted(run) => self.start(run),
            Event::ScenarioLoaded(scenario) => {
                self.scenarios.insert(scenario.id.clone(), Arc::clone(scenario));
                Ok(())
            }
            Event::CaseStarted { .. } => self.tell(event),
            Event::RunFinished(_) => Ok(()),
            Event::CaseFinished(case) => {
                let failed_before = self.failures.unexpected();
                let entry = self.tally.entry(&case.case);
                let is_known = entry.is_some_and(|entry| entry.bears_out(case));
                self.failures.note(case, is_known);
                self.tell(event)?;
                self.progress(Instant::now(), failed_before)
            }
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.finish()
    }
}

impl<W> fmt::Debug for Terminal<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("failures", &self.failures)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

/// How the times of each step are distributed that was performed several times, a line for each.
fn sampled(case: &CaseFinished) -> Vec<String> {
    let line = |step: &StepReport| {
        let samples = step.samples.as_ref()?;
        let all = Distribution::of_step(samples)?;
        Some(format!("line {}, {:?} asked, {all}", step.place.line, samples.asked))
    };
    case.steps.iter().filter_map(line).collect()
}

fn draw(bar: &ProgressBar, length: u64) {
    bar.set_length(length);
    bar.reset_elapsed();
    // No steady tick: its thread would stand in the way of the search for leaks.
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len}  {elapsed}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_draw_target(ProgressDrawTarget::stderr());
}

/// The least time between two lines of a log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::run::event::HostsMade;

    fn shown(events: &[Event], palette: Palette) -> String {
        let mut text = Vec::new();
        let mut terminal = Terminal::new(&mut text, palette, Progress::Log);
        for event in events {
            terminal.event(event).expect("memory can be written to");
        }
        terminal.close().expect("memory can be written to");
        drop(terminal);
        String::from_utf8(text).expect("it is text")
    }

    #[test]
    fn a_run_with_every_verdict() {
        insta::assert_snapshot!(shown(&fixture::run(), Palette::plain()));
    }

    #[test]
    fn a_run_with_every_verdict_in_colour() {
        let text = shown(&fixture::run(), Palette::coloured());
        assert!(text.lines().last().is_some_and(|line| !line.contains('\x1b')));
        insta::assert_snapshot!(text.replace('\x1b', "␛"));
    }

    #[test]
    fn what_was_asked_of_lans_is_said_and_asked_again() {
        let mut events = fixture::run();
        let Event::RunStarted(run) = &mut events[0] else { panic!("a run starts") };
        run.hosts = Some(200);
        let text = shown(&events, Palette::plain());
        let heading = text.lines().next().expect("there is one");
        assert!(heading.contains(" · lans of 200 hosts · "), "{heading}");
        let again: Vec<&str> = text.lines().filter(|line| line.starts_with("  again ")).collect();
        assert!(!again.is_empty() && again.iter().all(|line| line.contains(" --hosts 200")));
    }

    #[test]
    fn what_computed_beside_the_cases_is_said_and_asked_again() {
        let mut events = fixture::run();
        let Event::RunStarted(run) = &mut events[0] else { panic!("a run starts") };
        run.stress = Some(4);
        let text = shown(&events, Palette::plain());
        let heading = text.lines().next().expect("there is one");
        assert!(heading.contains(" · beside 4 busy threads · "), "{heading}");
        let again: Vec<&str> = text.lines().filter(|line| line.starts_with("  again ")).collect();
        assert!(!again.is_empty() && again.iter().all(|line| line.contains(" --stress 4")));
    }

    #[test]
    fn how_samples_are_distributed_is_said_of_a_failure_and_where_all_is_told() {
        insta::assert_snapshot!(shown(&fixture::sampled_run(), Palette::plain()));
        let mut text = Vec::new();
        let terminal = Terminal::new(&mut text, Palette::plain(), Progress::Nothing);
        let mut terminal = terminal.with_status(StatusLevel::All, StatusLevel::None);
        for event in &fixture::sampled_run() {
            terminal.event(event).expect("memory can be written to");
        }
        drop(terminal);
        let text = String::from_utf8(text).expect("it is text");
        let lines: Vec<_> = text.lines().filter(|line| line.contains("samples")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        line 5, 20.5ms asked, 20 samples: earliest +0.05 ms, median +0.13 ms, 99 % +2.10 ms, latest +2.10 ms
        line 6, 99.9ms asked, 15 samples: earliest +0.07 ms, median +0.19 ms, 99 % +2.10 ms, latest +2.10 ms
        line 5, 20.5ms asked, 7 samples: earliest -2.01 ms, median +0.05 ms, 99 % +0.13 ms, latest +0.13 ms
        ");
    }

    #[test]
    fn what_was_made_to_run_on_is_said() {
        let mut events = fixture::run_of(&[Verdict::Pass]);
        let Some(Event::RunFinished(end)) = events.last_mut() else { panic!("a run ends") };
        let took = Duration::from_micros(8_412);
        end.made = Some(HostsMade { hosts: 6, took, leased: 40 });
        let text = shown(&events, Palette::plain());
        assert!(text.contains("\n6 hosts made in 8.4 ms, 1.4 ms each, for 40 runs\n"), "{text}");
    }

    #[test]
    fn a_repeated_run() {
        insta::assert_snapshot!(shown(&fixture::repeated_run(), Palette::plain()));
    }

    #[test]
    fn what_is_known_is_a_line_and_what_is_stale_is_told() {
        let text = shown(&fixture::known_run(), Palette::plain());
        insta::assert_snapshot!(text);
        assert!(!text.contains("FAIL  halfclose"), "what is known is not shown in full");
    }

    #[test]
    fn only_what_was_not_known_counts_as_failed_meanwhile() {
        let mut terminal = Terminal::new(Vec::new(), Palette::plain(), Progress::Log);
        for event in &fixture::known_run() {
            terminal.event(event).expect("memory can be written to");
        }
        assert_eq!(terminal.failures.unexpected(), terminal.tally.counts().failed);
    }

    #[test]
    fn a_known_failure_that_is_flaky_is_shown() {
        let events = fixture::one_case(&[Verdict::Fail, Verdict::Pass], &[Verdict::Fail]);
        let text = shown(&events, Palette::plain());
        assert!(text.contains("FAIL  halfclose"), "{text}");
        assert!(text.contains("\nflaky: halfclose"), "{text}");
    }

    #[test]
    fn a_good_run_is_short() {
        insta::assert_snapshot!(shown(&fixture::run_of(&[Verdict::Pass; 3]), Palette::plain()));
    }

    #[test]
    fn an_empty_run_says_so() {
        insta::assert_snapshot!(shown(&fixture::run_of(&[]), Palette::plain()));
    }

    #[test]
    fn a_run_that_was_cut_short_says_so() {
        let mut events = fixture::run_of(&[Verdict::Pass, Verdict::Pass]);
        events.truncate(events.len() - 2);
        events.push(fixture::end(true, &["socket 7 of case a[b]\x1b[2J"]));
        insta::assert_snapshot!(shown(&events, Palette::plain()));
    }

    #[test]
    fn the_bar_leaves_no_trace_in_the_report() {
        let events = fixture::run();
        let mut text = Vec::new();
        let mut terminal = Terminal::new(&mut text, Palette::plain(), Progress::Bar);
        for event in &events {
            terminal.event(event).expect("memory can be written to");
        }
        terminal.close().expect("memory can be written to");
        drop(terminal);
        assert_eq!(String::from_utf8(text).expect("it is text"), shown(&events, Palette::plain()));
    }

    #[test]
    fn a_log_has_a_line_every_ten_seconds() {
        let events = fixture::run();
        let mut text = Vec::new();
        let mut terminal = Terminal::new(&mut text, Palette::plain(), Progress::Log);
        let start = Instant::now();
        terminal.course = Course::Log { start, pace: Pace::every(LOG_INTERVAL) };
        terminal.tally.event(&events[0]);
        for seconds in (0..25).step_by(2) {
            terminal.tally.event(&fixture::passed_event());
            terminal.progress(start + Duration::from_secs(seconds), 0).expect("memory");
        }
        drop(terminal);
        insta::assert_snapshot!(String::from_utf8(text).expect("it is text"), @r"
          6 of 15 cases, 0 failed, 10.0 s
          11 of 15 cases, 0 failed, 20.0 s
        ");
    }
}

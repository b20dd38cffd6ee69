use std::ops::ControlFlow;
use std::time::Duration;

use super::checks::{Checks, Wrong, replay};
use super::decoder::{Session, StartError};
use super::{Case, Frames, Generator, Random, Shrunk, shrink};
use crate::framing::Decoder as _;
use crate::framing::laws::{self, Law};

/// Looks for a stream with which a decoder does something wrong.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// What streams are made from.
    pub generator: Generator,
    /// What they are held against.
    pub checks: Checks,
    /// Which bytes are a frame, where that is known.
    pub frames: Option<Frames>,
    /// Which streams: the same for the same seed.
    pub seed: u64,
    /// How many streams at most.
    pub runs: u64,
    /// How many cases are tried at most to find a smaller one.
    pub attempts: u64,
}

/// What came of a hunt.
#[derive(Debug)]
pub enum Hunted {
    /// Nothing wrong.
    Held {
        /// With so many streams.
        streams: u64,
        /// How often an answer came too late, and in time when asked for again.
        late: u64,
    },
    /// Something wrong.
    Found(Box<Finding>),
}

/// Something that a decoder does wrong, and the smallest case that was found to show it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it does.
    pub wrong: Wrong,
    /// The case that shows it.
    pub case: Case,
    /// What that case was made from, where it was shrunk.
    pub shrunk: Option<(Case, Shrunk)>,
    /// Whether the case alone shows it: otherwise what came before has a part in it.
    pub repeats: bool,
    /// Of how many streams that were made up it is the last.
    pub runs: u64,
}

/// Where a smaller case is not the same in a new process, so many are tried in one each.
const SLOW_ATTEMPTS: u64 = 300;
/// A hang costs so many attempts.
const HANG: u64 = 10;
/// What an answer that comes can take, as a multiple of the slowest that came.
const PATIENCE: u32 = 20;
/// And at least.
const LEAST_PATIENCE: Duration = Duration::from_millis(250);

/// How many answers may come too late once.
const MOST_LATE: u64 = 3;

impl Hunt {
    /// Makes up streams for as long as `goes_on` says so. What is found is shrunk.
    ///
    /// # Errors
    /// When the program cannot be started again.
    pub fn run(
        &self,
        session: &Session,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<Hunted, StartError> {
        let mut late = 0;
        for run in 0..self.runs {
            // One stream at least, however little time there is.
            if run > 0 && !goes_on() {
                return Ok(Hunted::Held { streams: run, late });
            }
            let ways = self.generator.cases(run, &mut Random::of_run(self.seed, run));
            let Some(wrong) = self.checks.hold(session, &ways)? else { continue };
            let finding = Finding { runs: run + 1, ..self.finding(session, wrong)? };
            // A machine can stall, but not always at the same place.
            if finding.wrong.is_hang() && !finding.repeats && late < MOST_LATE {
                late += 1;
                continue;
            }
            return Ok(Hunted::Found(Box::new(finding)));
        }
        Ok(Hunted::Held { streams: self.runs, late })
    }

    /// Holds the laws with one case, and shrinks nothing.
    ///
    /// # Errors
    /// When the program cannot be started again.
    pub fn replay(&self, session: &Session, case: &Case) -> Result<Option<Finding>, StartError> {
        let wrong = match replay(session, case)? {
            Err(wrong) => Some(wrong),
            Ok(_) => self.checks.hold(session, std::slice::from_ref(case))?,
        };
        let Some(wrong) = wrong else { return Ok(None) };
        let case = case.clone();
        Ok(Some(Finding { wrong, case, shrunk: None, repeats: true, runs: 0 }))
    }

    /// Makes a finding of what went wrong: it is asked for again of a new process, made smaller,
    /// and asked for once more.
    fn finding(&self, session: &Session, wrong: Wrong) -> Result<Finding, StartError> {
        let case = wrong.case().clone();
        session.renew();
        let again = self.again(session, &wrong, &case)?;
        let is_law = matches!(wrong, Wrong::Law(..));
        let Some(again) = again.filter(|_| !is_law || !keeps(session, &case)) else {
            return Ok(Finding { wrong, case, shrunk: None, repeats: false, runs: 0 });
        };
        for (is_fresh, attempts) in
            [(false, self.attempts), (true, self.attempts.min(SLOW_ATTEMPTS))]
        {
            let shrunk = self.shrunk(session, &again, &case, is_fresh, attempts)?;
            session.renew();
            if let Some(wrong) = self.again(session, &again, &shrunk.case)? {
                let found = shrunk.case.clone();
                return Ok(Finding {
                    wrong,
                    case: found,
                    shrunk: Some((case, shrunk)),
                    repeats: true,
                    runs: 0,
                });
            }
            // The process had kept something of the streams before.
        }
        Ok(Finding { wrong: again, case, shrunk: None, repeats: true, runs: 0 })
    }

    fn shrunk(
        &self,
        session: &Session,
        wrong: &Wrong,
        case: &Case,
        is_fresh: bool,
        attempts: u64,
    ) -> Result<Shrunk, StartError> {
        let usual = session.timeout();
        let mut attempts = attempts;
        if wrong.is_hang() {
            attempts /= HANG;
            // Waiting for an answer that does not come is all that there is to do.
            let patience = session.exchanges().slowest * PATIENCE;
            session.set_timeout(usual.min(patience.max(LEAST_PATIENCE)));
        }
        // Without a framing, the program itself says which streams are whole. Such a one stays so.
        let is_law = matches!(wrong, Wrong::Law(..));
        let is_whole = is_law && self.frames.is_none() && accepts(session, case);
        let mut broken = None;
        let shrunk = shrink(case.clone(), self.frames, attempts, |case| {
            if is_fresh {
                session.renew();
            }
            if is_whole && !accepts(session, case) {
                return ControlFlow::Continue(false);
            }
            match self.again(session, wrong, case) {
                Ok(found) => ControlFlow::Continue(found.is_some()),
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        session.set_timeout(usual);
        broken.map_or(Ok(shrunk), Err)
    }

    /// Whether a case shows the same.
    fn again(
        &self,
        session: &Session,
        wrong: &Wrong,
        case: &Case,
    ) -> Result<Option<Wrong>, StartError> {
        let found = match wrong {
            Wrong::Mishap(..) => replay(session, case)?.err(),
            Wrong::Law(broken, _) => {
                // A stream that is read wrongly all at once shows something else.
                let is_other = broken.law != Law::Model
                    && self.checks.laws().contains(&Law::Model)
                    && self.checks.hold_one(session, Law::Model, case)?.is_some();
                if is_other { None } else { self.checks.hold_one(session, broken.law, case)? }
            }
        };
        Ok(found.filter(|found| found.is_like(wrong)))
    }
}

/// Whether a program reads a stream to its end, all at once.
fn accepts(session: &Session, case: &Case) -> bool {
    let reading = laws::read(&mut session.stream(), case.stream(), &[]);
    // What went wrong instead is not what is looked for.
    session.mishap().is_none() && reading.end.is_ok()
}

/// Whether a program reads a stream in another way when another one before it was left half-way.
fn keeps(session: &Session, case: &Case) -> bool {
    let read = || laws::read(&mut session.stream(), case.stream(), &[]);
    session.renew();
    let alone = read();
    let half = case.stream().len().saturating_sub(1);
    // Whatever it answers, the next stream is another.
    let _ = session.stream().decode(&case.stream()[..half], false, &mut Vec::new());
    let behind = read();
    let is_same = alone.messages == behind.messages && alone.end.is_ok() == behind.end.is_ok();
    session.mishap().is_none() && !is_same
}

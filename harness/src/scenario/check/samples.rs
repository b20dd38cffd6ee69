use super::checker::Checker;
use super::cursor::{Atom, Cursor};
use super::mistake::out_of_range;
use super::value::{self, Bad};
use crate::scenario::case::{Action, Expectation, Expected};
use crate::scenario::diagnostic::{Diagnostic, code, quoted};
use crate::scenario::document::{ALL_STEPS, networks};
use crate::scenario::lexer::Span;
use crate::vocabulary::Op;

/// How often a step can be performed that says `times`, both ends included.
const TIMES: std::ops::RangeInclusive<u64> = 2..=1_000;

/// `times N`, behind an expectation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// N.
    pub(super) number: u32,
    /// Where it stands.
    span: Span,
}

impl<'s> Checker<'_, 's> {
    /// Reads what stands behind the word `times`.
    pub(super) fn times(&mut self, cursor: &mut Cursor<'_, 's>, word: &Atom<'_>) -> Option<Times> {
        let atom = self.word(cursor, "a number", "such as `times 100`")?;
        let (first, last) = TIMES.into_inner();
        let bounds = format!("{first} to {last}");
        let diagnostic = match value::size(atom.text) {
            Ok(number) if TIMES.contains(&number) => {
                let number = u32::try_from(number).ok()?;
                return Some(Times { number, span: word.here().to(atom.here()) });
            }
            Ok(_) | Err(Bad::Range) => out_of_range(atom.span, atom.text, &bounds),
            Err(Bad::Form) => {
                let message = format!("{} is not a number of times", quoted(atom.text));
                let label = format!("expected a number, {bounds}");
                Diagnostic::new(code::BAD_NUMBER, atom.span, message, label)
            }
        };
        self.report_at(&atom, diagnostic);
        None
    }

    /// Refuses `times` where the step cannot be performed a second time as it was the first time.
    pub(super) fn check_times(
        &mut self,
        action: &Action,
        expectation: &Expectation,
        times: Option<Times>,
    ) -> Option<()> {
        let Some(times) = times else { return Some(()) };
        let fails = |expected: &Expected| {
            matches!(expected, Expected::Failed { .. } | Expected::Timeout | Expected::Blocked)
        };
        let why = match action {
            Action::Perform { op: Op::Close { .. }, .. } => "a closed socket is not there any more",
            Action::Perform { op, .. } if op.makes().is_some() => {
                if expectation.alternatives.iter().all(|one| fails(&one.expected)) {
                    return Some(());
                }
                "a socket is made once; only what fails to make one can be repeated"
            }
            Action::Perform { .. } => return Some(()),
            Action::Await { .. } => "a call that was started returns once",
            Action::Wire(_) => "a `wire` step looks at what has been, and `for T` goes on looking",
            Action::Start { .. } | Action::Interrupt { .. } | Action::Wait(_) => {
                "only a call that returns before the next step can be repeated"
            }
        };
        let message = "this step cannot be performed several times";
        let diagnostic = Diagnostic::new(code::UNREPEATABLE, times.span, message, "leave this out");
        self.report(diagnostic.help(why));
        None
    }

    /// Reports more calls than the cases of a scenario may have together, each repetition counted.
    pub(super) fn check_samples(&mut self) {
        let header = self.header;
        let networks = networks(header.over.as_deref(), &header.topologies).count().max(1);
        let values = header.axes.iter().map(|axis| axis.values.len().max(1));
        let cases = values.fold(networks, usize::saturating_mul);
        if cases.saturating_mul(self.samples) > ALL_STEPS {
            let message = format!(
                "the cases of a scenario have at most {ALL_STEPS} steps together, each of `times` \
                 counted"
            );
            let label = "this one's have more";
            self.report(Diagnostic::new(code::TOO_LARGE, self.title(), message, label));
        }
    }
}

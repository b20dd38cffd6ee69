use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::output::is_watched;
use crate::report::StatusLevel;

/// How much is said of each case.
#[derive(Debug, Args)]
pub(super) struct Levels {
    /// Say of each case as it ends what it came to, from this level on; each includes those before
    /// it [default: fail where standard error is a terminal, else none].
    #[arg(long, value_parser = levels(), value_name = "LEVEL", help_heading = "Status")]
    status_level: Option<StatusLevel>,

    /// List at the end of the run what each case came to, from this level on.
    #[arg(
        long,
        value_parser = levels(),
        default_value = "none",
        hide_possible_values = true,
        value_name = "LEVEL",
        help_heading = "Status"
    )]
    final_status_level: StatusLevel,
}

impl Levels {
    /// Both levels for a run that goes on: a person is told at once what fails, a log shows it at its
    /// end.
    pub(super) fn live(&self) -> (StatusLevel, StatusLevel) {
        let usual = if is_watched() { StatusLevel::Fail } else { StatusLevel::None };
        (self.status_level.unwrap_or(usual), self.final_status_level)
    }

    /// Both levels for a run that is over.
    pub(super) fn recorded(&self) -> (StatusLevel, StatusLevel) {
        (self.status_level.unwrap_or_default(), self.final_status_level)
    }
}

fn levels() -> impl TypedValueParser<Value = StatusLevel> {
    let values = StatusLevel::ALL.map(|level| PossibleValue::new(level.word()));
    PossibleValuesParser::new(values)
        .try_map(|word| StatusLevel::from_word(&word).ok_or("expected a level"))
}

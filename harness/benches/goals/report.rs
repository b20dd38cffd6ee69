use std::io::{self, Write};

/// The table that the benches print.
pub(crate) struct Report {
    out: io::Stdout,
    wanted: Vec<String>,
    met: u32,
    missed: Vec<String>,
    skipped: Vec<String>,
}

impl Report {
    /// A report on the goals that the command line names, or on all.
    pub(crate) fn from_arguments() -> Self {
        let arguments = std::env::args().skip(1);
        let wanted = arguments.filter(|argument| !argument.starts_with('-')).collect();
        let mut report =
            Self { out: io::stdout(), wanted, met: 0, missed: Vec::new(), skipped: Vec::new() };
        report.line(&format!("{:<4}  {:<7}  {:>14}  {:<30}  how", "", "", "measured", "goal"));
        report
    }

    /// Whether a goal is to be measured.
    pub(crate) fn wants(&self, goal: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == goal)
    }

    /// Prints one measurement beside its goal.
    pub(crate) fn row(&mut self, goal: &str, measured: &str, target: &str, met: bool, how: &str) {
        let mark = if met { "met" } else { "MISSED" };
        self.line(&format!("{goal:<4}  {mark:<7}  {measured:>14}  {target:<30}  {how}"));
        if met {
            self.met += 1;
        } else {
            self.missed.push(goal.to_owned());
        }
    }

    /// Prints a measurement that has no goal, beside those of the goal that it explains.
    pub(crate) fn note(&mut self, goal: &str, measured: &str, how: &str) {
        self.line(&format!("{goal:<4}  {:<7}  {measured:>14}  {:<30}  {how}", "", "no goal"));
    }

    /// Prints a goal that this machine cannot measure.
    pub(crate) fn skip(&mut self, goal: &str, reason: &str) {
        self.line(&format!("{goal:<4}  {:<7}  {:>14}  {:<30}  {reason}", "skipped", "", ""));
        self.skipped.push(goal.to_owned());
    }

    /// Prints what it came to.
    pub(crate) fn finish(mut self) {
        let names = |goals: &[String]| match goals {
            [] => "none".to_owned(),
            _ => goals.join(" "),
        };
        let (missed, skipped) = (names(&self.missed), names(&self.skipped));
        self.line(&format!(
            "\n{} measurements meet their goal; missed: {missed}; skipped: {skipped}",
            self.met
        ));
    }

    fn line(&mut self, text: &str) {
        writeln!(self.out, "{text}").expect("standard output can be written");
    }
}

/// The table that the benches print.
pub(crate) struct Report {
    wanted: Vec<String>,
    met: u32,
    missed: Vec<String>,
}

impl Report {
    /// A report on the goals whose names were given, or on all.
    pub(crate) fn new(wanted: Vec<String>) -> Self {
        println!("{:<4}  {:<6}  {:>16}  {:<28}  how", "goal", "", "measured", "goal");
        Self { wanted, met: 0, missed: Vec::new() }
    }

    /// Whether a goal is to be measured.
    pub(crate) fn wants(&self, goal: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == goal)
    }

    /// Prints one measurement beside its goal.
    pub(crate) fn row(&mut self, goal: &str, measured: &str, target: &str, met: bool, how: &str) {
        let mark = if met { "met" } else { "MISSED" };
        println!("{goal:<4}  {mark:<6}  {measured:>16}  {target:<28}  {how}");
        if met {
            self.met += 1;
        } else {
            self.missed.push(goal.to_owned());
        }
    }

    /// Prints what it came to.
    pub(crate) fn finish(self) {
        let missed = if self.missed.is_empty() { "none".to_owned() } else { self.missed.join(" ") };
        println!("\n{} measurements meet their goal; missed: {missed}", self.met);
    }
}

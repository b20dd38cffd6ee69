use std::fmt;

use super::distribution::{Distribution, Over};
use crate::run::Samples;

/// How long the calls of one step took as an `<svg>` element: how many took how much longer than was
/// asked for, with the time that was asked for as a line. It uses the colours of the diagrams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Histogram<'a>(pub(super) &'a Samples);

/// How many bars there are.
const BARS: usize = 60;
/// How wide each is with the space beside it, and how high the highest.
const BAR: usize = 10;
const HIGH: usize = 80;
/// How much room there is on each side, above and below.
const SIDE: usize = 60;
const HEAD: usize = 26;
const FOOT: usize = 44;
/// How often the median distance fits between what was asked for and the right end, and how many
/// nanoseconds there are at the least; what is later stands in the last bar, so that one late call
/// does not make all others one bar.
const MEDIANS: i128 = 4;
const LEAST: i128 = 100_000;

/// How many calls each bar stands for. One bar begins at the time that was asked for.
struct Bars {
    /// How many nanoseconds a bar is wide.
    step: i128,
    /// How many bars stand for what came earlier than asked for.
    early: usize,
    counts: [usize; BARS],
}

impl Bars {
    fn of(samples: &Samples, all: &Distribution) -> Self {
        let before = -i128::from(all.earliest.0.min(0));
        let typical = (i128::from(all.median.0) * MEDIANS).max(LEAST);
        let behind = i128::from(all.latest.0).clamp(1, typical);
        // On both sides of the time that was asked for a bar may be filled in part.
        let step = (before + behind).div_euclid(BARS as i128 - 2) + 1;
        let early = usize::try_from((before + step - 1) / step).unwrap_or(BARS);
        let mut bars = Self { step, early, counts: [0; BARS] };
        for over in &samples.over {
            let bar = i128::from(*over).div_euclid(step) + i128::try_from(early).unwrap_or(0);
            bars.counts[usize::try_from(bar).unwrap_or(0).min(BARS - 1)] += 1;
        }
        bars
    }

    /// The time at the right end, in nanoseconds.
    fn end(&self) -> i64 {
        let behind = i128::try_from(BARS.saturating_sub(self.early)).unwrap_or(0);
        i64::try_from(behind * self.step).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Histogram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = self.0;
        let Some(all) = Distribution::of_step(samples) else { return Ok(()) };
        let bars = Bars::of(samples, &all);
        let highest = bars.counts.iter().copied().max().unwrap_or(1).max(1);
        let (width, height) = (SIDE * 2 + BARS * BAR, HEAD + HIGH + FOOT);
        let (base, end) = (HEAD + HIGH, SIDE + BARS * BAR);
        let asked = samples.asked;
        writeln!(
            f,
            "<svg class=\"d-diagram\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">"
        )?;
        writeln!(f, "<title>How much longer than {asked:?} each call took</title>")?;
        writeln!(f, "<desc>{all}</desc>")?;
        let bound = SIDE + bars.early * BAR;
        for (index, count) in bars.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (x, tall) = (SIDE + index * BAR, (count * HIGH).div_ceil(highest));
            let class = if index < bars.early { "d-bad" } else { "d-call" };
            let (y, wide) = (base - tall, BAR - 2);
            writeln!(
                f,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\"/>"
            )?;
        }
        writeln!(f, "<path class=\"d-axis\" d=\"M{SIDE} {base}H{end}\"/>")?;
        writeln!(f, "<path class=\"d-cross\" d=\"M{bound} {}V{base}\"/>", HEAD - 8)?;
        let text = |f: &mut fmt::Formatter<'_>, x: usize, y: usize, text: &str| {
            writeln!(f, "<text class=\"d-note d-middle\" x=\"{x}\" y=\"{y}\">{text}</text>")
        };
        text(f, bound, HEAD - 12, &format!("{asked:?} asked"))?;
        if bars.early > 0 {
            text(f, SIDE, base + 16, &all.earliest.to_string())?;
        }
        let and_later = if all.latest.0 > bars.end() { " and later" } else { "" };
        text(f, end, base + 16, &format!("{}{and_later}", Over(bars.end())))?;
        text(f, width / 2, base + 36, &all.to_string())?;
        f.write_str("</svg>\n")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn samples(over: &[i64]) -> Samples {
        Samples { wanted: 90, asked: Duration::from_micros(20_500), over: over.to_vec() }
    }

    #[test]
    fn the_time_asked_for_is_marked_and_what_is_earlier_stands_before_it() {
        let over: Vec<i64> = (0..40).map(|one| one * 25_000 - 100_000).chain([9_000_000]).collect();
        insta::assert_snapshot!(Histogram(&samples(&over)));
    }

    #[test]
    fn every_call_is_in_a_bar_whatever_it_took() {
        for over in [&[0][..], &[-5, -5], &[i64::MIN, 0, i64::MAX], &[7; 1_000], &[3, 1, 2]] {
            let samples = samples(over);
            let all = Distribution::of_step(&samples).expect("there are some");
            let bars = Bars::of(&samples, &all);
            assert_eq!(bars.counts.iter().sum::<usize>(), over.len(), "{over:?}");
            assert!(Histogram(&samples).to_string().ends_with("</svg>\n"));
        }
        assert_eq!(Histogram(&samples(&[])).to_string(), "");
    }
}

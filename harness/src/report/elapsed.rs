use std::fmt;
use std::time::Duration;

/// A length of time as a report shows it: `<0.1 ms`, `0.4 ms`, `31 ms`, `1.20 s`, `2 min 05 s`.
///
/// It is cut, never rounded up, so that a limit of 300 ms does not look kept by 299.8 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed(pub(crate) Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let text = match micros {
            0..100 => "<0.1 ms".to_owned(),
            100..10_000 => format!("{}.{} ms", micros / 1_000, micros / 100 % 10),
            10_000..1_000_000 => format!("{} ms", micros / 1_000),
            1_000_000..60_000_000 => hundredths(self.0),
            _ => format!("{} min {:02} s", self.0.as_secs() / 60, self.0.as_secs() % 60),
        };
        f.pad(&text)
    }
}

/// Seconds with one decimal, for what is counted in seconds: a deadline, the course of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenths(pub(crate) Duration);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} s", self.0.as_secs(), self.0.subsec_millis() / 100)
    }
}

/// What one case took: in seconds, `0.31 s`, unless it was too short to be told so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseTime(pub(crate) Duration);

impl fmt::Display for CaseTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            100..1_000 => f.write_str(&hundredths(self.0)),
            _ => write!(f, "{}", Elapsed(self.0)),
        }
    }
}

fn hundredths(time: Duration) -> String {
    format!("{}.{:02} s", time.as_secs(), time.subsec_millis() / 10)
}

/// A number with commas between its thousands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thousands(pub(crate) u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(5, "<0.1 ms")]
    #[case(450, "0.4 ms")]
    #[case(9_999, "9.9 ms")]
    #[case(31_000, "31 ms")]
    #[case(299_800, "299 ms")]
    #[case(1_209_000, "1.20 s")]
    #[case(125_000_000, "2 min 05 s")]
    fn a_time_is_cut_to_what_matters(#[case] micros: u64, #[case] shown: &str) {
        assert_eq!(Elapsed(Duration::from_micros(micros)).to_string(), shown);
    }

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(42_800, "42,800")]
    #[case(1_000_000, "1,000,000")]
    fn thousands_are_separated(#[case] number: u64, #[case] shown: &str) {
        assert_eq!(Thousands(number).to_string(), shown);
    }
}

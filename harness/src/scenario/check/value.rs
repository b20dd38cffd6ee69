//! Numbers, times and texts as they are written: pure functions that know no place.

use std::time::Duration;

/// Why a word is not the value that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It does not look like one.
    Form,
    /// It looks like one, but its size is out of range.
    Range,
}

/// The longest time a scenario can name.
pub(super) const LONGEST: Duration = Duration::from_hours(1);

/// The most bytes a scenario can name in one step.
pub(super) const LARGEST: u64 = 256 << 20;

/// A time: a number, possibly with a fraction, and `us`, `ms` or `s`.
pub(super) fn time(text: &str) -> Result<Duration, Bad> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(Bad::Form)?;
    let (number, unit) = text.split_at(unit_at);
    let nanos: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return Err(Bad::Form),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(Bad::Form),
        None => (number, ""),
    };
    let mut total = digits(whole)?.checked_mul(nanos).ok_or(Bad::Range)?;
    let mut place = nanos;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return Err(Bad::Form);
        }
        if !place.is_multiple_of(10) {
            // Finer than a nanosecond.
            return Err(if digit == b'0' { Bad::Form } else { Bad::Range });
        }
        place /= 10;
        total = total.checked_add(u64::from(digit - b'0') * place).ok_or(Bad::Range)?;
    }
    let time = Duration::from_nanos(total);
    if time > LONGEST { Err(Bad::Range) } else { Ok(time) }
}

/// A number, with `KiB`, `MiB` or nothing behind it.
pub(super) fn size(text: &str) -> Result<u64, Bad> {
    let (number, unit) = if let Some(number) = text.strip_suffix("KiB") {
        (number, 1 << 10)
    } else if let Some(number) = text.strip_suffix("MiB") {
        (number, 1 << 20)
    } else {
        (text, 1)
    };
    digits(number)?.checked_mul(unit).ok_or(Bad::Range)
}

/// A whole number that fits an `int`, possibly negative.
pub(super) fn integer(text: &str) -> Result<i32, Bad> {
    let (negative, number) = text.strip_prefix('-').map_or((false, text), |number| (true, number));
    let number = i64::try_from(size(number)?).map_err(|_| Bad::Range)?;
    i32::try_from(if negative { -number } else { number }).map_err(|_| Bad::Range)
}

/// A range `FIRST..LAST`, or `FIRST..` without an end, as its two words.
pub(super) fn range(text: &str) -> Option<(&str, &str)> {
    text.split_once("..")
}

fn digits(text: &str) -> Result<u64, Bad> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Bad::Form);
    }
    text.parse().map_err(|_| Bad::Range)
}

/// Whether `text` is a name: letters, digits, `-` and `_`, with a letter first.
pub(super) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What is wrong within a quoted text, as a range of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadText {
    /// An escape that there is not.
    Escape(usize, usize),
    /// A control character that stands for itself.
    Control(usize, usize),
}

/// The bytes that a text in quotes stands for.
pub(super) fn text(quoted: &str) -> Result<Vec<u8>, BadText> {
    let inner = quoted.strip_prefix('"').unwrap_or(quoted);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let source = inner.as_bytes();
    let mut bytes = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let byte = source[at];
        if byte.is_ascii_control() {
            return Err(BadText::Control(at + 1, at + 2));
        }
        if byte != b'\\' {
            bytes.push(byte);
            at += 1;
            continue;
        }
        let (escaped, length) = match source.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(b'0') => (0, 2),
            Some(b'\\') => (b'\\', 2),
            Some(b'"') => (b'"', 2),
            Some(b'x') => match (hex(source, at + 2), hex(source, at + 3)) {
                (Some(high), Some(low)) => (high * 16 + low, 4),
                _ => return Err(BadText::Escape(at + 1, at + 3)),
            },
            _ => {
                let character = inner.get(at + 1..).and_then(|rest| rest.chars().next());
                let length = character.map_or(0, char::len_utf8);
                return Err(BadText::Escape(at + 1, at + 2 + length));
            }
        };
        bytes.push(escaped);
        at += length;
    }
    Ok(bytes)
}

fn hex(source: &[u8], at: usize) -> Option<u8> {
    let digit = char::from(*source.get(at)?).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions_and_units() {
        assert_eq!(time("20.5ms"), Ok(Duration::from_micros(20_500)));
        assert_eq!(time("0s"), Ok(Duration::ZERO));
        assert_eq!(time("0.001us"), Ok(Duration::from_nanos(1)));
        assert_eq!(time("1.000000001s"), Ok(Duration::new(1, 1)));
        assert_eq!(time("3600s"), Ok(LONGEST));
        for form in ["", "5", "ms", ".5s", "5.s", "5m", "1.2.3s", "-1s", "1 s"] {
            assert_eq!(time(form), Err(Bad::Form), "{form}");
        }
        for range in ["3601s", "99999999999999999999s", "0.0001us", "20000000000s"] {
            assert_eq!(time(range), Err(Bad::Range), "{range}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("KiB"), Err(Bad::Form));
        assert_eq!(size("64kB"), Err(Bad::Form));
        assert_eq!(size("18446744073709551615KiB"), Err(Bad::Range));
        assert_eq!(integer("-1"), Ok(-1));
        assert_eq!(integer("4GiB"), Err(Bad::Form));
        assert_eq!(integer("4096MiB"), Err(Bad::Range));
    }

    #[test]
    fn escapes_stand_for_bytes() {
        assert_eq!(text(r#""a\n\r\t\0\x7f\\\"""#), Ok(b"a\n\r\t\0\x7f\\\"".to_vec()));
        assert_eq!(text("\"§\""), Ok("§".as_bytes().to_vec()));
        assert_eq!(text(r#""ab\q""#), Err(BadText::Escape(3, 5)));
        assert_eq!(text(r#""\x4""#), Err(BadText::Escape(1, 3)));
        assert_eq!(text("\"\\§\""), Err(BadText::Escape(1, 4)));
        assert_eq!(text("\"a\tb\""), Err(BadText::Control(2, 3)));
    }

    #[test]
    fn names_begin_with_a_letter() {
        assert!(is_name("read-write_2"));
        assert!(!is_name("2fast") && !is_name("") && !is_name("a.b") && !is_name("ä"));
    }
}

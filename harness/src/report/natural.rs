use std::cmp::Ordering;

/// Orders text with its numbers by their value: `cut=9` before `cut=10`, `1.5ms` before `20ms`.
pub(crate) fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    while let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (a, b) {
        let order = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, number_b);
            (number_a, a) = number(a);
            (number_b, b) = number(b);
            number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b))
        } else {
            (a, b) = (rest_a, rest_b);
            first_a.cmp(first_b)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // What differs in leading zeros only still needs an order.
    a.len().cmp(&b.len()).then(left.cmp(right))
}

/// The digits that a text begins with, without leading zeros, and the rest.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let start = text[..end].iter().position(|byte| *byte != b'0').unwrap_or(end);
    (&text[start..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_value() {
        let sorted = [
            "",
            "1",
            "01x",
            "a",
            "a[tcp4,cut=1]",
            "a[tcp4,cut=9]",
            "a[tcp4,cut=10]",
            "a[tcp4,cut=100]",
            "a[tcp6,cut=2]",
            "a[tcp6,wait=1.5ms]",
            "a[tcp6,wait=20ms]",
            "b",
            "§",
        ];
        for (i, left) in sorted.iter().enumerate() {
            for (j, right) in sorted.iter().enumerate() {
                assert_eq!(natural(left, right), i.cmp(&j), "{left} and {right}");
            }
        }
    }
}

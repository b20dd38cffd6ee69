use sockspec::framing::laws::{self, Script};
use sockspec::framing::{
    AnnouncedFramer, AsciiLengthFramer, Base64Framer, BinaryLengthFramer, EscapedFramer, Framer,
    TerminatorFramer,
};
use sockspec::vocabulary::{ByteOrder, Framing, Padding, Terminator, Width};

/// Checks the laws of terminators. The choice of the [`Script`] is the terminator, as for the next
/// two.
///
/// # Panics
/// When one of them does not hold.
pub fn terminator(input: &[u8]) {
    let script = Script::parse(input);
    let (name, byte) = terminator_of(script.choice);
    let framer = |limit| TerminatorFramer::new(byte, limit);
    check(Framing::Terminator(name), framer, &script);
}

/// Checks the laws of escapes.
///
/// # Panics
/// When one of them does not hold.
pub fn escaped(input: &[u8]) {
    let script = Script::parse(input);
    let (name, byte) = terminator_of(script.choice);
    let framer = |limit| EscapedFramer::new(byte, limit);
    check(Framing::Escaped(name), framer, &script);
}

/// Checks the laws of base64.
///
/// # Panics
/// When one of them does not hold.
pub fn base64(input: &[u8]) {
    let script = Script::parse(input);
    let (name, byte) = terminator_of(script.choice);
    let framer = |limit| Base64Framer::new(byte, limit);
    check(Framing::Base64(name), framer, &script);
}

/// Checks the laws of announced terminators.
///
/// # Panics
/// When one of them does not hold.
pub fn announced(input: &[u8]) {
    let script = Script::parse(input);
    check(Framing::Announced, AnnouncedFramer::new, &script);
}

/// Checks the laws of decimal lengths. The choice is the number of digits, and what fills them.
///
/// # Panics
/// When one of them does not hold.
pub fn ascii_length(input: &[u8]) {
    let script = Script::parse(input);
    let digits = [1, 2, 3, 4, 5, 8, 10, 20][usize::from(script.choice % 8)];
    let padding = if script.choice < 8 { Padding::Zeros } else { Padding::Spaces };
    let framer = |limit| AsciiLengthFramer::new(digits, padding, limit);
    check(Framing::AsciiLength { digits, padding }, framer, &script);
}

/// Checks the laws of binary lengths. The choice is the width and the order of the bytes.
///
/// # Panics
/// When one of them does not hold.
pub fn binary_length(input: &[u8]) {
    let script = Script::parse(input);
    let (width, order) = binary_length_of(script.choice);
    let framer = |limit| BinaryLengthFramer::new(width, order, limit);
    check(Framing::BinaryLength { width, order }, framer, &script);
}

/// Holds the framer against the laws. Encoders have a target of their own, so that this one is fast.
fn check<F: Framer>(framing: Framing, framer: impl Fn(usize) -> F, script: &Script<'_>) {
    if let Err(broken) = laws::hold(framing, framer, script, &metered) {
        panic!("{framing}, limit {}: {broken}", script.limit);
    }
}

/// The most memory that was taken at one time.
pub(crate) fn metered(call: &mut dyn FnMut()) -> u64 {
    allocation_counter::measure(call).bytes_max
}

/// The terminator that a fuzzer chose.
pub(crate) const fn terminator_of(choice: u8) -> (Terminator, u8) {
    let terminator = if choice.is_multiple_of(2) { Terminator::Newline } else { Terminator::Nul };
    (terminator, terminator.byte())
}

/// The width and the order that a fuzzer chose.
pub(crate) fn binary_length_of(choice: u8) -> (Width, ByteOrder) {
    let order = if choice < 8 { ByteOrder::Big } else { ByteOrder::Little };
    (Width::ALL[usize::from(choice % 8) % Width::ALL.len()], order)
}

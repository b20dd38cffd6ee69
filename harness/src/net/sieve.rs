use socket2::SockFilter;

use super::Shape;
use super::wiring::{LOOPBACK, SWITCH};

/// Where a frame goes after one comparison.
#[derive(Clone, Copy)]
enum Then {
    Next,
    Keep,
    Drop,
}

/// One step of a filter in the classic BPF of `linux/filter.h`.
enum Step {
    /// Loads so many bytes from there.
    Load(u16, u32),
    /// Compares what was loaded: where to if it is equal, and where if not.
    Equal(u32, Then, Then),
}

const WORD: u16 = 0x20;
const HALF: u16 = 0x28;
const BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// From here on up a load reads what the kernel knows of the frame (`SKF_AD_OFF`).
const KNOWN: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = KNOWN + 4;
const INTERFACE: u32 = KNOWN + 8;

const OUTGOING: u32 = 4;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;

/// Keeps the IPv4 and IPv6 frames on the links of a network, less the reports of group membership
/// (MLD, RFC 3810) that the kernel sends whenever an IPv6 address is new.
pub(super) fn frames(shape: Shape) -> Vec<SockFilter> {
    use Then::{Drop, Keep, Next};
    let mut steps = match shape {
        // Each frame is seen twice on a loopback interface, leaving and arriving.
        Shape::Alone => vec![Step::Load(WORD, PACKET_TYPE), Step::Equal(OUTGOING, Next, Drop)],
        _ => vec![
            Step::Load(WORD, INTERFACE),
            Step::Equal(LOOPBACK, Drop, Next),
            Step::Equal(SWITCH, Drop, Next),
        ],
    };
    steps.extend([
        Step::Load(HALF, 12),
        Step::Equal(IPV4, Keep, Next),
        Step::Equal(IPV6, Next, Drop),
        // Hop-by-hop options, then ICMPv6, then the type of the report.
        Step::Load(BYTE, 14 + 6),
        Step::Equal(0, Next, Keep),
        Step::Load(BYTE, 14 + 40),
        Step::Equal(58, Next, Keep),
        Step::Load(BYTE, 14 + 40 + 8),
        Step::Equal(143, Drop, Keep),
    ]);
    assemble(&steps)
}

/// Keeps nothing.
pub(super) fn nothing() -> Vec<SockFilter> {
    vec![SockFilter::new(RETURN, 0, 0, 0)]
}

fn assemble(steps: &[Step]) -> Vec<SockFilter> {
    let mut program: Vec<SockFilter> = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            // How far it is to the two returns that follow the last step.
            let rest = u8::try_from(steps.len() - at - 1).expect("a filter is short");
            let distance = |then| match then {
                Then::Next => 0,
                Then::Keep => rest,
                Then::Drop => rest + 1,
            };
            match *step {
                Step::Load(size, from) => SockFilter::new(size, 0, 0, from),
                Step::Equal(value, yes, no) => {
                    SockFilter::new(JUMP_IF_EQUAL, distance(yes), distance(no), value)
                }
            }
        })
        .collect();
    program.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program
}

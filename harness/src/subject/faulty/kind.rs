//! What kinds of calls there are, for faults to say which they concern.

use crate::vocabulary::{How, MessageFlags, Op, SocketOption};

pub(super) const fn sends(op: &Op) -> bool {
    matches!(op, Op::Send { .. } | Op::Write { .. })
}

pub(super) const fn receives(op: &Op) -> bool {
    matches!(op, Op::Receive { .. } | Op::Read { .. } | Op::Drain { .. })
}

pub(super) const fn shuts_down(op: &Op) -> bool {
    matches!(op, Op::Shutdown { how: How::Read | How::Write | How::Both, .. })
}

pub(super) const fn shuts_read(op: &Op) -> bool {
    matches!(op, Op::Shutdown { how: How::Read, .. })
}

pub(super) const fn shuts_write(op: &Op) -> bool {
    matches!(op, Op::Shutdown { how: How::Write, .. })
}

pub(super) const fn shuts_both(op: &Op) -> bool {
    matches!(op, Op::Shutdown { how: How::Both, .. })
}

pub(super) const fn connects(op: &Op) -> bool {
    matches!(op, Op::Connect { .. })
}

pub(super) const fn accepts(op: &Op) -> bool {
    matches!(op, Op::Accept { .. })
}

pub(super) const fn closes(op: &Op) -> bool {
    matches!(op, Op::Close { .. })
}

pub(super) const fn polls(op: &Op) -> bool {
    matches!(op, Op::Poll { .. })
}

pub(super) const fn binds(op: &Op) -> bool {
    matches!(op, Op::Bind { .. })
}

pub(super) const fn opens(op: &Op) -> bool {
    matches!(op, Op::Open { .. } | Op::Bind { open: Some(_), .. })
}

pub(super) const fn reads_error(op: &Op) -> bool {
    matches!(op, Op::GetOption { option: SocketOption::Error, .. })
}

/// Whether it sets one option.
pub(super) fn sets(op: &Op, wanted: SocketOption) -> bool {
    matches!(op, Op::SetOption { option, .. } if *option == wanted)
}

/// Whether it reads one option.
pub(super) fn gets(op: &Op, wanted: SocketOption) -> bool {
    matches!(op, Op::GetOption { option, .. } if *option == wanted)
}

/// The flags that a call carries.
pub(super) const fn flags(op: &Op) -> MessageFlags {
    match op {
        Op::Send { flags, .. } | Op::Receive { flags, .. } => *flags,
        _ => MessageFlags::NONE,
    }
}

/// Nothing: for faults that only packets show.
pub(super) const fn nothing(_: &Op) -> bool {
    false
}

use memchr::memchr_iter;
use sockspec::framing::laws::Script;
use sockspec::framing::naive::Reading;
use sockspec::framing::{FrameError, TerminatorFramer};

use crate::framing::terminator_of;
use crate::peers::ours;

/// Holds terminators against a split of the whole stream at every terminator, which is what most
/// programs do first. Nothing is meant to differ: a last piece with bytes is a frame that was cut
/// short, and the first piece above the limit ends all.
///
/// # Panics
/// When something differs.
pub fn splitting(input: &[u8]) {
    let script = Script::parse(input);
    let (_, terminator) = terminator_of(script.choice);
    let ours = ours(&mut TerminatorFramer::new(terminator, script.limit), &script);
    assert_eq!(ours, split(terminator, &script));
}

fn split(terminator: u8, script: &Script<'_>) -> Reading<FrameError> {
    let Script { stream, limit, .. } = *script;
    let mut messages = Vec::new();
    let mut begin = 0;
    for at in memchr_iter(terminator, stream).chain([stream.len()]) {
        let (piece, offset) = (&stream[begin..at], begin as u64);
        let end = if piece.len() > limit {
            Err(FrameError::TooLong { offset, limit: limit as u64, announced: None })
        } else if at < stream.len() {
            messages.push(piece.to_vec());
            begin = at + 1;
            continue;
        } else if piece.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Truncated { offset, held: piece.len() as u64 })
        };
        return Reading { messages, end };
    }
    Reading { messages, end: Ok(()) }
}

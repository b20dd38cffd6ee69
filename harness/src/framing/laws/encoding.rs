use super::broken::Quoted;
use super::{Broken, Law};
use crate::framing::{Encoder, naive};
use crate::vocabulary::Framing;

/// What stands in a buffer before a message is written behind it.
const BEFORE: &[u8] = b"before\n";

/// Holds an encoder of a framing, made for messages of at most `limit` bytes, against every law,
/// with one message: [`Law::Encoding`], [`Law::Untouched`] and [`Law::RoundTrip`], the way back by
/// the naive model.
///
/// # Errors
/// The first law that does not hold.
pub fn encoder(
    framing: Framing,
    encoder: &(impl Encoder + ?Sized),
    limit: usize,
    message: &[u8],
) -> Result<(), Broken> {
    let broken = |law, told| Err(Broken::new(law, message, &[], told));
    let mut wire = BEFORE.to_vec();
    let taken = encoder.encode(message, &mut wire);
    let Some(written) = wire.strip_prefix(BEFORE) else {
        return broken(Law::Untouched, "what stood before it is changed".to_owned());
    };
    if taken.is_err() && !written.is_empty() {
        return broken(Law::Untouched, format!("it is refused, but {} is left", Quoted(written)));
    }
    match (taken, naive::write(framing, limit, message).err()) {
        (Ok(()), None) => {}
        (Err(error), Some(expected)) if error == expected => return Ok(()),
        (Err(error), expected) => {
            return broken(Law::Encoding, format!("it is refused, `{error}`, not {expected:?}"));
        }
        (Ok(()), Some(expected)) => {
            return broken(Law::Encoding, format!("it is taken, and should not: `{expected}`"));
        }
    }
    let reading = naive::read(framing, limit, written);
    if reading.end.is_ok() && reading.messages == [message] {
        return Ok(());
    }
    broken(Law::RoundTrip, format!("it is written as {}", Quoted(written)))
}

use super::broken::Quoted;
use super::{Broken, Chunks, Law};
use crate::framing::naive::Reading;
use crate::framing::{Decoder, Encoder, FrameError, Refusal};
use crate::vocabulary::FrameFault;

/// Streams up to this length are cut at every place.
pub(super) const SHORT: usize = 12;

/// Reads a whole stream in chunks of these sizes (see [`Chunks`]), the last of them with the end,
/// up to the first refusal.
pub fn read<D: Decoder>(decoder: &mut D, stream: &[u8], sizes: &[usize]) -> Reading<Refusal> {
    let mut messages = Vec::new();
    let mut begin = 0;
    for end in Chunks::new(stream.len(), sizes) {
        let is_last = end == stream.len();
        if let Err(refusal) = decoder.decode(&stream[begin..end], is_last, &mut messages) {
            return Reading { messages, end: Err(refusal) };
        }
        begin = end;
    }
    Reading { messages, end: Ok(()) }
}

/// Holds a decoder against every law that can be asked of one from outside, with one stream and one
/// way to cut it; short streams are cut everywhere. With `expected`, what must come out is known.
///
/// `make` gives a new decoder at the beginning of a stream. Of refusals only the kind is compared,
/// where the decoder tells it; the text is for a person.
///
/// # Errors
/// The first law that does not hold.
pub fn decoder<D: Decoder>(
    mut make: impl FnMut() -> D,
    stream: &[u8],
    sizes: &[usize],
    expected: Option<&Reading<FrameError>>,
) -> Result<(), Broken> {
    let make = &mut make;
    let whole = read(&mut make(), stream, &[]);
    if let Some(expected) = expected {
        model(&whole, stream, expected)?;
    }
    chunks(&mut *make, stream, sizes, &whole)?;
    stalls(&mut *make, stream, sizes, &whole)?;
    sticky(&mut *make, stream, sizes)?;
    truncation(&mut *make, stream, &whole)?;
    if whole.end.is_ok() {
        conservation(make, stream, stream)?;
    }
    Ok(())
}

/// [`Law::Model`]: what was read of a stream is what the naive model reads.
///
/// # Errors
/// When it is not.
pub fn model(
    reading: &Reading<Refusal>,
    stream: &[u8],
    expected: &Reading<FrameError>,
) -> Result<(), Broken> {
    let kind = match &expected.end {
        Ok(()) => Ok(()),
        Err(error) => Err(Some(error.fault())),
    };
    same(reading, &expected.messages, kind)
        .map_err(|told| Broken::new(Law::Model, stream, &[], told))
}

/// [`Law::Chunks`]: a stream in chunks of these sizes, and byte by byte, is read as it was all at
/// once (`whole`); so is a short one that is cut in two anywhere.
///
/// # Errors
/// When it is not.
pub fn chunks<D: Decoder>(
    mut make: impl FnMut() -> D,
    stream: &[u8],
    sizes: &[usize],
    whole: &Reading<Refusal>,
) -> Result<(), Broken> {
    let mut cut = |sizes: &[usize]| cut(&mut make, stream, sizes, whole);
    cut(&[1])?;
    cut(sizes)?;
    if stream.len() <= SHORT {
        for at in 1..stream.len() {
            cut(&[at, stream.len() - at])?;
        }
    }
    Ok(())
}

/// [`Law::Chunks`] for these chunks alone.
///
/// # Errors
/// When the stream is read in another way than all at once (`whole`).
pub fn cut<D: Decoder>(
    make: impl FnOnce() -> D,
    stream: &[u8],
    sizes: &[usize],
    whole: &Reading<Refusal>,
) -> Result<(), Broken> {
    let reading = read(&mut make(), stream, sizes);
    same(&reading, &whole.messages, kind_of(&whole.end))
        .map_err(|told| Broken::new(Law::Chunks, stream, sizes, told))
}

/// [`Law::Stall`]: a chunk without bytes brings no message and no refusal, and changes nothing.
///
/// # Errors
/// When it does.
pub fn stalls<D: Decoder>(
    mut make: impl FnMut() -> D,
    stream: &[u8],
    sizes: &[usize],
    whole: &Reading<Refusal>,
) -> Result<(), Broken> {
    let broken = |told| Err(Broken::new(Law::Stall, stream, sizes, told));
    let mut decoder = make();
    let mut reading = Reading { messages: Vec::new(), end: Ok(()) };
    let mut begin = 0;
    let ends = Chunks::new(stream.len(), sizes).map(|end| (end, false));
    for (end, is_end) in ends.chain([(stream.len(), true)]) {
        reading.end = decoder.decode(&stream[begin..end], is_end, &mut reading.messages);
        begin = end;
        if is_end || reading.end.is_err() {
            break;
        }
        let count = reading.messages.len();
        let again = decoder.decode(&[], false, &mut reading.messages);
        if reading.messages.len() > count {
            return broken(format!("behind byte {end} a call without bytes gives a message"));
        }
        if let Err(refusal) = again {
            return broken(format!("behind byte {end} a call without bytes is refused: {refusal}"));
        }
    }
    same(&reading, &whole.messages, kind_of(&whole.end)).or_else(broken)
}

/// [`Law::Sticky`]: behind a refusal every call is refused, in the same way and without a message.
///
/// # Errors
/// When one is not.
pub fn sticky<D: Decoder>(
    mut make: impl FnMut() -> D,
    stream: &[u8],
    sizes: &[usize],
) -> Result<(), Broken> {
    let mut decoder = make();
    let mut messages = Vec::new();
    let mut begin = 0;
    let mut first: Option<Refusal> = None;
    let ends = Chunks::new(stream.len(), sizes);
    // Each chunk, and then the end, without bytes and again with the whole stream.
    for end in ends.chain([stream.len(), stream.len()]) {
        let is_end = end == stream.len();
        let chunk = &stream[begin..end];
        begin = end;
        let count = messages.len();
        let refused = decoder.decode(chunk, is_end, &mut messages).err();
        let broken = |told| Err(Broken::new(Law::Sticky, stream, sizes, told));
        match (&first, refused) {
            (None, None) if is_end => return Ok(()),
            (None, refused) => first = refused,
            (Some(first), None) => {
                return broken(format!("`{first}` is forgotten by the next call"));
            }
            (Some(_), Some(_)) if messages.len() > count => {
                return broken("behind a refusal comes a message".to_owned());
            }
            (Some(first), Some(next)) if differ(first.fault, next.fault) => {
                return broken(format!("first `{first}`, then `{next}`"));
            }
            (Some(_), Some(_)) => {}
        }
    }
    Ok(())
}

/// [`Law::Truncation`]: a stream that lost its last bytes gives the messages before them, and is
/// refused unless what is left ends behind a frame. Short streams lose every number of bytes, others
/// one.
///
/// # Errors
/// When it does not, or is not.
pub fn truncation<D: Decoder>(
    mut make: impl FnMut() -> D,
    stream: &[u8],
    whole: &Reading<Refusal>,
) -> Result<(), Broken> {
    if whole.end.is_err() || stream.is_empty() {
        return Ok(());
    }
    let is_short = stream.len() <= SHORT;
    let least = if is_short { 0 } else { stream.len() - 1 };
    let mut boundaries = 0;
    for length in least..stream.len() {
        let part = &stream[..length];
        let broken = |told| Err(Broken::new(Law::Truncation, part, &[], told));
        let reading = read(&mut make(), part, &[]);
        match reading.end {
            _ if !whole.messages.starts_with(&reading.messages) => {
                return broken("it has other messages than with the bytes behind it".to_owned());
            }
            Err(refusal) if differ(refusal.fault, Some(FrameFault::Truncated)) => {
                return broken(format!("it is refused for another reason: {refusal}"));
            }
            Err(_) => {}
            Ok(()) if reading.messages.len() == whole.messages.len() => {
                return broken("all messages are there without the last bytes".to_owned());
            }
            Ok(()) => boundaries += 1,
        }
    }
    if is_short && boundaries != whole.messages.len() {
        let count = whole.messages.len();
        let told = format!("of its beginnings {boundaries} are whole, but {count} messages end");
        return Err(Broken::new(Law::Truncation, stream, &[], told));
    }
    Ok(())
}

/// [`Law::Conservation`]: two streams of whole frames, one behind the other, give the messages of
/// both.
///
/// # Errors
/// When they do not.
pub fn conservation<D: Decoder>(
    mut make: impl FnMut() -> D,
    first: &[u8],
    second: &[u8],
) -> Result<(), Broken> {
    let one = read(&mut make(), first, &[]);
    let two = read(&mut make(), second, &[]);
    if one.end.is_err() || two.end.is_err() {
        return Ok(());
    }
    let both = [first, second].concat();
    let sizes = [first.len(), second.len()];
    let reading = read(&mut make(), &both, &sizes);
    same(&reading, &[one.messages, two.messages].concat(), Ok(()))
        .map_err(|told| Broken::new(Law::Conservation, &both, &sizes, told))
}

/// [`Law::RoundTrip`]: the messages that an encoder takes, in one stream, are those that come out.
///
/// # Errors
/// When they are not.
pub fn round_trip<D: Decoder>(
    make: impl FnOnce() -> D,
    encoder: &(impl Encoder + ?Sized),
    messages: &[impl AsRef<[u8]>],
    sizes: &[usize],
) -> Result<(), Broken> {
    let mut stream = Vec::new();
    let taken: Vec<Vec<u8>> = messages
        .iter()
        .map(AsRef::as_ref)
        .filter(|message| encoder.encode(message, &mut stream).is_ok())
        .map(<[u8]>::to_vec)
        .collect();
    let reading = read(&mut make(), &stream, sizes);
    same(&reading, &taken, Ok(())).map_err(|told| Broken::new(Law::RoundTrip, &stream, sizes, told))
}

/// What kind of end it was, of which nothing is known where a decoder does not tell it.
type End = Result<(), Option<FrameFault>>;

fn kind_of(end: &Result<(), Refusal>) -> End {
    match end {
        Ok(()) => Ok(()),
        Err(refusal) => Err(refusal.fault),
    }
}

/// Kinds that are both known, and not the same.
fn differ(one: Option<FrameFault>, other: Option<FrameFault>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// How what was read differs from what was expected.
fn same(reading: &Reading<Refusal>, messages: &[Vec<u8>], end: End) -> Result<(), String> {
    let found = &reading.messages;
    if let Some(at) = found.iter().zip(messages).position(|(one, other)| one != other) {
        let (found, message) = (Quoted(&found[at]), Quoted(&messages[at]));
        return Err(format!("message {at} is {found}, not {message}"));
    }
    if found.len() != messages.len() {
        return Err(format!("{} messages, not {}", found.len(), messages.len()));
    }
    match (&reading.end, end) {
        (Ok(()), Err(_)) => Err("the stream is not refused".to_owned()),
        (Err(refusal), Ok(())) => Err(format!("the stream is refused: {refusal}")),
        (Err(refusal), Err(kind)) if differ(refusal.fault, kind) => {
            let kind = kind.map_or("otherwise", FrameFault::word);
            Err(format!("the stream is refused not as {kind}: {refusal}"))
        }
        (Ok(()), Ok(())) | (Err(_), Err(_)) => Ok(()),
    }
}

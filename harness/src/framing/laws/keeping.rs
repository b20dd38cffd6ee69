use super::{Broken, Chunks, Law};
use crate::framing::naive::Reading;
use crate::framing::{Decoder, FrameError, Framed, Framer, Inbox, Next, Refusal};

/// A decoder that keeps the bytes which came and were not consumed, and tells what that costs.
pub trait Keeper: Decoder {
    /// How many bytes are kept.
    fn held(&self) -> usize;

    /// How many bytes there is room for.
    fn capacity(&self) -> usize;

    /// How many bytes were moved so far, each as often as it was.
    fn moved(&self) -> u64;

    /// For how many bytes it makes room ahead of what comes, as one must that reads.
    fn ahead(&self) -> usize {
        0
    }
}

/// Holds what keeps the unread bytes of a stream against the laws of what that may cost:
/// [`Law::Memory`], at most 1 KiB and twice the most that was ever held with the chunk that came
/// then; [`Law::Moves`], at most 8 moves a byte and 1,024 in all. What comes out must be `expected`
/// ([`Law::Chunks`]).
///
/// # Errors
/// The first law that does not hold.
pub fn keeper<K: Keeper>(
    mut keeper: K,
    stream: &[u8],
    sizes: &[usize],
    expected: &Reading<FrameError>,
) -> Result<(), Broken> {
    let held = keep(&mut keeper, stream, sizes, expected);
    held.map_err(|(law, told)| Broken::new(law, stream, sizes, told))
}

fn keep<K: Keeper>(
    keeper: &mut K,
    stream: &[u8],
    sizes: &[usize],
    expected: &Reading<FrameError>,
) -> Result<(), (Law, String)> {
    let mut found = Vec::new();
    let (mut begin, mut most, mut count) = (0, 0, 0);
    for end in Chunks::new(stream.len(), sizes) {
        most = most.max(keeper.held() + end - begin);
        let result = keeper.decode(&stream[begin..end], end == stream.len(), &mut found);
        begin = end;
        for message in found.drain(..) {
            if expected.messages.get(count) != Some(&message) {
                return Err((Law::Chunks, format!("message {count} is another")));
            }
            count += 1;
        }
        let (capacity, moved) = (keeper.capacity(), keeper.moved());
        if capacity > 1_024 + keeper.ahead() + 2 * most {
            return Err((Law::Memory, format!("there is room for {capacity} bytes, not {most}")));
        }
        if moved > 8 * begin as u64 + 1_024 {
            return Err((Law::Moves, format!("of {begin} bytes {moved} were moved")));
        }
        let is_over = result.is_err() || end == stream.len();
        let kind = expected.end.map_err(|error| Some(error.fault()));
        let is_expected = count == expected.messages.len()
            && result.as_ref().map_err(|refusal| refusal.fault)
                == kind.as_ref().map_err(|kind| *kind);
        if is_over && !is_expected {
            let told = format!("{count} messages come, and then {result:?}");
            return Err((Law::Chunks, told));
        }
        if is_over {
            break;
        }
    }
    Ok(())
}

impl<F: Framer> Keeper for Framed<F> {
    fn held(&self) -> usize {
        self.inbox().unread().len()
    }

    fn capacity(&self) -> usize {
        self.inbox().capacity()
    }

    fn moved(&self) -> u64 {
        self.inbox().moved()
    }
}

/// A framer with an inbox into which every byte is copied, by the other ways there are into one.
#[derive(Clone, Debug)]
pub(super) struct Copied<F> {
    framer: F,
    inbox: Inbox,
    is_read: bool,
}

impl<F: Framer> Copied<F> {
    /// Pushes each chunk.
    pub(super) const fn pushed(framer: F) -> Self {
        Self { framer, inbox: Inbox::new(), is_read: false }
    }

    /// Lets the inbox read each chunk.
    #[cfg(test)]
    pub(super) const fn filled(framer: F) -> Self {
        Self { framer, inbox: Inbox::new(), is_read: true }
    }
}

impl<F: Framer> Decoder for Copied<F> {
    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let mut left = chunk;
        if !self.is_read {
            self.inbox.push(std::mem::take(&mut left));
        }
        loop {
            // Memory can always be read, as much as there is room for.
            while !left.is_empty() && self.inbox.fill(&mut left).is_err() {}
            match self.inbox.next(&mut self.framer, end)? {
                Next::Message(message) => messages.push(message.to_vec()),
                Next::Need(_) | Next::End => return Ok(()),
            }
        }
    }
}

impl<F: Framer> Keeper for Copied<F> {
    fn held(&self) -> usize {
        self.inbox.unread().len()
    }

    fn capacity(&self) -> usize {
        self.inbox.capacity()
    }

    fn moved(&self) -> u64 {
        self.inbox.moved()
    }

    fn ahead(&self) -> usize {
        if self.is_read { 64 << 10 } else { 0 }
    }
}

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use sockspec::framing::laws::{self, Script};
use sockspec::framing::{Framed, encoder, framer};
use sockspec::vocabulary::Framing;

/// What is sent, and how it comes.
#[derive(Debug, Arbitrary)]
struct Conversation {
    framing: u8,
    limit: u8,
    sizes: Vec<u8>,
    messages: Vec<Message>,
}

/// Bytes, mostly once; many times where the width of a header ends.
#[derive(Debug, Arbitrary)]
struct Message {
    times: u8,
    bytes: Vec<u8>,
}

/// No message is larger.
const LARGEST: usize = 1 << 16 | 1 << 8;

impl Message {
    fn bytes(&self) -> Vec<u8> {
        let times = self.times.checked_sub(240).map_or(1, |power| 1 << power.min(16));
        let most = LARGEST / self.bytes.len().max(1);
        self.bytes.repeat(most.min(times))
    }
}

static FRAMINGS: LazyLock<Vec<Framing>> = LazyLock::new(Framing::every);

/// Checks that the messages which an encoder takes are those that come out, with any framing, and
/// that it takes what it must.
///
/// # Panics
/// When they do not, or it does not.
pub fn round_trip(input: &[u8]) {
    let Ok(said) = Conversation::arbitrary_take_rest(Unstructured::new(input)) else { return };
    let framing = FRAMINGS[usize::from(said.framing) % FRAMINGS.len()];
    let limit = Script::LIMITS[usize::from(said.limit) % Script::LIMITS.len()];
    let encoder = encoder(framing, limit);
    let make = || Framed::new(framer(framing, limit));
    let messages: Vec<_> = said.messages.iter().map(Message::bytes).collect();
    // Long messages come in larger chunks, since there are only so many calls that are worth it.
    let scale = 1 + messages.iter().map(Vec::len).sum::<usize>() / 1_024;
    let sizes: Vec<usize> = said.sizes.iter().map(|size| usize::from(*size) * scale).collect();
    let held = messages
        .iter()
        .try_for_each(|message| laws::encoder(framing, &encoder, limit, message))
        .and_then(|()| laws::round_trip(make, &encoder, &messages, &sizes));
    if let Err(broken) = held {
        panic!("{framing}, limit {limit}: {broken}");
    }
}

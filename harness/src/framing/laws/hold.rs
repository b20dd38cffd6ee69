use super::keeping::Copied;
use super::{Broken, Script, cutting, keeping};
use crate::framing::{Framed, Framer, naive};
use crate::vocabulary::Framing;

/// Measures the most memory that is taken at one time while it calls what it is given, in bytes. In
/// a program without a counting allocator, [`unmetered`].
pub type Meter<'a> = &'a dyn Fn(&mut dyn FnMut()) -> u64;

/// A meter that sees nothing.
pub fn unmetered(call: &mut dyn FnMut()) -> u64 {
    call();
    0
}

/// Holds framers of a framing against every law that can be asked of one, with one stream: those of
/// positions, those of memory, and those of an inbox around it. `make` gives a framer with a limit.
///
/// # Errors
/// The first law that does not hold.
pub fn hold<F: Framer>(
    framing: Framing,
    make: impl Fn(usize) -> F,
    script: &Script<'_>,
    meter: Meter<'_>,
) -> Result<(), Broken> {
    let Script { stream, limit, .. } = *script;
    let make = || make(limit);
    let expected = naive::read(framing, limit, stream);
    cutting::framer(make, limit, stream, script.sizes(), &expected)?;
    cutting::memory(make, stream, meter)?;
    if script.is_pushed {
        keeping::keeper(Copied::pushed(make()), stream, script.sizes(), &expected)
    } else {
        keeping::keeper(Framed::new(make()), stream, script.sizes(), &expected)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Streams, decoder, encoder, keeper, round_trip};
    use super::*;
    use crate::framing::{self, Framed};

    fn metered(call: &mut dyn FnMut()) -> u64 {
        allocation_counter::measure(call).bytes_max
    }

    /// Every framing of the vocabulary, and decimal lengths that can say more than 64 bits.
    fn every() -> Vec<Framing> {
        let mut every = Framing::every();
        for padding in crate::vocabulary::Padding::ALL {
            every.push(Framing::AsciiLength { digits: 20, padding: *padding });
        }
        every
    }

    #[test]
    fn every_framer_holds_the_laws() {
        for framing in every() {
            let make = |limit| framing::framer(framing, limit);
            for made in Streams::new(framing, 1).take(200) {
                let held = hold(framing, make, &made.script(), &metered);
                held.unwrap_or_else(|broken| panic!("{framing}, limit {}: {broken}", made.limit));
            }
        }
    }

    #[test]
    fn every_framer_in_an_inbox_holds_the_laws_of_decoders() {
        for framing in every() {
            for made in Streams::new(framing, 2).take(50) {
                let make = || framing::framer(framing, made.limit);
                let expected = naive::read(framing, made.limit, &made.stream);
                let framed = || Framed::new(make());
                decoder(framed, &made.stream, &made.sizes, Some(&expected))
                    .and_then(|()| {
                        keeper(Copied::filled(make()), &made.stream, &made.sizes, &expected)
                    })
                    .unwrap_or_else(|broken| panic!("{framing}, limit {}: {broken}", made.limit));
            }
        }
    }

    #[test]
    fn every_encoder_holds_the_laws() {
        for framing in every() {
            let mut streams = Streams::new(framing, 3);
            for limit in Script::LIMITS {
                let messages: Vec<_> = (0..12).map(|_| streams.message(limit)).collect();
                let written = framing::encoder(framing, limit);
                let framed = || Framed::new(framing::framer(framing, limit));
                messages
                    .iter()
                    .try_for_each(|message| encoder(framing, &written, limit, message))
                    .and_then(|()| round_trip(framed, &written, &messages, &[3, 1, 0]))
                    .unwrap_or_else(|broken| panic!("{framing}, limit {limit}: {broken}"));
            }
        }
    }
}

use std::env;
use std::io::{self, Write as _};
use std::process::exit;
use std::sync::OnceLock;

use sockspec::framing::faulty::{Mutant, Part, all};
use sockspec::framing::laws::Script;

use crate::framing::metered;

static MUTANT: OnceLock<Mutant> = OnceLock::new();

/// Chooses the codec that `SOCKSPEC_MUTANT` names. Without that variable it writes the class, the name,
/// the dictionary and the description of each, one a line with tabs between, and ends the program.
///
/// # Panics
/// When there is none of this name.
pub fn choose_mutant() {
    let Ok(name) = env::var("SOCKSPEC_MUTANT") else {
        let line = |mutant: Mutant| {
            let Mutant { class, name, framing, about, .. } = mutant;
            let text = framing.to_string();
            let dictionary = text.split(' ').next().unwrap_or_default();
            format!("{class}\t{name}\t{dictionary}\t{about}\n")
        };
        let lines: String = all().into_iter().map(line).collect();
        exit(i32::from(io::stdout().write_all(lines.as_bytes()).is_err()));
    };
    let mutant = all().into_iter().find(|mutant| mutant.name == name);
    let mutant = mutant.unwrap_or_else(|| panic!("there is no mutant {name}"));
    MUTANT.get_or_init(|| mutant);
}

/// Holds the chosen codec against the laws, as the targets hold those that are meant to be right.
///
/// # Panics
/// When a law does not hold: the defect is found.
pub fn power(input: &[u8]) {
    let Some(mutant) = MUTANT.get() else { return };
    let mut script = Script::parse(input);
    let message = many(&script);
    if mutant.part() == Part::Encoder {
        script.stream = &message;
    }
    if let Err(broken) = mutant.hold(&script, &metered) {
        panic!("{}, limit {}: {broken}", mutant.name, script.limit);
    }
}

/// The stream as an encoder's message: some are repeated, up to where the widths of headers end.
fn many(script: &Script<'_>) -> Vec<u8> {
    const LARGEST: usize = 1 << 17;
    let times = [16, 256, 4_096, 65_536].get(usize::from(script.choice.wrapping_sub(12)));
    let most = LARGEST / script.stream.len().max(1);
    script.stream.repeat(times.map_or(1, |times| most.min(*times)))
}

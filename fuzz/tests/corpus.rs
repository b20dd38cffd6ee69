//! Replays every input that is kept, corpus and regressions, through the function that its fuzz
//! target calls, without a fuzzer: one test for each target.

use std::cell::RefCell;
use std::panic::{PanicHookInfo, catch_unwind, set_hook};
use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use sockspec_fuzz::{Input, TARGETS, Target, inputs};

fn main() {
    let arguments = Arguments::from_args();
    // What a check says is told beside the input; this harness would let it all stand above.
    set_hook(Box::new(remember));
    let mut trials = vec![Trial::test("an_input_that_fails_is_named", an_input_that_fails)];
    for target in TARGETS {
        trials.push(Trial::test(target.name, || every_input_holds(*target)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn every_input_holds(target: Target) -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = inputs(&root.join("corpus").join(target.name))?;
    if corpus.is_empty() {
        return Err("the corpus is empty".into());
    }
    replay(target, &corpus)?;
    replay(target, &inputs(&root.join("regressions").join(target.name))?)
}

/// Calls the check with each input and names all that fail.
fn replay(target: Target, inputs: &[Input]) -> Result<(), Failed> {
    let failed: Vec<_> = inputs.iter().filter_map(|input| failure(target, input)).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

fn failure(target: Target, input: &Input) -> Option<String> {
    catch_unwind(|| (target.check)(&input.bytes)).err()?;
    Some(format!("{}: {}", input.path.display(), LAST.take()))
}

thread_local! {
    /// What the last panic of a thread said.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

fn remember(panic: &PanicHookInfo<'_>) {
    LAST.set(panic.to_string());
}

fn an_input_that_fails() -> Result<(), Failed> {
    let target = Target { name: "planted", check: |bytes| assert!(bytes.len() < 2, "a plant") };
    let named = |name: &str, bytes: &[u8]| Input { path: name.into(), bytes: bytes.into() };
    replay(target, &[named("short", b"x")])?;
    let Err(failed) = replay(target, &[named("a", b"xy"), named("b", b"x"), named("c", b"xyz")])
    else {
        return Err("it is not noticed".into());
    };
    let said = failed.message().unwrap_or_default();
    let inputs: Vec<_> = said.lines().filter_map(|line| line.split_once(": ")).collect();
    match inputs[..] {
        [("a", _), ("c", _)] if said.matches("a plant").count() == 2 => Ok(()),
        _ => Err(format!("it is told as {said}").into()),
    }
}

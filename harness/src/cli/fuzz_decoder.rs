use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, io};

use clap::Args;
use indicatif::ProgressBar;

use super::exit::Exit;
use super::finding::{Replay, held, shown};
use super::output::{Colour, complain, print};
use super::run::{positive, time};
use crate::explore::decoder::{Program, Session, StartError};
use crate::explore::{Case, Checks, Frames, Generator, Hunt, Hunted, observe};
use crate::framing::laws::Law;
use crate::report::Many;
use crate::subject::program::guard;
use crate::vocabulary::Framing;

/// Hold any program that decodes against the laws of framing.
///
/// Streams are made up, cut into chunks in many ways, and what the program makes of them is
/// compared. What it does wrong is shown as the shortest case that was found, with the command that
/// runs that case again.
#[derive(Debug, Args)]
#[command(after_long_help = PROTOCOL)]
pub(super) struct Arguments {
    /// The framing that the program decodes, such as 'binary-length u32 big': streams are made up of
    /// it, and what must come out is known.
    #[arg(long, value_name = "FRAMING", requires = "limit")]
    framing: Option<Framing>,

    /// The largest message that the program takes, such as 64KiB; `none` where it has no limit.
    #[arg(long, value_name = "SIZE", requires = "framing", value_parser = size)]
    limit: Option<usize>,

    /// A stream as the program reads it, from which others are made; can be given several times. It
    /// is enough where none of the known framings is that of the program.
    #[arg(long, value_name = "FILE")]
    sample: Vec<PathBuf>,

    /// Other streams; the same for the same seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How many streams [default: 500, or with --time as many as there is time for].
    #[arg(long, value_name = "N", value_parser = positive)]
    runs: Option<usize>,

    /// Begin no other stream after this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<Duration>,

    /// How long an answer may take.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "2s")]
    timeout: Duration,

    /// Only these laws: model, chunks, stall, sticky, truncation, conservation.
    #[arg(long, value_name = "LAW", value_delimiter = ',', value_parser = law)]
    only: Vec<Law>,

    /// None of these laws.
    #[arg(long, value_name = "LAW", value_delimiter = ',', value_parser = law)]
    except: Vec<Law>,

    /// Only this case: its chunks in hexadecimal with `|` between them, such as '0003|616263'.
    #[arg(long, value_name = "CHUNKS", conflicts_with_all = ["sample", "runs", "time"])]
    case: Option<Case>,

    /// The program that decodes, and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Run a decoder for `fuzz-decoder`, and end it together with that.
#[derive(Debug, Args)]
pub(super) struct GuardArguments {
    /// A folder that is removed where that process is gone.
    #[arg(long)]
    work: Option<PathBuf>,

    /// The command attends to the signals that are blocked.
    #[arg(long)]
    attends: bool,

    /// The process for which the command runs.
    parent: u32,

    /// The command.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// What a program must speak, in short.
const PROTOCOL: &str = "\
The program speaks lines on its standard input and output, with bytes in hexadecimal:

  it begins with   sockspec-decoder 1
  to `new`         it answers `more`: a stream begins
  to `chunk HEX`   `frame HEX` for each message that is whole now, then `more`
  to `end`         `frame HEX` for each message that is left, then `end`

Instead of `more` or `end` it refuses bytes that are no messages with `error TEXT`, or with
`truncated TEXT`, `too-long TEXT` or `malformed TEXT`. It flushes each answer. The whole protocol
and an example stand in harness/decoders of the source.";

/// How many streams are made up where nothing else is said.
const RUNS: u64 = 500;
/// How many cases are tried to make one smaller.
const ATTEMPTS: u64 = 3_000;
/// The largest sample: what is longer takes longer to send than it is worth.
const LARGEST_SAMPLE: u64 = 1 << 20;

pub(super) fn fuzz_decoder(arguments: &Arguments, colour: Colour) -> io::Result<Exit> {
    let hunt = match hunt(arguments) {
        Ok(hunt) => hunt,
        Err(mistake) => {
            complain(&format!("error: {mistake}\n"));
            return Ok(Exit::Usage);
        }
    };
    match explore(arguments, &hunt, colour) {
        Ok((text, exit)) => print(&text).map(|()| exit),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            Ok(Exit::Broken)
        }
    }
}

fn explore(
    arguments: &Arguments,
    hunt: &Hunt,
    colour: Colour,
) -> Result<(String, Exit), StartError> {
    let session = Session::start(Program {
        guard: super::subject::guard(),
        command: arguments.command.clone(),
        timeout: arguments.timeout,
    })?;
    let began = Instant::now();
    let found = if let Some(case) = &arguments.case {
        hunt.replay(&session, case)?.map(Box::new).ok_or(None)
    } else {
        // It shows on a terminal only.
        let bar = ProgressBar::new_spinner();
        let in_time = || {
            let chunks = Many(session.exchanges().chunks, "chunk");
            bar.set_message(format!("{chunks}, and nothing wrong"));
            bar.tick();
            arguments.time.is_none_or(|time| began.elapsed() < time)
        };
        let hunted = hunt.run(&session, in_time);
        bar.finish_and_clear();
        match hunted? {
            Hunted::Found(finding) => Ok(finding),
            Hunted::Held { streams, late } => Err(Some((streams, late))),
        }
    };
    let replay = Replay {
        hunt,
        arguments: words(arguments),
        samples: &arguments.sample,
        command: &arguments.command,
    };
    Ok(match found {
        Ok(finding) => {
            let observed = observe(&session, &hunt.checks, &finding);
            (shown(&finding, &observed, &session, &replay, colour.palette()), Exit::Failed)
        }
        Err(streams) => (held(streams, &session, &replay, colour.palette()), Exit::Good),
    })
}

fn hunt(arguments: &Arguments) -> Result<Hunt, String> {
    let framing = arguments.framing.zip(arguments.limit);
    if framing.is_none() && arguments.sample.is_empty() && arguments.case.is_none() {
        return Err("nothing says what the program decodes: give its framing and limit, such as \
                    `--framing 'binary-length u32 big' --limit 64KiB`, or streams that it reads \
                    with `--sample FILE`"
            .to_owned());
    }
    let chosen = |law: &Law| {
        (arguments.only.is_empty() || arguments.only.contains(law))
            && !arguments.except.contains(law)
    };
    let laws: Vec<Law> = Checks::LAWS.into_iter().filter(chosen).collect();
    let checks = Checks::new(&laws, framing);
    if checks.laws().is_empty() {
        return Err("no law is left to hold the program against".to_owned());
    }
    let samples: Vec<Vec<u8>> = arguments.sample.iter().map(sample).collect::<Result<_, _>>()?;
    let runs = match (arguments.runs, arguments.time) {
        (Some(runs), _) => runs as u64,
        (None, Some(_)) => u64::MAX,
        (None, None) => RUNS,
    };
    Ok(Hunt {
        generator: Generator::new(framing, samples),
        checks,
        frames: framing.map(|(framing, limit)| Frames::new(framing, limit)),
        seed: arguments.seed,
        runs,
        attempts: ATTEMPTS,
    })
}

fn sample(path: &PathBuf) -> Result<Vec<u8>, String> {
    let unread =
        |error: io::Error| format!("the sample {} cannot be read: {error}", path.display());
    if fs::metadata(path).map_err(unread)?.len() > LARGEST_SAMPLE {
        return Err(format!("the sample {} has more than {LARGEST_SAMPLE} bytes", path.display()));
    }
    fs::read(path).map_err(unread)
}

/// What else was said that a case depends on, as it is written.
fn words(arguments: &Arguments) -> Vec<String> {
    let mut words = Vec::new();
    if let (Some(framing), Some(limit)) = (arguments.framing, arguments.limit) {
        words.extend(["--framing".to_owned(), framing.to_string()]);
        words.extend(["--limit".to_owned(), written(limit)]);
    }
    for (option, laws) in [("--only", &arguments.only), ("--except", &arguments.except)] {
        if !laws.is_empty() {
            let names: Vec<&str> = laws.iter().map(|law| law.name()).collect();
            words.extend([option.to_owned(), names.join(",")]);
        }
    }
    words
}

/// Guards a decoder, as [`Session`] wants it.
pub(super) fn guarded(arguments: &GuardArguments) -> io::Result<u8> {
    guard(arguments.parent, arguments.work.as_deref(), arguments.attends, &arguments.command)
}

fn law(text: &str) -> Result<Law, String> {
    let names = || Checks::LAWS.map(Law::name).join(", ");
    let law = Checks::LAWS.into_iter().find(|law| law.name() == text);
    law.ok_or_else(|| format!("expected one of {}", names()))
}

const UNITS: [(&str, usize); 3] = [("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

/// A number of bytes, or none at all.
fn size(text: &str) -> Result<usize, String> {
    if text == "none" {
        return Ok(usize::MAX);
    }
    let split = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
    split
        .and_then(|(number, bytes)| number.parse::<usize>().ok()?.checked_mul(*bytes))
        .ok_or_else(|| "expected a size such as 4096, 64KiB or 1MiB, or none".to_owned())
}

/// What [`size`] reads.
fn written(size: usize) -> String {
    let unit = UNITS.iter().find(|(_, bytes)| size >= *bytes && size.is_multiple_of(*bytes));
    match unit {
        _ if size == usize::MAX => "none".to_owned(),
        Some((unit, bytes)) => format!("{}{unit}", size / bytes),
        None => size.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_as_it_is_read() {
        for text in ["0", "1", "1000", "1KiB", "64KiB", "3MiB", "none"] {
            assert_eq!(size(text).map(written).as_deref(), Ok(text));
        }
        assert_eq!(size("1024"), Ok(1_024));
        for text in ["", "KiB", "-1", "64kb", "1.5MiB", "99999999999999999999", "20000000000000MiB"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }
}

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use crate::explore::decoder::{MishapKind, Session};
use crate::explore::{Case, Finding, Hunt, Observed, Wrong};
use crate::framing::laws::Law;
use crate::report::{Many, Palette, Printable, ShellWord, Thousands};
use crate::vocabulary::FrameFault;

/// What a command has to say so that it does the same again.
pub(super) struct Replay<'a> {
    /// What was looked for.
    pub(super) hunt: &'a Hunt,
    /// The options that a case depends on.
    pub(super) arguments: Vec<String>,
    /// Where streams were made from.
    pub(super) samples: &'a [PathBuf],
    /// The program under test.
    pub(super) command: &'a [OsString],
}

/// What is shown of bytes, of the chunks of a case, and of messages.
const BYTES: usize = 24;
const CHUNKS: usize = 12;
const MESSAGES: usize = 6;
/// The width of what a line begins with.
const LABEL: usize = 13;

/// What is said where nothing wrong was found: with so many streams, and so many late answers; with
/// nothing known where it was one case only.
pub(super) fn held(
    streams: Option<(u64, u64)>,
    session: &Session,
    replay: &Replay<'_>,
    palette: Palette,
) -> String {
    let Palette { good, odd, .. } = palette;
    let names: Vec<&str> = replay.hunt.checks.laws().iter().map(|law| law.name()).collect();
    let names = names.join(", ");
    let Some((streams, late)) = streams else {
        return format!("{good}held{good:#}: the case keeps the laws {names}\n");
    };
    let chunks = Many(session.exchanges().chunks, "chunk");
    let (streams, seed) = (Many(streams, "stream"), replay.hunt.seed);
    let mut text = format!("{good}held{good:#}: {streams}, {chunks}, seed {seed}; laws {names}\n");
    if late > 0 {
        let (late, limit) = (Many(late, "answer"), session.timeout());
        // Writing to a string does not fail, here and below.
        let _ = writeln!(
            text,
            "{odd}but{odd:#}: {late} took more than {limit:?}, and less when asked for again"
        );
    }
    text
}

/// What is said of something wrong.
pub(super) fn shown(
    finding: &Finding,
    observed: &[Observed],
    session: &Session,
    replay: &Replay<'_>,
    palette: Palette,
) -> String {
    let Palette { bad, strong, faint, .. } = palette;
    let mut text = String::new();
    let (word, statement, told) = match &finding.wrong {
        Wrong::Law(broken, _) => (broken.law.name(), broken.law.statement(), broken.told.clone()),
        Wrong::Mishap(mishap, _) => {
            (mishap.kind.word(), mishap.kind.statement(), mishap.kind.to_string())
        }
    };
    let _ = writeln!(text, "{bad}FAIL{bad:#}  {strong}{word}{strong:#}: {statement}");
    let mut line = |label: &str, rest: &dyn fmt::Display| {
        let _ = writeln!(text, "  {faint}{label:LABEL$}{faint:#}{rest}");
    };
    line("decoder", &Decoder(replay.command, &session.name()));
    line("found", &Printable(&told));
    line("case", &Size(finding));
    let chunks: Vec<&[u8]> = finding.case.chunks().collect();
    for (index, chunk) in chunks.iter().enumerate().take(CHUNKS) {
        line("", &format_args!("{:>2}  {}", index + 1, Bytes(chunk)));
    }
    if chunks.len() > CHUNKS {
        line("", &format_args!("and {} more", chunks.len() - CHUNKS));
    }
    for one in observed {
        line(one.how, &Came(one));
        for (index, message) in one.messages.iter().enumerate().take(MESSAGES) {
            line("", &format_args!("{:>2}  {}", index + 1, Bytes(message)));
        }
        if one.messages.len() > MESSAGES {
            line("", &format_args!("and {} more", one.messages.len() - MESSAGES));
        }
    }
    if let Wrong::Mishap(mishap, _) = &finding.wrong {
        for (index, said) in mishap.said.iter().enumerate() {
            line(if index == 0 { "it said" } else { "" }, &Printable(said));
        }
    }
    if let Some(hint) = hint(finding, observed, session, replay) {
        line("perhaps", &hint);
    }
    line("again", &Again(finding, replay));
    text
}

/// What often is the reason, where it lies beside the decoder.
fn hint(
    finding: &Finding,
    observed: &[Observed],
    session: &Session,
    replay: &Replay<'_>,
) -> Option<&'static str> {
    if !finding.repeats {
        return Some("`new` keeps something of the stream before, and the case alone is innocent");
    }
    let has_model = replay.hunt.checks.expected(&[]).is_some();
    match &finding.wrong {
        Wrong::Mishap(mishap, _) => match mishap.kind {
            MishapKind::Hang(_) if session.exchanges().slowest.is_zero() => {
                Some("the program does not flush its standard output behind an answer")
            }
            MishapKind::Garbage { .. } => {
                Some("a note that belongs on standard error, or a second answer to one request")
            }
            _ => None,
        },
        Wrong::Law(broken, _) => match broken.law {
            Law::Model if observed.iter().any(is_too_long) => {
                Some("the decoder's limit is another one: then say so with `--limit`")
            }
            Law::Truncation if !has_model => {
                Some("a stream may end within its last message here: then `--except truncation`")
            }
            Law::Conservation if !has_model => {
                Some("something stands at the beginning only here: then `--except conservation`")
            }
            _ => None,
        },
    }
}

fn is_too_long(one: &Observed) -> bool {
    let refusal = one.end.as_ref().err();
    refusal.is_some_and(|refusal| refusal.fault == Some(FrameFault::TooLong))
}

/// The program, and what it says of itself.
struct Decoder<'a>(&'a [OsString], &'a str);

impl fmt::Display for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_command(f, self.0)?;
        if self.1.is_empty() { Ok(()) } else { write!(f, "  ({})", Printable(self.1)) }
    }
}

/// How large a case is, and what it was made from.
struct Size<'a>(&'a Finding);

impl fmt::Display for Size<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |case: &Case| {
            let (bytes, chunks) = (case.stream().len() as u64, case.sizes().len() as u64);
            format!("{} in {}", Many(bytes, "byte"), Many(chunks, "chunk"))
        };
        f.write_str(&size(&self.0.case))?;
        if let Some((from, shrunk)) = &self.0.shrunk
            && *from != self.0.case
        {
            let attempts = Many(shrunk.attempts, "attempt");
            write!(f, "; shrunk from {}, {attempts}", size(from))?;
            if !shrunk.is_minimal {
                f.write_str(", and may not be the smallest")?;
            }
        }
        Ok(())
    }
}

/// How many messages there were, and the end.
struct Came<'a>(&'a Observed);

impl fmt::Display for Came<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.messages.len() as u64 {
            0 => f.write_str("no message")?,
            count => Many(count, "message").fmt(f)?,
        }
        match &self.0.end {
            Ok(()) => f.write_str(", then the end"),
            Err(refusal) => {
                f.write_str(", then refused")?;
                if let Some(fault) = refusal.fault {
                    write!(f, " as {fault}")?;
                }
                // Who says no more than that has said it.
                let is_more = refusal.fault.is_none_or(|fault| fault.word() != refusal.text);
                if is_more { write!(f, ": {}", Printable(&refusal.text)) } else { Ok(()) }
            }
        }
    }
}

/// Bytes as text and in hexadecimal; of many the first.
struct Bytes<'a>(&'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = self.0.split_at(self.0.len().min(BYTES));
        write!(f, "\"{}\"", first.escape_ascii())?;
        if !first.is_empty() {
            f.write_str("  ")?;
        }
        first.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        if rest.is_empty() {
            return Ok(());
        }
        write!(f, "  and {} bytes more", Thousands(rest.len() as u64))
    }
}

/// The command that shows it again: the case alone, or every stream up to it.
struct Again<'a>(&'a Finding, &'a Replay<'a>);

impl fmt::Display for Again<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(finding, replay) = self;
        f.write_str("sockspec fuzz-decoder")?;
        for word in &replay.arguments {
            write!(f, " {}", ShellWord(word))?;
        }
        if finding.repeats {
            write!(f, " --case {}", ShellWord(&finding.case.to_string()))?;
        } else {
            for sample in replay.samples {
                write!(f, " --sample {}", ShellWord(&sample.to_string_lossy()))?;
            }
            write!(f, " --seed {} --runs {}", replay.hunt.seed, finding.runs)?;
        }
        f.write_str(" -- ")?;
        write_command(f, replay.command)
    }
}

fn write_command(f: &mut fmt::Formatter<'_>, command: &[OsString]) -> fmt::Result {
    for (index, word) in command.iter().enumerate() {
        if index > 0 {
            f.write_str(" ")?;
        }
        write!(f, "{}", ShellWord(&word.to_string_lossy()))?;
    }
    Ok(())
}

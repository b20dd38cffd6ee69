use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::attendant::{Attendant, Attended};
use super::columns::Column;
use super::exit::Exit;
use super::known::{Origin, known, origin};
use super::output::{Colour, complain, complain_of, is_watched, stderr, stdout};
use super::outputs::Outputs;
use super::pending::shown;
use super::several::Several;
use super::shard::shard;
use super::status::Levels;
use super::subject;
use super::suite::{Choice, Chosen};
use crate::report::recording::RecordingWriter;
use crate::report::{Circumstances, Progress, Reporters, Screen, Tally, Terminal, Transcript};
use crate::run::event::{Event, RunStarted};
use crate::run::{
    Limits, Load, Pending, Plan, RunOptions, Selection, Shard, Stop, kernel_release,
    run as run_plan,
};
use crate::scenario::{Case, MOST_HOSTS};
use crate::vocabulary::{Level, Topology, Transport};

/// Run scenarios and report what came of them.
///
/// What a subject is known to do otherwise stands in its expectations file: a case that fails as an
/// entry there says is no failure of the run.
#[derive(Debug, Args)]
#[command(after_long_help = EXITS)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,

    #[command(flatten)]
    subject: subject::SubjectChoice,

    /// What the subject is known to do otherwise: a TOML file, or `none` [default:
    /// `reports/SUBJECT.toml` in this folder where the suite is `scenarios` in this folder, else
    /// what is built in, for scenarios that are built in].
    #[arg(long, value_parser = origin, value_name = "FILE")]
    expectations: Option<Origin>,

    /// Only these transports: tcp4, tcp6, unix, unix-dgram, udp4, udp6.
    #[arg(long, value_delimiter = ',', value_parser = transport, value_name = "TRANSPORT")]
    over: Vec<Transport>,

    /// Only these topologies: loopback, netns, lan, routed.
    #[arg(long, value_delimiter = ',', value_parser = topology, value_name = "TOPOLOGY")]
    on: Vec<Topology>,

    /// Only what binds at least this much: must, should or may.
    #[arg(long, value_parser = level)]
    level: Option<Level>,

    /// Grow the groups of a lan, such as `listeners*3`, until it has this many hosts.
    #[arg(long, value_parser = hosts, value_name = "N")]
    hosts: Option<usize>,

    /// Run each case this often.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    repeat: u32,

    /// Let this many threads compute beside the cases, so that these have to wait for a core.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_024), value_name = "CORES")]
    stress: Option<u32>,

    /// Run this many cases side by side [default: of those that compute one a core, of those that
    /// wait as many as there are].
    #[arg(long, value_parser = positive, value_name = "N")]
    jobs: Option<usize>,

    /// Run in another order, the same for the same seed.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Stretch soft bounds and deadlines by this factor; lower bounds never move.
    #[arg(long, default_value_t = 1.0, value_parser = factor, value_name = "X")]
    slack: f64,

    /// The deadline of an answer: a call that takes longer hangs.
    #[arg(long, default_value = "2s", value_parser = time, value_name = "TIME")]
    deadline: Duration,

    /// Stop at the first failure.
    #[arg(long)]
    fail_fast: bool,

    /// Run the K-th of N equal parts of the suite; `auto` takes them from the variables of a GitLab,
    /// CircleCI or Buildkite job, or from JOB_COMPLETION_INDEX of an indexed Kubernetes job and
    /// SOCKSPEC_SHARDS.
    #[arg(long, value_parser = shard, value_name = "K/N|auto")]
    shard: Option<Shard>,

    /// Write the recording of the run, as JSON lines; with several subjects, one of each to this folder.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    record: Option<PathBuf>,

    #[command(flatten)]
    outputs: Outputs,

    /// With --pcapng: those of every case that has packets.
    #[arg(long, requires = "pcapng", help_heading = "Reports")]
    pcapng_all: bool,

    #[command(flatten)]
    levels: Levels,
}

/// What runs through a proxy where nothing is chosen.
const PROXIES: &str = "proxy/**";

const EXITS: &str = "\
Exit code, the first of these that is so:
  2  the command line, a scenario or the expectations file is wrong; nothing was run
  1  a case failed that was not expected to, or was good once and bad another time
  3  the harness or the environment failed
  4  nothing was selected
  5  an expectation is stale: what it says to fail passed, or it is past its date
  0  everything stands as expected

While it runs:
  t, or SIGUSR1        show the steps that are pending, the oldest first (t: on a terminal)
  Ctrl-C, or SIGTERM   end the run before its time, with a report on what has ended (exit code 1, 3)
  once more            end at once";

pub(super) fn run(arguments: &Arguments, colour: Colour) -> Exit {
    // What else there is says little of a proxy.
    let choice = arguments.choice.or(arguments.subject.is_via().then_some(PROXIES));
    let chosen = match choice.open(colour) {
        Ok(chosen) => chosen,
        Err(exit) => return exit,
    };
    let plan = match plan(arguments, &chosen) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    match arguments.subject.several() {
        Ok(None) => {}
        Ok(Some(columns)) => return several(arguments, columns, &chosen, &plan),
        Err(exit) => return exit,
    }
    // Before the first thread of this process begins.
    let networks = arguments.pcapng_all || plan.cases().any(Case::needs_network);
    let subject = match arguments.subject.open(networks) {
        Ok(subject) => subject,
        Err(exit) => return exit,
    };
    let here = Circumstances {
        kernel: kernel_release(),
        version: subject.version().to_owned(),
        peer: subject.peer().unwrap_or_default(),
    };
    let origin = arguments.expectations.as_ref();
    let known = match known(origin, subject.name(), &chosen, &plan, &here, colour) {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    let mut reporters = Reporters::new();
    if let Some(path) = &arguments.record {
        match File::create(path) {
            Ok(file) => reporters.add("the recording", RecordingWriter::new(file)),
            Err(error) => {
                complain(&format!("error: {} cannot be written: {error}\n", path.display()));
                return Exit::Usage;
            }
        }
    }
    let mut outputs = match arguments.outputs.open() {
        Ok(outputs) => outputs,
        Err(exit) => return exit,
    };
    if let Some(files) = outputs.packets.take() {
        reporters.add("a file of packets", files);
    }
    let terminal = terminal(arguments, colour);
    let (stop, pending) = (Arc::<Stop>::default(), Arc::<Pending>::default());
    let screen = terminal.screen();
    let watched = Watched { stop: Arc::clone(&stop), pending: Arc::clone(&pending), screen };
    let attendant = match Attendant::start(Box::new(watched)) {
        Ok(attendant) => attendant,
        Err(error) => {
            complain(&format!("error: signals cannot be attended to: {error}\n"));
            return Exit::Broken;
        }
    };
    reporters.add("the report", terminal);
    outputs.begin();
    let load = match arguments.stress.map(Load::start).transpose() {
        Ok(load) => load,
        Err(error) => {
            complain(&format!("error: a busy thread cannot be started: {error}\n"));
            return Exit::Broken;
        }
    };
    let options = RunOptions {
        suite: chosen.name.clone(),
        paths: chosen.paths.clone(),
        command: arguments.subject.command(),
        hosts: arguments.hosts,
        shard: arguments.shard,
        repeat: arguments.repeat,
        jobs: arguments.jobs,
        seed: arguments.seed,
        limits: Limits { answer: arguments.deadline, slack: arguments.slack },
        fail_fast: arguments.fail_fast,
        floor: arguments.level.unwrap_or(Level::May),
        keep_packets: arguments.pcapng_all,
        alone: true,
        stress: arguments.stress,
        known,
        pending: Some(pending),
        stop: Some(stop),
    };
    // The scenarios' texts live on in the plan; what was parsed from them is not needed any more.
    drop(chosen);
    let mut tally = Tally::default();
    let mut transcript = outputs.needs_transcripts().then(Transcript::default);
    run_plan(plan, &*subject, &options, &mut |event: Event| {
        tally.event(&event);
        if let Some(transcript) = &mut transcript {
            transcript.note(&event);
        }
        reporters.event(&event);
    });
    reporters.close();
    drop(load);
    let exit = Exit::of(&tally).and(outputs.write(transcript.as_slice()));
    drop(attendant);
    if complain_of(&reporters) { exit.and(Exit::Broken) } else { exit }
}

/// The run, as far as a person can ask something of it.
struct Watched {
    stop: Arc<Stop>,
    pending: Arc<Pending>,
    screen: Screen,
}

impl Attended for Watched {
    fn end(&self) {
        self.stop.ask();
    }

    fn is_ending(&self) -> bool {
        self.stop.is_asked()
    }

    fn show_pending(&self) {
        self.say(&shown(&self.pending.steps()));
    }

    fn say(&self, text: &str) {
        self.screen.beside(|| complain(text));
    }
}

fn several(arguments: &Arguments, columns: Vec<Column>, chosen: &Chosen, plan: &Plan) -> Exit {
    let announced = RunStarted {
        suite: chosen.name.clone(),
        paths: chosen.paths.clone(),
        repeat: arguments.repeat,
        ..RunStarted::of(plan)
    };
    let several = Several {
        columns,
        is_lenient: arguments.subject.is_lenient(),
        fail_fast: arguments.fail_fast,
        record: arguments.record.as_deref(),
        outputs: &arguments.outputs,
        announced,
    };
    several.run()
}

/// The report for a person, on standard output unless another one is written there.
fn terminal(arguments: &Arguments, colour: Colour) -> Terminal<Box<dyn Write + Send>> {
    let progress = if is_watched() { Progress::Bar } else { Progress::Log };
    let (writer, palette): (Box<dyn Write + Send>, _) = if arguments.outputs.takes_standard_output()
    {
        (Box::new(stderr()), colour.error_palette())
    } else {
        (Box::new(stdout()), colour.palette())
    };
    let (status, last) = arguments.levels.live();
    Terminal::new(writer, palette, progress).with_status(status, last)
}

fn plan(arguments: &Arguments, chosen: &Chosen) -> Result<Plan, Exit> {
    let selection = Selection {
        over: arguments.over.clone(),
        on: arguments.on.clone(),
        level: arguments.level,
        ..Selection::default()
    };
    let mut plan = chosen.plan(selection, arguments.hosts)?;
    if let Some(shard) = arguments.shard {
        plan.keep(shard);
    }
    if plan.is_empty() {
        complain("error: no case was selected\n");
        return Err(Exit::Nothing);
    }
    Ok(plan)
}

fn transport(text: &str) -> Result<Transport, String> {
    Transport::from_word(text)
        .ok_or_else(|| format!("expected one of {}", joined(Transport::ALL.map(Transport::word))))
}

fn topology(text: &str) -> Result<Topology, String> {
    Topology::from_word(text)
        .ok_or_else(|| format!("expected one of {}", joined(Topology::ALL.map(Topology::word))))
}

fn level(text: &str) -> Result<Level, String> {
    Level::from_word(text)
        .ok_or_else(|| format!("expected one of {}", joined(Level::ALL.map(Level::word))))
}

fn joined<const N: usize>(words: [&str; N]) -> String {
    words.join(", ")
}

fn hosts(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (2..=MOST_HOSTS).contains(&number) => Ok(number),
        _ => Err(format!(
            "expected a whole number from 2 to {MOST_HOSTS}: the bridge that joins the hosts has 1,024 ports"
        )),
    }
}

pub(super) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number from 1".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (1.0..=1_000.0).contains(&factor) => Ok(factor),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let failed = || "expected a time such as 500ms or 2s".to_owned();
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return Err(failed()),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.001..=3_600.0).contains(&(number * unit)) => {
            Ok(Duration::from_secs_f64(number * unit))
        }
        _ => Err(failed()),
    }
}

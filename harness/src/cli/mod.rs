//! The command line: arguments, one file a subcommand, exit codes.
//! It refuses to know the insides of everything else.

mod accept;
mod agent;
mod agent_check;
mod attendant;
mod check;
mod columns;
mod command;
mod compare;
mod doctor;
mod exit;
mod expectations;
mod explain;
mod faults;
mod finding;
mod fmt;
mod fuzz_decoder;
mod grammar;
mod index;
mod known;
mod list;
mod merge;
mod output;
mod outputs;
mod pending;
mod proxies;
mod recordings;
mod reference;
mod report;
mod run;
mod schema;
mod several;
mod shard;
mod status;
mod subject;
mod subjects;
mod suite;

pub use command::main;

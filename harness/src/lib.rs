//! A conformance harness for the socket API.
//!
//! Scenario files say, step by step, what sockets must do; a *subject* (this machine's kernel,
//! another stack, a language runtime) performs the steps; the runner judges what came of each.
//! The modules stand in layers, and each uses only those above it in this list; see
//! `ARCHITECTURE.md`.

pub mod vocabulary;

pub mod scenario;

pub mod framing;

pub mod wire;

pub mod net;

pub mod subject;

pub mod run;

pub mod report;

pub mod explore;

pub mod cli;

//! Whatever the program is given, it says what is wrong with it, where, and what to do about it,
//! ends with exit code 2, and never panics.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use child::finish;
use rstest::rstest;
use skip::skip;
use tempfile::{TempDir, tempdir};

/// What the program says of a folder, which it must refuse.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockspec"));
    let output = finish(command.args(arguments).current_dir(folder));
    let said = String::from_utf8(output.stderr).expect("what it says is text");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!(output.stdout, b"", "mistakes are no result");
    said
}

fn folder_with(name: &str, contents: &[u8]) -> TempDir {
    let folder = tempdir().expect("a folder for the test");
    fs::write(folder.path().join(name), contents).expect("the folder can be written to");
    folder
}

/// Every command that reads scenarios refuses the folder and says each of the texts.
fn each_command_refuses(folder: &Path, texts: &[&str]) {
    for arguments in [&["check", "."][..], &["run", "."], &["list", "."], &["fmt", "--check", "."]]
    {
        let said = refused(folder, arguments);
        for text in texts {
            assert!(said.contains(text), "{arguments:?} does not say `{text}`:\n{said}");
        }
    }
}

const HEAD: &str = "\"a title\"\nover   tcp4\npair   client.c server.s\n\n";

/// A mistake in the first step, by what stands there, where it is and what is said.
#[rstest]
#[case::verb("client  sned c \"x\"  => 1\n", "5:9", "did you mean `send`?")]
#[case::socket("client  send d \"x\"  => 1\n", "5:14", "a socket is made by `pair`")]
#[case::option("client  setopt c SO_RCVTIMEOO 1s  => ok\n", "5:18", "did you mean `SO_RCVTIMEO`?")]
#[case::errno("client  send c \"x\"  => EPIPPE\n", "5:24", "did you mean `EPIPE`?")]
#[case::no_expectation("client  send c \"x\"\n", "5:19", "expected `=>` and an outcome")]
#[case::escape("client  send c \"\\q\"  => 1\n", "5:17", "\\xHH")]
#[case::await_without_start("client  await r  => \"x\"\n", "5:15", "&r")]
#[case::start_without_await("client  recv c 16 &r\n", "5:19", "await r")]
#[case::data("client  send c bytes 900GiB  => 1\n", "5:22", "number")]
fn a_mistake_has_a_place_and_a_remedy(
    #[case] step: &str,
    #[case] place: &str,
    #[case] remedy: &str,
) {
    let folder = folder_with("wrong.scn", format!("{HEAD}{step}").as_bytes());
    each_command_refuses(folder.path(), &[&format!("./wrong.scn:{place}"), remedy]);
}

#[rstest]
#[case::transport("\"a title\"\nover tcp9\nclient  open s  => ok\n", "2:6", "did you mean `tcp")]
#[case::unused_variant(
    "\"a title\"\nover tcp4\nvary wait 1ms 2ms\nclient open s => ok\n",
    "3:6",
    "wait"
)]
#[case::cycle(
    "\"a title\"\nover tcp4\npair client.c server.s\n\n\
     wire client -> server FIN before server -> client FIN\n\
     wire server -> client FIN before client -> server FIN\n",
    "6:",
    "contradict"
)]
#[case::empty("", "1:1", "a scenario begins with its title")]
#[case::only_a_comment("# nothing\n", "2:1", "a scenario begins with its title")]
#[case::nul_bytes("\0\0\0", "1:1", "expected")]
fn a_file_has_a_place_and_a_remedy(#[case] text: &str, #[case] place: &str, #[case] remedy: &str) {
    let folder = folder_with("wrong.scn", text.as_bytes());
    each_command_refuses(folder.path(), &[&format!("./wrong.scn:{place}"), remedy]);
}

#[test]
fn ten_mistakes_in_ten_files_are_said_at_once() {
    let folder = tempdir().expect("a folder for the test");
    let steps = [
        ("verb", "client  sned c \"x\"  => 1\n"),
        ("socket", "client  send d \"x\"  => 1\n"),
        ("option", "client  setopt c SO_NODELAY 1s  => ok\n"),
        ("errno", "client  send c \"x\"  => EPIPPE\n"),
        ("expectation", "client  send c \"x\"\n"),
        ("escape", "client  send c \"\\q\"  => 1\n"),
        ("await", "client  await r  => \"x\"\n"),
        ("actor", "clint  send c \"x\"  => 1\n"),
        ("time", "wait    10\n"),
        ("variable", "wait    $long\n"),
    ];
    let mut codes = Vec::new();
    for (name, step) in steps {
        let path = folder.path().join(format!("{name}.scn"));
        fs::write(path, format!("{HEAD}{step}")).expect("the folder can be written to");
    }
    let said = refused(folder.path(), &["check", "."]);
    for (name, _) in steps {
        assert!(said.contains(&format!("./{name}.scn:5:")), "nothing of {name}.scn:\n{said}");
    }
    for line in said.lines() {
        codes.extend(line.strip_prefix("error[").and_then(|line| line.split_once(']')));
    }
    codes.sort_unstable();
    codes.dedup_by_key(|(code, _)| *code);
    assert!(codes.len() >= 10, "ten kinds of mistakes: {codes:?}");
    assert!(said.trim_end().ends_with("in 10 files"), "{said}");
}

#[test]
fn ten_megabytes_are_refused_unread() {
    let text = "client  send c \"x\"  => 1\n".repeat(10 << 20 >> 4);
    assert!(text.len() > 10 << 20);
    let folder = folder_with("large.scn", text.as_bytes());
    each_command_refuses(folder.path(), &["./large.scn", "at most 1 MiB", &text.len().to_string()]);
}

#[test]
fn the_largest_file_without_a_line_end_is_no_trouble() {
    let folder = folder_with("long.scn", "x".repeat(1 << 20).as_bytes());
    let said = refused(folder.path(), &["check", "."]);
    assert!(said.contains("./long.scn:1:1"), "{said}");
    assert!(said.len() < 10_000, "it is not all shown again");
}

#[test]
fn a_mebibyte_of_mistakes_is_answered_in_short() {
    let folder = folder_with("many.scn", "client x\n".repeat((1 << 20) / 9).as_bytes());
    let said = refused(folder.path(), &["check", "."]);
    assert!(said.contains("at most 1000 steps") && said.len() < 10_000, "{said}");
}

#[test]
fn a_thousand_mistakes_are_all_said() {
    let folder = folder_with("many.scn", format!("{HEAD}{}", "client  x\n".repeat(900)).as_bytes());
    let said = refused(folder.path(), &["check", "."]);
    assert!(said.contains("./many.scn:904:9") && said.contains("900 mistakes"), "{said}");
}

#[test]
fn bytes_that_are_no_text_are_told_by_line() {
    let folder = folder_with("bytes.scn", b"\"a title\"\nover tcp4\n\xff\xfe\n");
    each_command_refuses(folder.path(), &["./bytes.scn", "line 3 is not UTF-8", "`\\xHH`"]);
}

#[test]
fn a_folder_without_scenarios_is_refused() {
    let folder = folder_with("README.md", b"nothing to run");
    each_command_refuses(folder.path(), &["there are no scenarios in this folder", "`.scn`"]);
}

#[test]
fn a_folder_named_like_a_scenario_is_a_folder() -> io::Result<()> {
    let folder = tempdir()?;
    fs::create_dir(folder.path().join("folder.scn"))?;
    each_command_refuses(folder.path(), &["there are no scenarios in this folder"]);
    Ok(())
}

#[test]
fn a_circle_of_links_ends() -> io::Result<()> {
    let folder = folder_with("good.scn", format!("{HEAD}client  close c  => ok\n").as_bytes());
    fs::create_dir(folder.path().join("below"))?;
    symlink("..", folder.path().join("below/above"))?;
    each_command_refuses(folder.path(), &["./below/above", "reached a second time"]);
    Ok(())
}

#[test]
fn a_link_to_itself_is_unreadable() -> io::Result<()> {
    let folder = tempdir()?;
    symlink("loop.scn", folder.path().join("loop.scn"))?;
    each_command_refuses(
        folder.path(),
        &["./loop.scn", "cannot be read", "symbolic links", "a file or a folder that is there"],
    );
    Ok(())
}

#[test]
fn a_link_to_nothing_is_unreadable() -> io::Result<()> {
    let folder = tempdir()?;
    symlink("nowhere", folder.path().join("dangling.scn"))?;
    each_command_refuses(folder.path(), &["./dangling.scn", "cannot be read", "No such file"]);
    Ok(())
}

#[test]
fn what_is_no_file_is_not_waited_for() -> io::Result<()> {
    let folder = tempdir()?;
    // To open a pipe that nobody writes to would block for ever.
    nix::unistd::mkfifo(&folder.path().join("pipe.scn"), nix::sys::stat::Mode::S_IRWXU)?;
    each_command_refuses(folder.path(), &["./pipe.scn", "not a regular file"]);
    Ok(())
}

#[test]
fn a_file_that_may_not_be_read_is_named() -> io::Result<()> {
    let folder = folder_with("secret.scn", b"\"a title\"\n");
    let file = folder.path().join("secret.scn");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000))?;
    if fs::read(&file).is_ok() {
        skip("a_file_that_may_not_be_read_is_named", "this user may read every file");
        return Ok(());
    }
    each_command_refuses(folder.path(), &["./secret.scn", "cannot be read", "Permission denied"]);
    Ok(())
}

#[test]
fn two_files_with_one_id_are_refused() -> io::Result<()> {
    let folder = tempdir()?;
    for name in ["one", "two"] {
        let area = folder.path().join(name).join("scenarios/area");
        fs::create_dir_all(&area)?;
        fs::write(area.join("same.scn"), format!("{HEAD}client  close c  => ok\n"))?;
    }
    let said = refused(folder.path(), &["check", "."]);
    for text in ["the id `area/same`", "./one/scenarios/area/same.scn", "./two/scenarios"] {
        assert!(said.contains(text), "{said}");
    }
    Ok(())
}

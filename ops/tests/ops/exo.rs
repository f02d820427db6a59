//! Starting `exo`.

use std::{
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// A run that takes longer waits for something that will not come.
const LONGEST: Duration = Duration::from_secs(60);

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program with some words and nothing in its environment but some variables.
pub(crate) fn command(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exo"));
    command
        .args(words)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs it to its end.
pub(crate) async fn run(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    ended(command(words, variables).spawn().unwrap()).await
}

/// Waits for its end.
pub(crate) async fn ended(child: Child) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(LONGEST, child.wait_with_output())
        .await
        .expect("it ends")
        .unwrap();
    Ended {
        code: status.code().expect("nobody sends it a signal"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

//! From the words of the command line to an exit code.

use crate::{
    commands::{self, Command, Outcome},
    console,
    error::Error,
};
use std::{fmt::Write as _, process::ExitCode};

/// Runs `exo` with the words after the program's name.
///
/// The exit code is 0 when all is well, 1 when something failed or waits for an operator, 2 when the command line or
/// the environment makes no sense, 3 when what was asked cannot be reached or refuses.
pub async fn run(words: impl IntoIterator<Item = String>) -> ExitCode {
    let mut words = words.into_iter();
    let Some(first) = words.next() else {
        console::log(&usage());
        return ExitCode::from(2);
    };
    if is_help(&first) {
        console::print(&usage());
        return ExitCode::SUCCESS;
    }
    let Some(command) = commands::ALL
        .iter()
        .find(|command| command.name == first.as_str())
    else {
        console::log(&format!("there is no command {first:?}\n\n{}", usage()));
        return ExitCode::from(2);
    };
    run_command(command, words.collect()).await
}

async fn run_command(command: &Command, words: Vec<String>) -> ExitCode {
    if words.iter().any(|word| is_help(word)) {
        console::print(command.usage);
        return ExitCode::SUCCESS;
    }
    match (command.run)(words).await {
        Ok(Outcome::Well) => ExitCode::SUCCESS,
        Ok(Outcome::Attention) => ExitCode::from(1),
        Err(error) => {
            console::report(&error);
            if let Error::Usage(_) = error {
                console::log(&format!("\n{}", command.usage));
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h")
}

fn usage() -> String {
    let mut text = String::from("Usage: exo COMMAND [ARGUMENT...]\n\nCommands:\n");
    for command in commands::ALL {
        let _ = writeln!(text, "  {:<12} {}", command.name, command.summary);
    }
    text.push_str("\n`exo COMMAND --help` says more.");
    text
}

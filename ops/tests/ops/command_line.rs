//! Help, wrong command lines, completions and manual pages.

use crate::{database::server, exo, folder::Folder};
use serde_json::Value;
use std::{fs, path::Path};

const COMMANDS: [&str; 8] = [
    "migrate",
    "reconcile",
    "findings",
    "metrics",
    "rate-limits",
    "cache",
    "completions",
    "man",
];

#[tokio::test]
async fn help_goes_to_standard_output() {
    for (words, usage) in [
        (&["--help"][..], "Usage: exo [OPTIONS] <COMMAND>"),
        (&["-h"], "Usage: exo [OPTIONS] <COMMAND>"),
        (&["migrate", "--help"], "Usage: exo migrate [OPTIONS]"),
        (
            &["migrate", "--from", "x", "-h"],
            "Usage: exo migrate [OPTIONS]",
        ),
        (&["reconcile", "--help"], "Usage: exo reconcile [OPTIONS]"),
        (&["findings", "--help"], "Usage: exo findings [OPTIONS]"),
        (&["cache", "--help"], "Usage: exo cache [OPTIONS] <COMMAND>"),
        (
            &["cache", "warm", "-h", "--json"],
            "Usage: exo cache warm [OPTIONS]",
        ),
        (
            &["cache", "clear", "--help"],
            "Usage: exo cache clear [OPTIONS]",
        ),
        (&["metrics", "--help"], "Usage: exo metrics [OPTIONS]"),
        (
            &["rate-limits", "--help"],
            "Usage: exo rate-limits [OPTIONS]",
        ),
        (
            &["completions", "--help"],
            "Usage: exo completions [OPTIONS] <SHELL>",
        ),
        (&["man", "--help"], "Usage: exo man [OPTIONS]"),
    ] {
        let run = exo::run(words, &[]).await;
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{words:?}");
        assert!(run.out.lines().any(|line| line == usage), "{run:?}");
        let is_narrow = |line: &str| line.chars().count() <= 100;
        assert!(run.out.lines().all(is_narrow), "{}", run.out);
        assert!(run.out.contains("--json"), "{}", run.out);
        assert!(run.out.contains("\nExit codes:\n  0  "), "{}", run.out);
    }
}

#[tokio::test]
async fn help_lists_every_command() {
    let help = exo::run(&["--help"], &[]).await.out;
    for name in COMMANDS {
        assert!(help.contains(&format!("\n  {name} ")), "{help}");
    }
    let help = exo::run(&["cache", "--help"], &[]).await.out;
    for name in ["warm", "clear"] {
        assert!(help.contains(&format!("\n  {name} ")), "{help}");
    }
}

#[tokio::test]
async fn help_names_every_variable() {
    for (words, variables) in [
        (&["migrate"][..], &["DATABASE_URL", "EXO_DATABASE_CA"][..]),
        (
            &["reconcile"],
            &["EXODRIVE_URL", "CRON_SECRET", "ADMIN_TOKEN"],
        ),
        (&["findings"], &["EXODRIVE_URL", "ADMIN_TOKEN"]),
        (&["metrics"], &["EXODRIVE_URL", "ADMIN_TOKEN"]),
        (&["rate-limits"], &["EXODRIVE_URL", "ADMIN_TOKEN"]),
        (&["cache", "warm"], &["EXODRIVE_URL", "ADMIN_TOKEN"]),
        (&["cache", "clear"], &["EXODRIVE_URL", "ADMIN_TOKEN"]),
    ] {
        let help = exo::run(&[words, &["--help"]].concat(), &[]).await.out;
        for variable in variables {
            assert!(help.contains(&format!("\n  {variable} ")), "{help}");
        }
    }
}

#[tokio::test]
async fn invalid_arguments_are_explained_on_standard_error() {
    for (words, explanation) in [
        (&[][..], "Usage: exo [OPTIONS] <COMMAND>"),
        (&["migrat"], "Usage: exo [OPTIONS] <COMMAND>"),
        (&["--status"], "Usage: exo [OPTIONS] <COMMAND>"),
        (&[""], "Usage: exo [OPTIONS] <COMMAND>"),
        (&["migrate", "--force"], "Usage: exo migrate"),
        (&["migrate", "--from"], "a value is required for '--from"),
        (&["migrate", "--dry-run", "--status"], "Usage: exo migrate"),
        (&["reconcile", "now"], "Usage: exo reconcile"),
        (&["findings", "--limit", "0"], "from 1 to 200"),
        (&["cache"], "Usage: exo cache [OPTIONS] <COMMAND>"),
        (&["cache", "warm", "--cars", "51"], "from 1 to 50"),
        (&["cache", "warm", "--days", "-1"], "from 1 to 30"),
        (
            &["cache", "clear", "--scope", "x"],
            "[possible values: all, cars, availability]",
        ),
        (&["metrics", "--minutes", "0"], "from 1 to 1440"),
        (&["rate-limits", "all"], "Usage: exo rate-limits"),
        (
            &["completions", "x"],
            "[possible values: bash, elvish, fish, powershell, zsh]",
        ),
    ] {
        let run = exo::run(words, &[]).await;
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.err.contains(explanation), "{run:?}");
    }
}

#[tokio::test]
async fn similar_words_are_suggested() {
    for (words, suggestion) in [
        (
            &["migrate", "--stauts"][..],
            "a similar argument exists: '--status'",
        ),
        (
            &["cache", "warm", "--emergancy"],
            "a similar argument exists: '--emergency'",
        ),
        (&["metric"], "a similar subcommand exists: 'metrics'"),
        (&["cache", "claer"], "a similar subcommand exists: 'clear'"),
        (
            &["cache", "clear", "--scope", "car"],
            "a similar value exists: 'cars'",
        ),
    ] {
        let text = exo::run(words, &[]).await;
        assert_eq!((text.code, text.out.as_str()), (2, ""), "{words:?}");
        assert!(text.err.starts_with("exo: error[usage]: "), "{text:?}");
        assert!(text.err.contains(suggestion), "{text:?}");

        let json = exo::run(&[&["--json"], words].concat(), &[]).await;
        assert_eq!((json.code, json.out.as_str()), (2, ""), "{words:?}");
        let document: Value = serde_json::from_str(&json.err).unwrap();
        assert_eq!(document["error"]["code"], "usage");
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(suggestion), "{message}");
    }
}

#[tokio::test]
async fn json_errors_are_one_document() {
    let closed = "postgresql://postgres:hunter2@127.0.0.1:1/postgres";
    let remote = [
        ("EXODRIVE_URL", "http://127.0.0.1:1"),
        ("ADMIN_TOKEN", "hunter2"),
    ];
    for (words, variables, code, name) in [
        (&["--json"][..], &[][..], 2, "usage"),
        (&["--json", "cache"], &[], 2, "usage"),
        (&["migrate", "--json"], &[], 2, "variable"),
        (
            &["migrate", "--json"],
            &[("DATABASE_URL", closed)],
            3,
            "database_unreachable",
        ),
        (
            &["migrate", "--json", "--from", "/nowhere"],
            &[("DATABASE_URL", closed)],
            1,
            "io",
        ),
        (
            &["reconcile", "--json"],
            &remote,
            3,
            "deployment_unreachable",
        ),
        (&["metrics", "--json"], &remote, 3, "deployment_unreachable"),
        (
            &["rate-limits", "--json"],
            &remote,
            3,
            "deployment_unreachable",
        ),
        (
            &["cache", "warm", "--json"],
            &remote,
            3,
            "deployment_unreachable",
        ),
        (&["completions", "--json"], &[], 2, "usage"),
        (&["man", "--json", "--out", "/dev/null/man"], &[], 1, "io"),
    ] {
        let run = exo::run(words, variables).await;
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{words:?}");
        let document: Value = serde_json::from_str(&run.err).unwrap();
        assert_eq!(document["error"]["code"], name, "{run:?}");
        let message = document["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains("hunter2"));
    }
}

#[tokio::test]
async fn completions_exist_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = exo::run(&["completions", shell], &[]).await;
        assert_eq!((text.code, text.err.as_str()), (0, ""), "{shell}");
        for word in COMMANDS.iter().chain(&["emergency", "report-only", "json"]) {
            assert!(text.out.contains(word), "{shell}: {word}");
        }
        let json = exo::run(&["completions", shell, "--json"], &[]).await;
        assert_eq!((json.code, json.err.as_str()), (0, ""), "{shell}");
        let document: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(document["shell"], shell);
        assert_eq!(
            document["script"].as_str().unwrap().trim_end(),
            text.out.trim_end()
        );
    }
}

#[tokio::test]
async fn manual_pages_exist_for_every_command() {
    let page = exo::run(&["man"], &[]).await;
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    assert!(page.out.contains(".TH exo 1"), "{}", page.out);
    let json = exo::run(&["man", "--json"], &[]).await;
    let document: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        document["page"].as_str().unwrap().trim_end(),
        page.out.trim_end()
    );

    let folder = Folder::empty();
    let out = format!("{}/man1", folder.path());
    let mut names: Vec<String> = COMMANDS
        .iter()
        .chain(&["cache-warm", "cache-clear"])
        .map(|name| format!("exo-{name}.1"))
        .collect();
    names.push("exo.1".to_owned());
    names.sort();
    let run = exo::run(&["man", "--out", &out], &[]).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.out.lines().collect::<Vec<_>>(), names);
    let json = exo::run(&["man", "--json", "--out", &out], &[]).await;
    let document: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(document["files"], serde_json::json!(names));
    for name in names {
        let page = fs::read_to_string(Path::new(&out).join(&name)).unwrap();
        let title = name.strip_suffix(".1").unwrap();
        assert!(page.contains(&format!(".TH {title} 1")), "{page}");
        assert!(page.contains("Exit codes:"), "{page}");
    }
}

#[tokio::test]
async fn database_errors_hide_the_password() {
    let unset = exo::run(&["migrate"], &[]).await;
    assert_eq!(unset.code, 2);
    assert!(
        unset
            .err
            .starts_with("exo: error[variable]: DATABASE_URL is not set"),
        "{unset:?}"
    );

    let closed = "postgresql://postgres:hunter2@127.0.0.1:1/postgres";
    let unreachable = exo::run(&["migrate"], &[("DATABASE_URL", closed)]).await;
    assert_eq!(unreachable.code, 3);
    let start = "exo: error[database_unreachable]: \
                 the database at 127.0.0.1:1 cannot be reached\n  because: ";
    assert!(unreachable.err.starts_with(start), "{unreachable:?}");

    let mut url = server();
    url.set_password(Some("hunter2")).unwrap();
    let refused = exo::run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
    assert_eq!(refused.code, 3);
    assert!(
        refused.err.contains("password authentication failed"),
        "{refused:?}"
    );

    let text = "postgresql://postgres:p@hunter2@127.0.0.1/postgres";
    let malformed = exo::run(&["migrate"], &[("DATABASE_URL", text)]).await;
    assert_eq!(malformed.code, 2);
    for run in [unreachable, refused, malformed] {
        assert!(!run.err.contains("hunter2"), "{run:?}");
    }
}

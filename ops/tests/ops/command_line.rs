//! Words that are understood, and words that are not.

use crate::database::server;
use crate::exo;

#[tokio::test]
async fn help_goes_to_standard_output_and_asks_for_nothing() {
    for (words, begins) in [
        (&["--help"][..], "Usage: exo COMMAND"),
        (&["-h"], "Usage: exo COMMAND"),
        (&["migrate", "--help"], "Usage: exo migrate"),
        (&["migrate", "--from", "x", "-h"], "Usage: exo migrate"),
        (&["reconcile", "--help"], "Usage: exo reconcile"),
        (&["cache", "--help"], "Usage: exo cache warm"),
        (&["cache", "warm", "-h"], "Usage: exo cache warm"),
        (&["metrics", "--help"], "Usage: exo metrics"),
        (&["rate-limits", "--help"], "Usage: exo rate-limits"),
    ] {
        let ended = exo::run(words, &[]).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{words:?}");
        assert!(ended.out.starts_with(begins), "{ended:?}");
    }
    let all = exo::run(&["--help"], &[]).await.out;
    for name in ["migrate", "reconcile", "metrics", "rate-limits", "cache"] {
        assert!(all.contains(&format!("\n  {name} ")), "{all}");
    }
}

#[tokio::test]
async fn what_is_not_understood_gets_the_usage_on_standard_error() {
    for (words, shown) in [
        (&[][..], "Usage: exo COMMAND"),
        (&["migrat"], "Usage: exo COMMAND"),
        (&["--status"], "Usage: exo COMMAND"),
        (&[""], "Usage: exo COMMAND"),
        (&["migrate", "--force"], "Usage: exo migrate"),
        (&["migrate", "--from"], "Usage: exo migrate"),
        (&["migrate", "--dry-run", "--status"], "Usage: exo migrate"),
        (&["reconcile", "now"], "Usage: exo reconcile"),
        (&["cache"], "Usage: exo cache warm"),
        (&["cache", "warm", "--cars", "51"], "from 1 to 50"),
        (&["cache", "clear", "--scope", "x"], "Usage: exo cache warm"),
        (&["metrics", "--minutes", "0"], "from 1 to 1440"),
        (&["rate-limits", "all"], "Usage: exo rate-limits"),
    ] {
        let ended = exo::run(words, &[]).await;
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{words:?}");
        assert!(ended.err.contains(shown), "{ended:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_missing_or_wrong_is_told_without_its_password() {
    let without = exo::run(&["migrate"], &[]).await;
    assert_eq!(without.code, 2);
    assert!(
        without
            .err
            .starts_with("exo: error[variable]: DATABASE_URL is not set"),
        "{without:?}"
    );

    let closed = "postgresql://postgres:hunter2@127.0.0.1:1/postgres";
    let unreachable = exo::run(&["migrate"], &[("DATABASE_URL", closed)]).await;
    assert_eq!(unreachable.code, 3);
    let begins =
        "exo: error[database_unreachable]: cannot reach the database at 127.0.0.1:1\n  because: ";
    assert!(unreachable.err.starts_with(begins), "{unreachable:?}");

    let mut url = server();
    url.set_password(Some("hunter2")).unwrap();
    let refused = exo::run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
    assert_eq!(refused.code, 3);
    assert!(
        refused.err.contains("password authentication failed"),
        "{refused:?}"
    );

    let malformed = "postgresql://postgres:p@hunter2@127.0.0.1/postgres";
    let unread = exo::run(&["migrate"], &[("DATABASE_URL", malformed)]).await;
    assert_eq!(unread.code, 2);
    for ended in [unreachable, refused, unread] {
        assert!(!ended.err.contains("hunter2"), "{ended:?}");
    }
}

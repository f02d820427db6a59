//! `exo rate-limits`.

use crate::{
    deployment::{Deployment, variable},
    exo,
};
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "token");

fn refusals() -> Value {
    json!({
        "success": true, "minutes": 10, "available": true, "truncated": true, "total": 3,
        "byTier": {"booking": 1, "public": 2}, "byRoute": {"/api/bookings": 1, "/api/cars": 2},
        "byIdentifier": {"192.0.2.7": 3},
        "violations": [{"at": "2025-07-01T10:00:00Z", "tier": "public", "route": "/api/cars",
                        "identifier": "192.0.2.7", "requestId": "r-1"}],
    })
}

/// The response without Redis.
fn unavailable() -> Value {
    json!({"success": true, "minutes": 60, "available": false, "truncated": false, "total": 0,
           "cleared": false, "byTier": {}, "byRoute": {}, "byIdentifier": {}, "violations": []})
}

#[tokio::test]
async fn totals_come_before_the_newest() {
    let deployment = Deployment::with_body(refusals()).await;
    let words = [
        "rate-limits",
        "--minutes",
        "10",
        "--identifier",
        "192.0.2.7",
    ];
    let run = deployment.exo(&words, &[ADMIN]).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(
        run.out,
        "refused in the last 10 minutes: 3\n\
         the list is full: there may have been more\n\
         \n\
         TIER     REFUSED\n\
         public   2\n\
         booking  1\n\
         \n\
         ROUTE          REFUSED\n\
         /api/cars      2\n\
         /api/bookings  1\n\
         \n\
         IDENTIFIER  REFUSED\n\
         192.0.2.7   3\n\
         \n\
         TIME                  TIER    ROUTE      IDENTIFIER  REQUEST\n\
         2025-07-01T10:00:00Z  public  /api/cars  192.0.2.7   r-1\n"
    );
    assert_eq!(
        deployment.requests(),
        ["GET /api/admin/rate-limit-monitoring?minutes=10&identifier=192.0.2.7 Bearer token"]
    );
}

#[tokio::test]
async fn missing_redis_exits_with_1() {
    let deployment = Deployment::with_body(unavailable()).await;
    for words in [&["rate-limits"][..], &["rate-limits", "--clear"]] {
        let run = deployment.exo(words, &[ADMIN]).await;
        assert_eq!(run.code, 1, "{run:?}");
        assert!(
            run.out.ends_with("Redis is off or does not respond\n"),
            "{run:?}"
        );
    }
    assert_eq!(
        deployment.requests()[1],
        "DELETE /api/admin/rate-limit-monitoring Bearer token"
    );
}

#[tokio::test]
async fn json_is_the_response() {
    for (body, words, code) in [
        (refusals(), &["rate-limits", "--json"][..], 0),
        (unavailable(), &["rate-limits", "--json"], 1),
        (
            json!({"success": true, "cleared": true}),
            &["rate-limits", "--clear", "--json"],
            0,
        ),
    ] {
        let deployment = Deployment::with_body(body.clone()).await;
        let run = deployment.exo(words, &[ADMIN]).await;
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{words:?}");
        assert_eq!(run.out, format!("{body}\n"));
    }
}

#[tokio::test]
async fn product_response_is_understood() {
    let (url, admin) = (variable("BASE_URL"), variable("ADMIN_TOKEN"));
    let variables = [("EXODRIVE_URL", url.as_str()), ("ADMIN_TOKEN", &admin)];
    let words = ["rate-limits", "--identifier", "2001:db8:1:2::/64"];
    let run = exo::run(&words, &variables).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    assert_eq!(run.out, "refused in the last 60 minutes: 0\n");
    let run = exo::run(&["rate-limits", "--clear"], &variables).await;
    assert_eq!((run.code, run.out.as_str()), (0, "cleared\n"));
}

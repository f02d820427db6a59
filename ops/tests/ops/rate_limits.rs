//! `exo rate-limits`.

use crate::{
    deployment::{Deployment, answer, given},
    exo,
};
use axum::http::StatusCode;
use serde_json::json;

const ADMIN: (&str, &str) = ("ADMIN_TOKEN", "token");

#[tokio::test]
async fn totals_come_first_then_the_newest() {
    let body = json!({
        "success": true, "minutes": 10, "available": true, "truncated": true, "total": 3,
        "byTier": {"booking": 1, "public": 2}, "byRoute": {"/api/bookings": 1, "/api/cars": 2},
        "byIdentifier": {"192.0.2.7": 3},
        "violations": [{"at": "2025-07-01T10:00:00Z", "tier": "public", "route": "/api/cars", "identifier": "192.0.2.7", "requestId": "r-1"}],
    });
    let deployment = Deployment::answering(move |_| answer(StatusCode::OK, body.clone())).await;
    let words = [
        "rate-limits",
        "--minutes",
        "10",
        "--identifier",
        "192.0.2.7",
    ];
    let ended = deployment.exo(&words, &[ADMIN]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
        "refused in the last 10 minutes: 3\n\
         these are as many as are kept: there can have been more\n\
         \n\
         TIER     REFUSED\n\
         public   2\n\
         booking  1\n\
         \n\
         ROUTE          REFUSED\n\
         /api/cars      2\n\
         /api/bookings  1\n\
         \n\
         WHO        REFUSED\n\
         192.0.2.7  3\n\
         \n\
         WHEN                  TIER    ROUTE      WHO        REQUEST\n\
         2025-07-01T10:00:00Z  public  /api/cars  192.0.2.7  r-1\n"
    );
    assert_eq!(
        deployment.asked(),
        ["GET /api/admin/rate-limit-monitoring?minutes=10&identifier=192.0.2.7 Bearer token"]
    );
}

#[tokio::test]
async fn what_redis_does_not_tell_is_exit_code_1() {
    let body = json!({"success": true, "minutes": 60, "available": false, "truncated": false, "total": 0, "cleared": false,
                      "byTier": {}, "byRoute": {}, "byIdentifier": {}, "violations": []});
    let deployment = Deployment::answering(move |_| answer(StatusCode::OK, body.clone())).await;
    for words in [&["rate-limits"][..], &["rate-limits", "--clear"]] {
        let ended = deployment.exo(words, &[ADMIN]).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(
            ended.out.ends_with("Redis is off or does not answer\n"),
            "{ended:?}"
        );
    }
    assert_eq!(
        deployment.asked()[1],
        "DELETE /api/admin/rate-limit-monitoring Bearer token"
    );
}

#[tokio::test]
async fn the_product_answers_what_is_understood() {
    let (url, admin) = (given("BASE_URL"), given("ADMIN_TOKEN"));
    let variables = [("EXODRIVE_URL", url.as_str()), ("ADMIN_TOKEN", &admin)];
    let words = ["rate-limits", "--identifier", "2001:db8:1:2::/64"];
    let ended = exo::run(&words, &variables).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    assert_eq!(ended.out, "refused in the last 60 minutes: 0\n");
    let ended = exo::run(&["rate-limits", "--clear"], &variables).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "forgotten\n"));
}

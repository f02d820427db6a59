//! Who is an operator: the bearers of `ADMIN_TOKEN`, and Supabase users whose role is admin.

use crate::support::{
    capture_cron, checkout,
    client::Client,
    environment::variable,
    isolation::{run_alone, share_system},
    local_system::{set_fault, sign_in},
    rental::Rental,
};
use serde_json::json;

const WARM: &str = "/api/admin/cache-warm?warmPopularCars=false&warmUpcomingAvailability=false";

#[tokio::test]
async fn a_supabase_user_with_the_role_admin_is_an_operator() {
    let _turn = share_system().await;
    let client = Client::new();
    let token = sign_in("admin").await;
    client.get_as(&token, WARM).await.expect(200);
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    let booking = client
        .get_as(&token, &format!("/api/bookings/{}", hold.id))
        .await
        .expect(200);
    assert_eq!(booking["booking"]["bookingId"], json!(hold.id));
    let redis = client.get_as(&token, "/api/demo/redis").await.expect(200);
    assert!(redis["redis"]["endpoint"].is_string(), "{redis}");
}

#[tokio::test]
async fn any_other_user_is_not() {
    let _turn = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    for role in ["customer", "", "ADMIN", "admin "] {
        let token = sign_in(role).await;
        client
            .get_as(&token, WARM)
            .await
            .expect_problem(401, "unauthenticated");
        client
            .get_as(&token, &format!("/api/bookings/{}", hold.id))
            .await
            .expect_problem(401, "unauthenticated");
        let redis = client.get_as(&token, "/api/demo/redis").await.expect(200);
        assert_eq!(
            redis["redis"].as_object().unwrap().len(),
            3,
            "{role:?}: {redis}"
        );
    }
}

#[tokio::test]
async fn a_token_that_supabase_did_not_sign_opens_nothing() {
    let _turn = share_system().await;
    let client = Client::new();
    let good = sign_in("admin").await;
    let (content, signature) = good.rsplit_once('.').unwrap();
    let (_, claims) = content.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.{signature}");
    for token in [
        format!("{content}.{}", signature.chars().rev().collect::<String>()),
        format!("{content}.x"),
        unsigned,
        "a.b.c".to_owned(),
        // Keys of the project are JWTs as well, and nobody's token.
        variable("SUPABASE_SERVICE_ROLE_KEY"),
        variable("SUPABASE_ANON_KEY"),
    ] {
        client
            .get_as(&token, WARM)
            .await
            .expect_problem(401, "unauthenticated");
    }
}

/// A user's token does not stand for the secret of the cron.
#[tokio::test]
async fn an_operator_is_not_the_cron() {
    let _turn = share_system().await;
    let client = Client::new();
    client
        .get_as(&sign_in("admin").await, capture_cron::CAPTURES_PATH)
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn while_supabase_is_down_operators_have_their_own_token() {
    run_alone(async {
        let client = Client::new();
        let token = sign_in("admin").await;
        set_fault("database", json!({"kind": "refuse"})).await;
        client
            .get_as(&token, WARM)
            .await
            .expect_problem(503, "database_unavailable");
        let redis = client
            .get_as(&variable("ADMIN_TOKEN"), "/api/demo/redis")
            .await
            .expect(200);
        assert!(redis["redis"]["endpoint"].is_string(), "{redis}");
        // What everybody may know needs nobody's word.
        assert_eq!(
            client.get_as(&token, "/api/demo/redis").await.expect(200)["redis"]["connected"],
            true
        );
    })
    .await;
}

//! Operators: the bearers of `ADMIN_TOKEN`, and Supabase users with the role `admin`.

use crate::support::{
    capture_cron, checkout,
    client::Client,
    environment::variable,
    faults::{Fault, Upstream, set_fault},
    isolation::{run_alone, share_system},
    local_system::{Role, sign_in},
    rental::Rental,
};
use serde_json::json;

const WARM: &str = "/api/admin/cache-warm?warmPopularCars=false&warmUpcomingAvailability=false";

#[tokio::test]
async fn supabase_admin_is_operator() {
    let _guard = share_system().await;
    let client = Client::new();
    let token = sign_in(Role::Admin).await;
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
async fn other_roles_are_not_operators() {
    let _guard = share_system().await;
    let client = Client::new();
    let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
    for role in [
        Role::Customer,
        Role::Unknown(""),
        Role::Unknown("ADMIN"),
        Role::Unknown("admin "),
    ] {
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
async fn unsigned_token_is_refused() {
    let _guard = share_system().await;
    let client = Client::new();
    let token_of_admin = sign_in(Role::Admin).await;
    let (content, signature) = token_of_admin.rsplit_once('.').unwrap();
    let (_, claims) = content.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.{signature}");
    for token in [
        format!("{content}.{}", signature.chars().rev().collect::<String>()),
        format!("{content}.x"),
        unsigned,
        "a.b.c".to_owned(),
        // The project's keys are JWTs too, but belong to no user.
        variable("SUPABASE_SERVICE_ROLE_KEY"),
        variable("SUPABASE_ANON_KEY"),
    ] {
        client
            .get_as(&token, WARM)
            .await
            .expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn operator_token_is_not_cron_secret() {
    let _guard = share_system().await;
    let client = Client::new();
    client
        .get_as(&sign_in(Role::Admin).await, capture_cron::CAPTURES_PATH)
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn admin_token_works_without_supabase() {
    run_alone(async {
        let client = Client::new();
        let token = sign_in(Role::Admin).await;
        set_fault(Upstream::Database, Fault::refuse()).await;
        client
            .get_as(&token, WARM)
            .await
            .expect_problem(503, "database_unavailable");
        let redis = client
            .get_as(&variable("ADMIN_TOKEN"), "/api/demo/redis")
            .await
            .expect(200);
        assert!(redis["redis"]["endpoint"].is_string(), "{redis}");
        // The public members need no authentication.
        assert_eq!(
            client.get_as(&token, "/api/demo/redis").await.expect(200)["redis"]["connected"],
            true
        );
    })
    .await;
}

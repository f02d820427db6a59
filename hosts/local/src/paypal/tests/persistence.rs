use super::{BASE, PayPal, credentials};
use crate::paypal::{LoadError, Simulator};
use exodrive_native::Clock;
use http::StatusCode;
use serde_json::json;
use std::path::PathBuf;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("exodrive-paypal-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn load(&self) -> Result<Simulator, LoadError> {
        Simulator::load(
            Clock::default(),
            credentials(),
            BASE.to_owned(),
            &self.0.join("paypal.json"),
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn a_second_start_goes_on_where_the_first_was() {
    let folder = Folder::new("goes-on");
    let first = PayPal::with(folder.load().unwrap(), Clock::default()).await;
    let (order, authorization) = first.authorized("A car").await;
    let capture = format!("/v2/payments/authorizations/{authorization}/capture");
    let captured = first.post_as("capture-1", &capture, json!({})).await;
    let shown = first.get(&format!("/v2/checkout/orders/{order}")).await;

    let second = PayPal::with(folder.load().unwrap(), Clock::default()).await;
    assert_eq!(
        second
            .get(&format!("/v2/checkout/orders/{order}"))
            .await
            .body,
        shown.body
    );
    let again = second.post_as("capture-1", &capture, json!({})).await;
    assert_eq!((again.status, again.id()), (StatusCode::OK, captured.id()));
    // Tokens are not kept.
    let stranger = PayPal {
        token: first.token,
        ..second
    };
    assert_eq!(
        stranger.get("/v2/checkout/orders/1").await.body["error"],
        "invalid_token"
    );
}

#[tokio::test]
async fn an_order_that_is_only_approved_is_kept_too() {
    let folder = Folder::new("approved");
    let first = PayPal::with(folder.load().unwrap(), Clock::default()).await;
    let order = first.order("A car").await;
    first.approve(&order).await;
    let second = PayPal::with(folder.load().unwrap(), Clock::default()).await;
    assert_eq!(
        second.status(&format!("/v2/checkout/orders/{order}")).await,
        "APPROVED"
    );
}

#[tokio::test]
async fn a_file_of_another_kind_is_not_overwritten() {
    let folder = Folder::new("malformed");
    std::fs::write(folder.0.join("paypal.json"), "[]").unwrap();
    assert!(matches!(folder.load(), Err(LoadError::Malformed { .. })));
    assert_eq!(
        std::fs::read_to_string(folder.0.join("paypal.json")).unwrap(),
        "[]"
    );
    let missing = Simulator::load(
        Clock::default(),
        credentials(),
        BASE.to_owned(),
        &folder.0.join("none/paypal.json"),
    );
    assert!(matches!(missing, Err(LoadError::Unusable { .. })));
}

//! The approval page, as a payer sees it.

use super::{PayPal, order_body, send};
use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

async fn visit(paypal: &PayPal, token: &str) -> super::TestResponse {
    let request = Request::get(format!("/checkoutnow?token={token}"))
        .body(Body::empty())
        .unwrap();
    send(&paypal.simulator, request).await
}

async fn order_with(paypal: &PayPal, context: Value, description: &str) -> String {
    let mut body = order_body(description);
    body["application_context"] = context;
    paypal.post("/v2/checkout/orders", body).await.id()
}

#[tokio::test]
async fn approval_redirects_to_shop() {
    let paypal = PayPal::new().await;
    let context =
        json!({"return_url": "https://shop.test/back?a=1", "cancel_url": "https://shop.test/no"});
    let id = order_with(&paypal, context, "4 days").await;
    let page = visit(&paypal, &id).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.headers[header::CONTENT_TYPE],
        "text/html; charset=utf-8"
    );
    for part in [
        "<html lang=\"en\">",
        "<strong>237.60 USD</strong> for 4 days",
        &format!(
            "<form method=\"post\" action=\"/checkoutnow?token={id}\"><button type=\"submit\">Approve</button>"
        ),
        &format!("<a href=\"https://shop.test/no?token={id}\">Cancel</a>"),
    ] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    let return_address = format!("https://shop.test/back?a=1&token={id}&PayerID=QYR5Z8XDVJNXQ");
    for _ in 0..2 {
        let response = paypal.approve(&id).await;
        assert_eq!(response.status, StatusCode::SEE_OTHER);
        assert_eq!(response.headers[header::LOCATION], return_address);
    }
    let page = visit(&paypal, &id).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("The payment is approved."));
    assert!(!page.text.contains("<form"));
}

#[tokio::test]
async fn shop_text_is_escaped() {
    let paypal = PayPal::new().await;
    let context =
        json!({"brand_name": "<b>'&\"", "cancel_url": "https://shop.test/?q=\"><script>"});
    let id = order_with(&paypal, context, "<script>alert(1)</script>").await;
    let page = visit(&paypal, &id).await;
    assert!(page.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.text.contains("&lt;b&gt;&#39;&amp;&quot; asks for"));
    assert!(!page.text.contains("<script"));
    assert!(!page.text.contains("<b>"));
}

#[tokio::test]
async fn unknown_order_is_404_and_expired_410() {
    let mut paypal = PayPal::new().await;
    for token in ["NONE", "", "%3Cscript%3E"] {
        assert_eq!(visit(&paypal, token).await.status, StatusCode::NOT_FOUND);
        assert_eq!(paypal.approve(token).await.status, StatusCode::NOT_FOUND);
    }
    let id = paypal.create_order("A car").await;
    paypal.advance_hours(2).await;
    assert_eq!(visit(&paypal, &id).await.status, StatusCode::OK);
    // The visit started the second window.
    paypal.advance_hours(2).await;
    assert_eq!(paypal.approve(&id).await.status, StatusCode::OK);
    let late = paypal.create_order("A car").await;
    paypal.advance_hours(3).await;
    assert_eq!(visit(&paypal, &late).await.status, StatusCode::GONE);
}

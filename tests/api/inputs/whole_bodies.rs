//! Bodies as a whole: their size, media type and JSON.

use super::assert_no_writes;
use crate::support::{
    cache::{cache_status, read_until_cached},
    client::{Client, Response},
    environment::{base_url, variable},
    isolation::{run_alone, share_system},
};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Routes that take a JSON body from anyone.
const BODIES: [&str; 3] = [
    "/api/bookings",
    "/api/bookings/create-paypal-order",
    "/api/bookings/authorize-paypal-order",
];

#[tokio::test]
async fn body_limit_is_64_kib() {
    let _guard = share_system().await;
    let client = Client::new();
    for path in BODIES {
        let mut body = b"{}".to_vec();
        body.resize(64 * 1024, b' ');
        client
            .with_new_address()
            .post_raw(path, body.clone())
            .await
            .expect_problem(422, "invalid_fields");
        for size in [64 * 1024 + 1, 1024 * 1024, 4 * 1024 * 1024] {
            body.resize(size, b' ');
            client
                .with_new_address()
                .post_raw(path, body.clone())
                .await
                .expect_problem(413, "payload_too_large");
        }
    }
}

#[tokio::test]
async fn only_json_is_accepted() {
    let _guard = share_system().await;
    let client = Client::new();
    for path in BODIES {
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "application/problem+json",
            "",
        ] {
            let request = client
                .with_new_address()
                .request(Method::POST, path)
                .header("content-type", media_type);
            Response::to(request.body("{}"))
                .await
                .expect_problem(415, "unsupported_media_type");
        }
        let undeclared = client
            .with_new_address()
            .request(Method::POST, path)
            .body("{}");
        Response::to(undeclared)
            .await
            .expect_problem(415, "unsupported_media_type");
        for media_type in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON ;x=y",
        ] {
            let request = client
                .with_new_address()
                .request(Method::POST, path)
                .header("content-type", media_type);
            Response::to(request.body("{}"))
                .await
                .expect_problem(422, "invalid_fields");
        }
    }
}

#[tokio::test]
async fn malformed_json_is_400() {
    run_alone(async {
        let client = Client::new();
        assert_no_writes(async {
            let deep = [
                b"{\"carId\":".repeat(5_000),
                b"1".to_vec(),
                b"}".repeat(5_000),
            ]
            .concat();
            let bodies: [&[u8]; 17] = [
                b"",
                b" ",
                b"{",
                b"{}x",
                b"{} {}",
                b"{'carId':'123'}",
                b"{\"carId\":}",
                b"{\"carId\":\"123\",}",
                b"{\"carId\":\"123\",\"carId\":\"test-car-id\"}",
                b"{\"carId\":\"123\",\"\\u0063arId\":\"test-car-id\"}",
                b"\xef\xbb\xbf{}",
                b"{\"carId\":\"\xff\xfe\"}",
                b"{\"carId\":\"\\ud800\"}",
                b"{\"carId\":\"a\nb\"}",
                b"{\"totalPrice\":1e999}",
                b"\0",
                &deep,
            ];
            for path in BODIES {
                for body in bodies {
                    client
                        .with_new_address()
                        .post_raw(path, body.to_vec())
                        .await
                        .expect_problem(400, "malformed_json");
                }
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn body_must_be_object() {
    run_alone(async {
        let client = Client::new();
        assert_no_writes(async {
            for path in BODIES {
                for body in ["[]", "[{}]", "1", "\"x\"", "true", "null"] {
                    client
                        .with_new_address()
                        .post_raw(path, body)
                        .await
                        .expect_invalid_fields(&[("", "wrong_type")]);
                }
            }
        })
        .await;
    })
    .await;
}

/// An incomplete body must not count as an empty one, which would clear everything.
#[tokio::test]
async fn incomplete_request_does_nothing() {
    run_alone(async {
        let path = "/api/cars";
        read_until_cached(path).await;
        let address = base_url().replace("http://", "");
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let token = variable("ADMIN_TOKEN");
        let head = format!(
            "POST /api/admin/cache/clear HTTP/1.1\r\nhost: {address}\r\n\
             authorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 20\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(!response.contains("\"cleared\""), "{response}");
        assert_eq!(cache_status(path).await, "HIT");
    })
    .await;
}

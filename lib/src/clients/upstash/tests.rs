use super::*;
use crate::scripted::ScriptedPlatform;
use futures_util::FutureExt;
use jiff::SignedDuration;

const PONG: &str = r#"[{"result":"PONG"}]"#;
const TIMEOUT: Duration = Duration::from_millis(150);

fn send(
    platform: &ScriptedPlatform,
    state: &RedisState,
    commands: &[Command],
) -> Result<Vec<Value>, RedisError> {
    let token = Secret::new("token".into());
    let redis = Upstash::new(platform, state, "http://redis.test", &token, TIMEOUT);
    redis.pipeline(commands).now_or_never().unwrap()
}

fn send_in_background(
    platform: &ScriptedPlatform,
    state: &RedisState,
    commands: &[Command],
) -> Result<Vec<Value>, RedisError> {
    let token = Secret::new("token".into());
    let redis = Upstash::new(platform, state, "http://redis.test", &token, TIMEOUT).background();
    redis.pipeline(commands).now_or_never().unwrap()
}

#[test]
fn unknown_script_is_sent_with_source() {
    let platform = ScriptedPlatform::new([
        Ok((
            200,
            r#"[{"result":7},{"error":"NOSCRIPT No matching script. Please use EVAL."}]"#,
        )),
        Ok((200, r#"[{"result":1}]"#)),
    ]);
    let commands = [
        Command::new("INCR").arg("a"),
        Command::run(&DELETE_IF_EQUAL, ["k".into()], ["v".into()]),
    ];
    let values = send(&platform, &RedisState::default(), &commands).unwrap();
    assert_eq!(values, [Value::Integer(7), Value::Integer(1)]);
    assert_eq!(platform.paths(), ["/pipeline", "/pipeline"]);
}

#[test]
fn failed_command_fails_pipeline() {
    let platform = ScriptedPlatform::new([Ok((
        200,
        r#"[{"result":7},{"error":"OOM command not allowed when used memory > 'maxmemory'."}]"#,
    ))]);
    let commands = [Command::new("INCR").arg("a"), Command::new("INCR").arg("b")];
    let error = send(&platform, &RedisState::default(), &commands).unwrap_err();
    assert!(matches!(error, RedisError::Command(_)), "{error}");
}

#[test]
fn discarded_transaction_is_an_error() {
    let platform = ScriptedPlatform::new([Ok((
        200,
        r#"{"error":"EXECABORT Transaction discarded because of previous errors."}"#,
    ))]);
    let token = Secret::new("token".into());
    let state = RedisState::default();
    let redis = Upstash::new(&platform, &state, "http://redis.test", &token, TIMEOUT);
    let result = redis
        .transaction(&[Command::ping()])
        .now_or_never()
        .unwrap();
    assert!(matches!(result, Err(RedisError::Command(_))));
    assert_eq!(platform.paths(), ["/multi-exec"]);
}

#[test]
fn any_failure_opens_breaker_for_five_seconds() {
    for failure in [
        Err(TransportError::NotSent),
        Err(TransportError::Unknown),
        Ok((
            401,
            r#"{"error":"WRONGPASS invalid or missing auth token"}"#,
        )),
        Ok((
            400,
            r#"{"error":"ERR max requests limit exceeded. Limit: 500000"}"#,
        )),
        Ok((200, "<html>")),
        Ok((200, "[]")),
    ] {
        let platform = ScriptedPlatform::new([failure, Ok((200, r#"[{"result":"PONG"}]"#))]);
        let state = RedisState::default();
        let ping = [Command::ping()];
        send(&platform, &state, &ping).unwrap_err();
        platform.advance(SignedDuration::from_millis(4_999));
        let again = send(&platform, &state, &ping);
        assert!(matches!(again, Err(RedisError::BreakerOpen)), "{failure:?}");
        platform.advance(SignedDuration::from_millis(1));
        assert_eq!(
            send(&platform, &state, &ping).unwrap(),
            [Value::Text("PONG".into())]
        );
        assert_eq!(platform.paths().len(), 2);
    }
}

#[test]
fn background_requests_have_two_seconds() {
    let (state, ping) = (RedisState::default(), [Command::ping()]);
    let platform = ScriptedPlatform::new((0..3).map(|_| Ok((200, PONG))));
    platform.set_latency(Duration::from_millis(1_999));
    let values = send_in_background(&platform, &state, &ping).unwrap();
    assert_eq!(values, [Value::Text("PONG".into())]);
    platform.set_latency(Duration::from_secs(2));
    let late = send_in_background(&platform, &state, &ping).unwrap_err();
    assert!(
        matches!(late, RedisError::NotReached(TransportError::Unknown)),
        "{late}"
    );
    platform.set_latency(TIMEOUT);
    let late = send(&platform, &state, &ping).unwrap_err();
    assert!(
        matches!(late, RedisError::NotReached(TransportError::Unknown)),
        "{late}"
    );
    assert_eq!(platform.paths().len(), 3);
}

#[test]
fn visitor_waits_for_configured_timeout() {
    let (state, token) = (RedisState::default(), Secret::new("token".into()));
    let platform = ScriptedPlatform::new((0..2).map(|_| Ok((200, PONG))));
    let timeout = Duration::from_secs(1);
    let redis = Upstash::new(&platform, &state, "http://redis.test", &token, timeout);
    let ping = [Command::ping()];
    platform.set_latency(Duration::from_millis(999));
    let values = redis.pipeline(&ping).now_or_never().unwrap().unwrap();
    assert_eq!(values, [Value::Text("PONG".into())]);
    platform.set_latency(timeout);
    let late = redis.pipeline(&ping).now_or_never().unwrap().unwrap_err();
    assert!(
        matches!(late, RedisError::NotReached(TransportError::Unknown)),
        "{late}"
    );
}

#[test]
fn background_requests_ignore_breaker() {
    let (state, ping) = (RedisState::default(), [Command::ping()]);
    let platform = ScriptedPlatform::new([
        Err(TransportError::Unknown),
        Ok((200, PONG)),
        Err(TransportError::NotSent),
        Ok((200, PONG)),
        Ok((200, PONG)),
    ]);
    send_in_background(&platform, &state, &ping).unwrap_err();
    send(&platform, &state, &ping).unwrap();
    send(&platform, &state, &ping).unwrap_err();
    send_in_background(&platform, &state, &ping).unwrap();
    let skipped = send(&platform, &state, &ping);
    assert!(matches!(skipped, Err(RedisError::BreakerOpen)));
    platform.advance(SignedDuration::from_secs(5));
    send(&platform, &state, &ping).unwrap();
    assert_eq!(platform.paths().len(), 5);
}

#[test]
fn only_refusals_certainly_change_nothing() {
    let command =
        r#"[{"result":1},{"error":"OOM command not allowed when used memory > 'maxmemory'."}]"#;
    for (response, has_changed_nothing) in [
        (Err(TransportError::NotSent), true),
        (Ok((400, "{}")), true),
        (Ok((401, "{}")), true),
        (Ok((502, "")), false),
        (Err(TransportError::Unknown), false),
        (Err(TransportError::TooLarge), false),
        (Ok((200, command)), false),
        (Ok((200, "<html>")), false),
    ] {
        let (state, increments) = (
            RedisState::default(),
            [Command::new("INCR").arg("a"), Command::new("INCR").arg("b")],
        );
        let platform = ScriptedPlatform::new([response]);
        let error = send(&platform, &state, &increments).unwrap_err();
        assert_eq!(error.has_changed_nothing(), has_changed_nothing, "{error}");
        let skipped = send(&platform, &state, &increments).unwrap_err();
        assert!(skipped.has_changed_nothing());
    }
}

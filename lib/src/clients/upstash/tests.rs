use super::*;
use crate::scripted::Scripted;
use futures_util::FutureExt;
use jiff::SignedDuration;

const PONG: &str = r#"[{"result":"PONG"}]"#;

fn ask(
    platform: &Scripted,
    memory: &Memory,
    commands: &[Command],
) -> Result<Vec<Value>, RedisError> {
    let token = Secret::new("token".into());
    let redis = Upstash::new(platform, memory, "http://redis.test", &token);
    redis.pipeline(commands).now_or_never().unwrap()
}

/// Asks for what no visitor waits for.
fn ask_patiently(
    platform: &Scripted,
    memory: &Memory,
    commands: &[Command],
) -> Result<Vec<Value>, RedisError> {
    let token = Secret::new("token".into());
    let redis = Upstash::new(platform, memory, "http://redis.test", &token).background();
    redis.pipeline(commands).now_or_never().unwrap()
}

#[test]
fn a_script_that_is_unknown_is_sent_with_its_source() {
    let platform = Scripted::new([
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
    let values = ask(&platform, &Memory::default(), &commands).unwrap();
    assert_eq!(values, [Value::Integer(7), Value::Integer(1)]);
    assert_eq!(platform.paths(), ["/pipeline", "/pipeline"]);
}

#[test]
fn one_failed_command_fails_the_whole() {
    let platform = Scripted::new([Ok((
        200,
        r#"[{"result":7},{"error":"OOM command not allowed when used memory > 'maxmemory'."}]"#,
    ))]);
    let commands = [Command::new("INCR").arg("a"), Command::new("INCR").arg("b")];
    let error = ask(&platform, &Memory::default(), &commands).unwrap_err();
    assert!(matches!(error, RedisError::Command(_)), "{error}");
}

#[test]
fn a_transaction_that_is_discarded_is_an_error() {
    let platform = Scripted::new([Ok((
        200,
        r#"{"error":"EXECABORT Transaction discarded because of previous errors."}"#,
    ))]);
    let token = Secret::new("token".into());
    let memory = Memory::default();
    let redis = Upstash::new(&platform, &memory, "http://redis.test", &token);
    let result = redis
        .transaction(&[Command::ping()])
        .now_or_never()
        .unwrap();
    assert!(matches!(result, Err(RedisError::Command(_))));
    assert_eq!(platform.paths(), ["/multi-exec"]);
}

#[test]
fn whatever_goes_wrong_redis_is_left_alone_for_five_seconds() {
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
        let platform = Scripted::new([failure, Ok((200, r#"[{"result":"PONG"}]"#))]);
        let memory = Memory::default();
        let ping = [Command::ping()];
        ask(&platform, &memory, &ping).unwrap_err();
        platform.advance(SignedDuration::from_millis(4_999));
        let again = ask(&platform, &memory, &ping);
        assert!(matches!(again, Err(RedisError::BreakerOpen)), "{failure:?}");
        platform.advance(SignedDuration::from_millis(1));
        assert_eq!(
            ask(&platform, &memory, &ping).unwrap(),
            [Value::Text("PONG".into())]
        );
        assert_eq!(platform.paths().len(), 2);
    }
}

#[test]
fn what_no_visitor_waits_for_has_two_seconds() {
    let (memory, ping) = (Memory::default(), [Command::ping()]);
    let platform = Scripted::new((0..3).map(|_| Ok((200, PONG))));
    platform.take(Duration::from_millis(1_999));
    let answer = ask_patiently(&platform, &memory, &ping).unwrap();
    assert_eq!(answer, [Value::Text("PONG".into())]);
    platform.take(Duration::from_secs(2));
    let late = ask_patiently(&platform, &memory, &ping).unwrap_err();
    assert!(
        matches!(late, RedisError::NotReached(TransportError::Unknown)),
        "{late}"
    );
    platform.take(Duration::from_millis(150));
    let late = ask(&platform, &memory, &ping).unwrap_err();
    assert!(
        matches!(late, RedisError::NotReached(TransportError::Unknown)),
        "{late}"
    );
    assert_eq!(platform.paths().len(), 3);
}

#[test]
fn what_no_visitor_waits_for_is_nothing_to_visitors() {
    let (memory, ping) = (Memory::default(), [Command::ping()]);
    let platform = Scripted::new([
        Err(TransportError::Unknown),
        Ok((200, PONG)),
        Err(TransportError::NotSent),
        Ok((200, PONG)),
        Ok((200, PONG)),
    ]);
    ask_patiently(&platform, &memory, &ping).unwrap_err();
    ask(&platform, &memory, &ping).unwrap();
    ask(&platform, &memory, &ping).unwrap_err();
    ask_patiently(&platform, &memory, &ping).unwrap();
    let left_alone = ask(&platform, &memory, &ping);
    assert!(matches!(left_alone, Err(RedisError::BreakerOpen)));
    platform.advance(SignedDuration::from_secs(5));
    ask(&platform, &memory, &ping).unwrap();
    assert_eq!(platform.paths().len(), 5);
}

#[test]
fn only_what_surely_changed_nothing_is_harmless_to_repeat() {
    let command =
        r#"[{"result":1},{"error":"OOM command not allowed when used memory > 'maxmemory'."}]"#;
    for (answer, has_changed_nothing) in [
        (Err(TransportError::NotSent), true),
        (Ok((400, "{}")), true),
        (Ok((401, "{}")), true),
        (Ok((502, "")), false),
        (Err(TransportError::Unknown), false),
        (Err(TransportError::TooLarge), false),
        (Ok((200, command)), false),
        (Ok((200, "<html>")), false),
    ] {
        let (memory, counting) = (
            Memory::default(),
            [Command::new("INCR").arg("a"), Command::new("INCR").arg("b")],
        );
        let platform = Scripted::new([answer]);
        let error = ask(&platform, &memory, &counting).unwrap_err();
        assert_eq!(error.has_changed_nothing(), has_changed_nothing, "{error}");
        let left_alone = ask(&platform, &memory, &counting).unwrap_err();
        assert!(left_alone.has_changed_nothing());
    }
}

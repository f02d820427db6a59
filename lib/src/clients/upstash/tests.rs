use super::*;
use crate::scripted::Scripted;
use futures_util::FutureExt;
use jiff::SignedDuration;

fn ask(
    platform: &Scripted,
    memory: &Memory,
    commands: &[Command],
) -> Result<Vec<Value>, RedisError> {
    let token = Secret::new("token".into());
    let redis = Upstash::new(platform, memory, "http://redis.test", &token);
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
        Command::incr("a".into()),
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
    let commands = [Command::incr("a".into()), Command::incr("b".into())];
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
